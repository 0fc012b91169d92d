//! Whole builds: the input is a tree of files in one text; see `tree_from`.

#![no_main]

use kustomize_fuzz::{check, tree_from};

libfuzzer_sys::fuzz_target!(|input: &[u8]| check(&tree_from(input)));
