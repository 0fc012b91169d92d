//! Habits of kustomize that change values and that users rely on, kept on purpose. The expected values
//! come from kustomize v5.8.1 itself.

use kustomize::{MemoryTree, Options, build};
use serde_json::{Value, json};

const KUSTOMIZATION: &str = "\
resources: [objects.yaml]
configMapGenerator: [{name: c, literals: [a=<b>]}]
secretGenerator: [{name: s, literals: [a=b]}]
images: [{name: nginx, tagSuffix: -x}]
patches:
- target: {kind: Big}
  patch: '- {op: add, path: /x, value: yes}'
- patch: '{apiVersion: v1, kind: Service, metadata: {name: p}, spec: {ports: [{port: 80, protocol: TCP, name: web}]}}'
";

const OBJECTS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: p, annotations: {a: 1, b: null, c: true}, labels: {a: 1}}
spec: {containers: [{name: a, image: 'nginx:1'}]}
mode: 0644
date: 2020-1-1
word: yes
---
apiVersion: x/v1
kind: Big
metadata: {name: b}
n: 9007199254740993
---
apiVersion: v1
kind: Service
metadata: {name: p}
gone:
kept: null
spec: {ports: [{port: 80}, {port: 80, protocol: UDP}]}
";

fn value(kind: &str, pointer: &str) -> Option<Value> {
    let tree =
        MemoryTree::from_iter([("kustomization.yaml", KUSTOMIZATION), ("objects.yaml", OBJECTS)]);
    let built = build(&tree, "", &Options::default()).result.ok()?;
    let object = built.objects.into_iter().find(|object| object.value()["kind"] == kind)?;
    object.value().pointer(pointer).cloned()
}

#[test]
fn octal_numbers_become_decimal() {
    assert_eq!(value("Pod", "/mode"), Some(json!(420)));
}

#[test]
fn dates_are_rewritten() {
    assert_eq!(value("Pod", "/date"), Some(json!("2020-01-01T00:00:00Z")));
}

#[test]
fn words_are_strings_in_resources_and_booleans_in_json_patches() {
    assert_eq!(value("Pod", "/word"), Some(json!("yes")));
    assert_eq!(value("Big", "/x"), Some(json!(true)));
}

#[test]
fn annotations_become_texts_and_labels_do_not() {
    assert_eq!(
        value("Pod", "/metadata/annotations"),
        Some(json!({"a": "1", "b": "null", "c": "true"}))
    );
    assert_eq!(value("Pod", "/metadata/labels"), Some(json!({"a": 1})));
}

#[test]
fn a_tag_suffix_is_added_twice_to_pods() {
    assert_eq!(value("Pod", "/spec/containers/0/image"), Some(json!("nginx:1-x-x")));
}

#[test]
fn the_hash_of_a_generated_object_does_not_depend_on_its_name() {
    assert_eq!(value("ConfigMap", "/metadata/name"), Some(json!("c-9t52kmmgh5")));
    assert_eq!(value("Secret", "/metadata/name"), Some(json!("s-k695gkmbtk")));
}

#[test]
fn integers_pass_through_floats_in_a_json_patch() {
    assert_eq!(value("Big", "/n"), Some(json!(9_007_199_254_740_992_u64)));
}

#[test]
fn ports_that_differ_only_by_a_missing_protocol_are_merged_and_lose_the_patch() {
    assert_eq!(
        value("Service", "/spec/ports"),
        Some(json!([{"port": 80}, {"port": 80, "protocol": "UDP"}]))
    );
}

#[test]
fn a_strategic_merge_patch_removes_empty_values_and_keeps_nulls() {
    assert_eq!(value("Service", "/gone"), None);
    assert_eq!(value("Service", "/kept"), Some(Value::Null));
}

#[test]
fn labels_that_were_added_together_change_together() {
    let tree = MemoryTree::from_iter([
        ("top/kustomization.yaml", "resources: [../base]\nlabels: [{pairs: {env: prod}}]\n"),
        (
            "base/kustomization.yaml",
            "resources: [service.yaml]\nlabels: [{pairs: {env: dev}, includeSelectors: true}]\n",
        ),
        (
            "base/service.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}}\n",
        ),
    ]);
    let built = build(&tree, "top", &Options::default()).result.ok();
    let selector =
        built.and_then(|built| built.objects[0].value().pointer("/spec/selector").cloned());
    assert_eq!(selector, Some(json!({"app": "web", "env": "prod"})));
}
