//! A build depends on its arguments alone: many at once give the same as one by one.

use std::thread;

use kustomize::{MemoryTree, Options, build, to_yaml};

/// Trees that differ in everything that could leak: schemas, field tables, names, errors.
fn tree(number: usize) -> MemoryTree {
    let mut tree = MemoryTree::new();
    let mut text = format!(
        "namePrefix: p{number}-\nresources: [objects.yaml]\npatches: [{{path: patch.yaml}}]\nconfigMapGenerator: [{{name: c, literals: [n={number}]}}]\n"
    );
    let list = "items:\n  - {name: a, value: 1}\n  - {name: b, value: 2}\n";
    let object = "apiVersion: example.com/v1\nkind: Example\nmetadata: {name: e}\nspec:\n  ";
    tree.insert("objects.yaml", format!("{object}{list}"));
    tree.insert("patch.yaml", format!("{object}items: [{{name: b, value: {number}}}]\n"));
    if number.is_multiple_of(2) {
        // With this schema the list is merged by name, without it is replaced.
        let schema = r#"{"definitions": {"e": {"type": "object", "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Example"}],
            "properties": {"spec": {"type": "object", "properties": {"items": {"type": "array", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name", "items": {"type": "object"}}}}}}}}"#;
        tree.insert("schema.json", schema);
        text += "openapi: {path: schema.json}\n";
    }
    if number.is_multiple_of(3) {
        tree.insert("config.yaml", "namePrefix: [{path: metadata/name, kind: Example}]\n");
        text += "configurations: [config.yaml]\n";
    }
    if number.is_multiple_of(7) {
        text += "resources: [missing.yaml]\n";
    }
    tree.insert("kustomization.yaml", text);
    tree
}

fn outcome(number: usize) -> String {
    let outcome = build(&tree(number), "", &Options::default());
    let result = match &outcome.result {
        Ok(built) => to_yaml(&built.objects),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    format!("{result}{:?}{:?}", outcome.looked_at, outcome.warnings)
}

#[test]
fn a_hundred_builds_at_once() {
    let alone: Vec<String> = (0..100).map(outcome).collect();
    let threads: Vec<_> = (0..8)
        .map(|offset| {
            thread::spawn(move || {
                (0..100)
                    .map(|number| (number + offset * 13) % 100)
                    .map(|number| (number, outcome(number)))
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    for thread in threads {
        for (number, together) in thread.join().unwrap() {
            assert_eq!(together, alone[number], "tree {number}");
        }
    }
}

#[test]
fn a_schema_stays_in_its_build() {
    let with_schema = outcome(2);
    assert!(with_schema.contains("name: a"), "merged by name: {with_schema}");
    let without = outcome(1);
    assert!(!without.contains("name: a\n"), "replaced: {without}");
}
