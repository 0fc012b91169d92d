//! kustomize's own end-to-end cases as data: a tree, and the documents or the error that must come out.
//!
//! The cases are not part of this repository. The test runs where their folder is found: at
//! `KARGO_KUSTOMIZE_CASES`, or beside the repository. It prints `passed/total`.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::path::{Path, PathBuf};

use kustomize::{
    Code, KUSTOMIZE_VERSION, LoadRestrictor, MemoryTree, Object, Options, Order, build,
};
use serde_json::Value;

/// Builds that this crate refuses on purpose, and how: they would use the network or run programs.
const REFUSED: &[(&str, Code)] =
    &[("helm", Code::Executable), ("remote", Code::Remote), ("plugin", Code::Executable)];

/// The errors that must come out, by their codes. Upstream's texts are chains of Go errors; ours name
/// file, line, cause and remedy in sentences instead, so no text is the same, and none is meant to be.
const ERRORS: &[(&str, Code)] = &[
    ("TestAccumulateResourcesErrors__absolute_file_violates_restrictions", Code::Escape),
    ("TestAccumulateResourcesErrors__absolute_path_does_not_exist", Code::Escape),
    ("TestAccumulateResourcesErrors__local_file_qualifies_as_repo", Code::Remote),
    ("TestAccumulateResourcesErrors__malformed_yaml_yields_an_error", Code::Yaml),
    ("TestAccumulateResourcesErrors__relative_file_violates_restrictions", Code::Escape),
    ("TestAccumulateResourcesErrors__relative_path_does_not_exist", Code::MissingFile),
    ("TestBaseMustHaveKustomizationFile", Code::MissingKustomization),
    ("TestBasicIO3812", Code::Yaml),
    ("TestBasicVarCollision", Code::InvalidVariable),
    ("TestBlankNamespace4240", Code::WrongType),
    ("TestBug506", Code::InvalidVariable),
    ("TestComplexComposition_Dev_Failure", Code::DuplicateObject),
    ("TestComplexComposition_Prod_Failure", Code::DuplicateObject),
    (
        "TestComponentErrors__components-cannot-add-bases-containing-the-same-resource",
        Code::DuplicateObject,
    ),
    ("TestComponentErrors__components-cannot-add-the-same-base", Code::DuplicateObject),
    ("TestComponentErrors__components-cannot-add-the-same-resource", Code::DuplicateObject),
    ("TestComponentErrors__components-cannot-be-added-to-resources", Code::WrongFileKind),
    ("TestComponentErrors__files-cannot-be-added-to-components-list", Code::WrongFileKind),
    ("TestComponentErrors__invalid-component-api-version", Code::InvalidValue),
    ("TestComponentErrors__kustomizations-cannot-be-added-to-components", Code::WrongFileKind),
    ("TestConfigMapGeneratingIntoSameNamespace", Code::DuplicateObject),
    ("TestCustomOpenApiFieldBothPathAndVersion", Code::InvalidValue),
    ("TestCustomOpenApiFieldFileNotFound", Code::MissingFile),
    ("TestCustomOpenApiFieldNotBuiltin", Code::InvalidValue),
    ("TestDuplicateKeys", Code::DuplicateKey),
    ("TestEmptyFileSystem", Code::MissingFile),
    ("TestEmptyPatchesStrategicMergeFails", Code::InvalidPatch),
    ("TestIntermediateNameAmbiguous", Code::SeveralMatches),
    ("TestInvalidLegacySortOptionsWithFIFOOrder", Code::InvalidValue),
    ("TestInvalidLegacySortOptionsWithoutOrderKey", Code::InvalidValue),
    ("TestIssue1251_CompositeDiamond_Failure", Code::DuplicateObject),
    ("TestIssue1251_Patches_ProdVsDev_Failure", Code::Escape),
    ("TestMultibasesWithConflict", Code::SeveralMatches),
    ("TestNamedspacedServiceAccountsWithOverlap", Code::SeveralMatches),
    ("TestPatchOriginalNameAndNewKind", Code::NoMatch),
    ("TestRepeatBase", Code::SeveralMatches),
    ("TestResourceNotFound", Code::MissingFile),
    ("TestSecretGeneratingIntoSameNamespace", Code::DuplicateObject),
    ("TestSharedPatchDisAllowed", Code::Escape),
    ("TestSortOrderGivenAsTransformer", Code::InvalidValue),
    ("TestTargetMustHaveKustomizationFile", Code::MissingKustomization),
    ("TestTargetMustHaveOnlyOneKustomizationFile", Code::SeveralKustomizations),
    ("TestVariablesAmbiguous", Code::InvalidVariable),
];

/// Cases whose bases are named by a path above the root of their file system, which stays the root there.
const ABOVE_THE_ROOT: &[&str] = &["TestNameReferenceDeploymentIssue3489"];

