//! What 191 plain scalars become, as values of a resource and of a JSON patch that is written as YAML.
//! The table was made by running kustomize.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use kustomize::{MemoryTree, Options, build, to_yaml};
use serde_json::Value;

const TABLE: &str = include_str!("../data/yaml-scalars.json");

#[test]
fn plain_scalars_in_a_resource() {
    check("resource", |scalar| {
        MemoryTree::from_iter([
            ("kustomization.yaml", "resources: [object.yaml]\n".to_owned()),
            (
                "object.yaml",
                format!(
                    "apiVersion: example.com/v1\nkind: Example\nmetadata: {{name: a}}\nvalue: {scalar}\n"
                ),
            ),
        ])
    });
}

#[test]
fn plain_scalars_in_a_json_patch() {
    check("json6902_yaml", |scalar| {
        let patch = format!("- op: add\n  path: /value\n  value: {scalar}\n");
        MemoryTree::from_iter([
            ("kustomization.yaml", "resources: [object.yaml]\npatches: [{path: patch.yaml, target: {kind: Example}}]\n".to_owned()),
            ("object.yaml", "apiVersion: example.com/v1\nkind: Example\nmetadata: {name: a}\n".to_owned()),
            ("patch.yaml", patch),
        ])
    });
}

fn check(column: &str, tree_with: impl Fn(&str) -> MemoryTree) {
    let table: Value = serde_json::from_str(TABLE).unwrap();
    let rows = table["scalars"].as_object().unwrap();
    assert_eq!(rows.len(), 191);
    let mut failures = Vec::new();
    for (scalar, row) in rows {
        let expected = row[column].as_str().unwrap();
        let outcome = build(&tree_with(scalar), "", &Options::default());
        let found = match outcome.result {
            Ok(built) => {
                let text = to_yaml(&built.objects);
                text.lines()
                    .find_map(|line| line.strip_prefix("value: "))
                    .unwrap_or("nothing")
                    .to_owned()
            }
            Err(errors) => format!("ERR {}", errors[0]),
        };
        let fails_as_expected = expected.starts_with("ERR") && found.starts_with("ERR");
        if found != expected && !fails_as_expected {
            failures.push(format!("{scalar}: {found}, not {expected}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} rows differ:\n{}",
        failures.len(),
        rows.len(),
        failures.join("\n")
    );
}
