//! Strategic merge patches: the input is a file of them, for a Deployment, a Service and a kind without schema.

#![no_main]

use kustomize_fuzz::{OBJECT, check, tree_with};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut tree = tree_with(b"resources: [object.yaml]\npatches: [{path: patch.yaml}]\n", OBJECT.as_bytes());
    tree.insert("patch.yaml", input);
    check(&tree);
    // With a target, the patch need not name its object: far more inputs get as far as the merge.
    let kustomization = b"resources: [object.yaml]\npatches: [{path: patch.yaml, target: {name: .*}, options: {allowNameChange: true, allowKindChange: true}}]\n";
    tree.insert("kustomization.yaml", kustomization);
    check(&tree);
});
