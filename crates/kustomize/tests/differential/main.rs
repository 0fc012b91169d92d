//! Random trees, built by this crate and by the real kustomize: the objects must be the same, or both
//! must refuse.
//!
//! Runs where `KUSTOMIZE_BIN` names the binary of kustomize v5.8.1
//! (`go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1`). `DIFFERENTIAL_TREES` sets the number of
//! trees, `DIFFERENTIAL_SEED` the first of them.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]
#![expect(
    clippy::disallowed_methods,
    reason = "the real kustomize reads folders and is another process"
)]
#![expect(
    clippy::format_push_string,
    reason = "a generator of texts reads best this way, and speed does not matter"
)]

mod objects;
mod random;
mod trees;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use kustomize::{Code, MemoryTree, Options, Order, build};
use serde_json::Value;

use crate::random::Random;

#[test]
fn same_as_the_real_kustomize() {
    let Some(binary) = std::env::var_os("KUSTOMIZE_BIN") else {
        println!("not run: KUSTOMIZE_BIN does not name a kustomize v5.8.1");
        return;
    };
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
    };
    let (first, count) = (number("DIFFERENTIAL_SEED", 1), number("DIFFERENTIAL_TREES", 500));
    let folder =
        std::env::temp_dir().join(format!("kustomize-differential-{}", std::process::id()));
    let (mut built, mut refused, mut differences) = (0, BTreeMap::new(), Vec::new());
    for seed in first..first + count {
        let tree = trees::tree(&mut Random::new(seed));
        match compare(&tree, Path::new(&binary), &folder) {
            Ok(None) => built += 1,
            Ok(Some(code)) => *refused.entry(code).or_insert(0) += 1,
            Err(difference) => differences.push(format!("seed {seed}: {difference}")),
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    println!(
        "{count} trees: {built} built to the same objects; refused by both, by cause: {refused:?}"
    );
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n\n")
    );
    // A generator that makes only broken trees would prove nothing.
    assert!(built * 2 >= count, "only {built} of {count} trees build at all");
}

/// Nothing if both build the tree to the same objects, this crate's cause if both refuse it.
fn compare(tree: &MemoryTree, binary: &Path, folder: &Path) -> Result<Option<Code>, String> {
    let _ = std::fs::remove_dir_all(folder);
    for (path, content) in tree.files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let output = Command::new(binary).arg("build").arg(folder.join("top")).output().unwrap();
    let options = Options { order: Order::Legacy, ..Options::default() };
    let ours = build(tree, "top", &options).result;
    let complaint = || {
        String::from_utf8_lossy(&output.stderr)
            .replace(&*folder.to_string_lossy(), "")
            .chars()
            .take(1500)
            .collect::<String>()
    };
    match (ours, output.status.success()) {
        (Err(errors), false) => Ok(Some(errors[0].code)),
        (Err(errors), true) => {
            Err(format!("only this crate refuses: {}\n{}", errors[0], show(tree)))
        }
        (Ok(_), false) => Err(format!("only kustomize refuses: {}\n{}", complaint(), show(tree))),
        (Ok(built), true) => {
            let text = String::from_utf8(output.stdout).unwrap();
            let documents = text.split("\n---\n").filter(|document| !document.trim().is_empty());
            let theirs: Vec<Value> =
                documents.map(|document| serde_yaml::from_str(document).unwrap()).collect();
            let ours: Vec<&Value> = built.objects.iter().map(kustomize::Object::value).collect();
            for (ours, theirs) in ours.iter().zip(&theirs) {
                if *ours != theirs {
                    return Err(format!(
                        "--- this crate\n{}--- kustomize\n{}{}",
                        yaml(ours),
                        yaml(theirs),
                        show(tree)
                    ));
                }
            }
            if ours.len() == theirs.len() {
                Ok(None)
            } else {
                Err(format!("{} objects, not {}\n{}", ours.len(), theirs.len(), show(tree)))
            }
        }
    }
}

/// One difference at a time is easier to see line by line.
fn yaml(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn show(tree: &MemoryTree) -> String {
    let files = tree
        .files()
        .map(|(path, content)| format!("=== {path}\n{}", String::from_utf8_lossy(content)));
    files.collect::<Vec<_>>().join("\n")
}
