//! Random trees, built by this crate and by the real kustomize: the objects must be the same, or both
//! must refuse.
//!
//! Runs where `KUSTOMIZE_BIN` names the binary of kustomize v5.8.1
//! (`go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1`). `DIFFERENTIAL_TREES` sets the number of
//! trees, `DIFFERENTIAL_SEED` where proptest begins, and `DIFFERENTIAL_FOLDER` the folder for the smallest
//! tree that shows a difference. `cargo xtask differential` goes on and on.
//!
//! This is the wide search of `cargo xtask differential`: a proptest strategy over more features and their
//! combinations than the fixed trees of the test `differential`, and with shrinking. Without a kustomize to compare
//! with it does nothing.

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

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use kustomize::{Code, MemoryTree, Options, Order, build};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::Value;

/// A tree of which both say different things, and what they say.
struct Difference {
    ours: String,
    theirs: String,
}

#[test]
fn same_as_the_real_kustomize() {
    let Some(binary) = std::env::var_os("KUSTOMIZE_BIN") else {
        println!("not run: KUSTOMIZE_BIN does not name a kustomize v5.8.1");
        return;
    };
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
    };
    let (seed, count) = (number("DIFFERENTIAL_SEED", 1), number("DIFFERENTIAL_TREES", 500));
    let folder = tempfile::tempdir().unwrap();
    let tally = RefCell::new(Tally::default());
    let outcome = runner(seed, count).run(&random::tree(), |tree| {
        let compared = compare(&tree, Path::new(&binary), &folder.path().join("tree"));
        match compared {
            Ok(refused) => {
                let mut tally = tally.borrow_mut();
                tally.compared += 1;
                *tally.refused.entry(refused).or_insert(0) += 1;
                Ok(())
            }
            Err(difference) => Err(TestCaseError::fail(format!(
                "--- this crate\n{}\n--- kustomize\n{}",
                difference.ours, difference.theirs
            ))),
        }
    });
    let mut tally = tally.into_inner();
    let built = tally.refused.remove(&None).unwrap_or(0);
    let refused: Vec<String> = tally
        .refused
        .iter()
        .filter_map(|(code, count)| code.map(|code| format!("{count} {code}")))
        .collect();
    if let Err(TestError::Fail(why, tree)) = outcome {
        panic!(
            "a difference, found with seed {seed}:\n{why}\n{}{}",
            show(&tree),
            keep(&tree, &why.to_string())
        );
    }
    outcome.unwrap();
    println!(
        "seed {seed}, {count} trees: {built} built to the same objects; refused by both: {}",
        refused.join(", ")
    );
    // A generator that makes broken trees would prove nothing.
    assert!(built * 20 >= count * 17, "only {built} of {count} trees build at all");
}

/// What became of the trees.
#[derive(Default)]
struct Tally {
    compared: u64,
    /// Trees by the cause why both refuse them; `None` if both build them.
    refused: BTreeMap<Option<Code>, u64>,
}

/// proptest with a fixed beginning: the same seed makes the same trees.
fn runner(seed: u64, count: u64) -> TestRunner {
    let config = Config {
        cases: u32::try_from(count).unwrap(),
        max_shrink_iters: 600,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Writes the tree and both results to the folder `DIFFERENTIAL_FOLDER`, if there is one.
fn keep(tree: &MemoryTree, why: &str) -> String {
    let Some(folder) = std::env::var_os("DIFFERENTIAL_FOLDER") else { return String::new() };
    let folder = Path::new(&folder);
    write(tree, &folder.join("tree"));
    std::fs::write(folder.join("difference.txt"), why).unwrap();
    format!("\nThe tree and both results are in {}", folder.display())
}

fn write(tree: &MemoryTree, folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    for (path, content) in tree.files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

#[expect(clippy::print_stdout, reason = "whoever improves the generator asks for it")]
/// Nothing if both build the tree to the same objects, this crate's cause if both refuse it.
fn compare(tree: &MemoryTree, binary: &Path, folder: &Path) -> Result<Option<Code>, Difference> {
    write(tree, folder);
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
    let theirs = || {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let documents = text.split("\n---\n").filter(|document| !document.trim().is_empty());
        documents.map(|document| serde_yaml::from_str(document).unwrap()).collect::<Vec<Value>>()
    };
    match (ours, output.status.success()) {
        (Err(errors), false) => {
            // Set to see why trees that were meant to build do not.
            if std::env::var_os("DIFFERENTIAL_REFUSALS").is_some() {
                println!("refused: {}\n  {}", errors[0], complaint());
            }
            Ok(Some(errors[0].code))
        }
        (Err(errors), true) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(Difference { ours: errors.join("\n"), theirs: pretty(&theirs()) })
        }
        (Ok(built), false) => {
            let ours: Vec<Value> =
                built.objects.into_iter().map(kustomize::Object::into_value).collect();
            Err(Difference { ours: pretty(&ours), theirs: complaint() })
        }
        (Ok(built), true) => {
            let theirs = theirs();
            let ours: Vec<Value> =
                built.objects.into_iter().map(kustomize::Object::into_value).collect();
            if ours == theirs {
                return Ok(None);
            }
            Err(Difference { ours: pretty(&ours), theirs: pretty(&theirs) })
        }
    }
}

fn pretty(values: &[Value]) -> String {
    values.iter().map(|value| serde_json::to_string_pretty(value).unwrap() + "\n").collect()
}

fn show(tree: &MemoryTree) -> String {
    let files = tree
        .files()
        .map(|(path, content)| format!("=== {path}\n{}", String::from_utf8_lossy(content)));
    files.collect::<Vec<_>>().join("\n")
}