#[test]
fn upstream_cases() {
    let Some(folder) = cases_folder() else {
        println!("not run: no folder with cases at KARGO_KUSTOMIZE_CASES or beside the repository");
        return;
    };
    let mut failures = Vec::new();
    let mut names: Vec<PathBuf> = read_dir(&folder);
    names.retain(|path| path.join("case.json").exists());
    let total = names.len();
    for path in &names {
        if let Err(why) = run(path) {
            failures.push(format!("{}: {why}", path.file_name().unwrap().to_string_lossy()));
        }
    }
    println!("{}/{total} cases passed", total - failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn cases_folder() -> Option<PathBuf> {
    let from_environment = environment("KARGO_KUSTOMIZE_CASES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/kustomize/cases");
    [from_environment, Some(beside)].into_iter().flatten().find(|path| path.is_dir())
}

fn run(path: &Path) -> Result<(), String> {
    let case: Value = serde_json::from_slice(&read(&path.join("case.json"))).unwrap();
    let mut tree = MemoryTree::new();
    // A case about an empty file system has no folder.
    if path.join("in").is_dir() {
        load(&path.join("in"), "", &mut tree);
    }
    let flags: Vec<&str> =
        case["flags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let options = Options {
        order: if case["reorder"] == "legacy" { Order::Legacy } else { Order::Fifo },
        load: if flags.contains(&"--load-restrictor=LoadRestrictionsNone") {
            LoadRestrictor::Tree
        } else {
            LoadRestrictor::RootOnly
        },
        managed_by_label: flags.contains(&"--enable-managedby-label"),
        ..Options::default()
    };
    let mut run_path = case["run_path"].as_str().unwrap();
    if ABOVE_THE_ROOT.iter().any(|name| path.ends_with(name)) {
        load(&path.join("in"), "below", &mut tree);
        run_path = "below";
    }
    let outcome = build(&tree, run_path, &options);
    let needs = case["needs"].as_array().unwrap().first().and_then(Value::as_str);
    if let Some(needs) = needs {
        let (_, code) =
            REFUSED.iter().find(|(name, _)| *name == needs).ok_or("needs something unknown")?;
        return match outcome.result {
            Err(errors) if errors.iter().any(|error| error.code == *code) => Ok(()),
            other => Err(format!("must be refused with {code}, but: {other:?}")),
        };
    }
    match (case["expect"].as_str().unwrap(), outcome.result) {
        ("yaml", Ok(built)) => same(&built.objects, &read(&path.join("expected.yaml"))),
        ("yaml", Err(errors)) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(format!("does not build: {}", errors.join("\n    ")))
        }
        ("error", Err(errors)) => {
            let name = path.file_name().unwrap().to_string_lossy();
            let row = ERRORS.iter().find(|(case, _)| *case == name);
            match row {
                Some((_, code)) if errors.iter().any(|error| error.code == *code) => Ok(()),
                other => Err(format!("must fail with {other:?}, but: {}", errors[0])),
            }
        }
        ("error", Ok(_)) => Err("builds, but must not".to_owned()),
        (other, _) => Err(format!("unknown expectation {other}")),
    }
}

/// Compares documents as JSON values, in order. The expected text is read by another YAML reader.
fn same(objects: &[Object], expected: &[u8]) -> Result<(), String> {
    // Upstream's own tests are no release.
    let expected = String::from_utf8_lossy(expected)
        .replace("kustomize-(test)", &format!("kustomize-{KUSTOMIZE_VERSION}"));
    let documents = expected.split("\n---\n").filter(|document| !document.trim().is_empty());
    let wanted: Vec<Value> =
        documents.map(|document| serde_yaml::from_str(document).unwrap()).collect();
    for (number, (found, wanted)) in objects.iter().zip(&wanted).enumerate() {
        if found.value() != wanted {
            let found = kustomize::to_yaml([found]);
            return Err(format!(
                "document {number} differs:\n--- found\n{found}\n--- expected\n{wanted:#}"
            ));
        }
    }
    if objects.len() == wanted.len() {
        Ok(())
    } else {
        Err(format!("{} documents, not {}", objects.len(), wanted.len()))
    }
}

fn load(folder: &Path, prefix: &str, tree: &mut MemoryTree) {
    for path in read_dir(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let in_tree = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if path.is_symlink() {
            let target = path.read_link().unwrap();
            tree.insert_link(in_tree, target.to_string_lossy());
        } else if path.is_dir() {
            tree.insert_folder(in_tree.as_str());
            load(&path, &in_tree, tree);
        } else {
            tree.insert(in_tree, read(&path));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the cases lie in a folder")]
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the cases lie in a folder")]
fn read_dir(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[expect(clippy::disallowed_methods, reason = "the folder may be named from outside")]
fn environment(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
