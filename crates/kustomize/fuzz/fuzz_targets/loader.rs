//! The YAML loader: the input is a file of resources.

#![no_main]

use kustomize_fuzz::{check, tree_with};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    check(&tree_with(b"resources: [object.yaml]\n", input));
});
