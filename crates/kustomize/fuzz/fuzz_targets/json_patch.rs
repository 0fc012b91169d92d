//! JSON patches: the input is a file of operations on every object.

#![no_main]

use kustomize_fuzz::{OBJECT, check, tree_with};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let kustomization = b"resources: [object.yaml]\npatches: [{path: patch.json, target: {name: .*}}]\n";
    let mut tree = tree_with(kustomization, OBJECT.as_bytes());
    tree.insert("patch.json", input);
    check(&tree);
});
