//! The kustomization file: the input is one, with an object, a patch and an env file beside it.

#![no_main]

use kustomize_fuzz::{OBJECT, check, tree_with};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut tree = tree_with(input, OBJECT.as_bytes());
    tree.insert("patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n");
    tree.insert("a.env", "A=b\n# comment\nC\n");
    check(&tree);
});
