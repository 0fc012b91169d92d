//! What the fuzz targets have in common: the trees that they put their input into, and what has to hold
//! for every answer.

use kustomize::{MemoryTree, Options, Outcome, build, to_yaml};

/// The root kustomization of every tree.
pub const KUSTOMIZATION: &str = "kustomization.yaml";

/// An object with a bit of everything that patches treat in a way of its own.
pub const OBJECT: &str = include_str!("../seeds/object.yaml");

/// A tree of one kustomization with these lines, and `object.yaml` beside it.
pub fn tree_with(kustomization: &[u8], object: &[u8]) -> MemoryTree {
    MemoryTree::from_iter([(KUSTOMIZATION, kustomization), ("object.yaml", object)])
}

/// A tree from one text: a line `=== path` starts a file, a line `=> path target` stands for a symbolic link.
pub fn tree_from(input: &[u8]) -> MemoryTree {
    let mut tree = MemoryTree::new();
    let mut file: Option<(String, Vec<u8>)> = None;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        if let Some(path) = text.strip_prefix("=== ") {
            if let Some((path, content)) = file.replace((path.trim_end().to_owned(), Vec::new())) {
                tree.insert(path, content);
            }
        } else if let Some((path, target)) =
            text.strip_prefix("=> ").and_then(|link| link.trim_end().split_once(' '))
        {
            tree.insert_link(path, target);
        } else if let Some((_, content)) = &mut file {
            content.extend_from_slice(line);
        }
    }
    if let Some((path, content)) = file {
        tree.insert(path, content);
    }
    tree
}

/// Builds the tree and checks what holds for every answer.
pub fn check(tree: &MemoryTree) {
    let Outcome { result, looked_at, .. } = build(tree, "", &Options::default());
    assert!(!looked_at.is_empty(), "nothing was looked at");
    match result {
        Ok(built) => {
            assert!(built.objects.iter().all(|object| object.value().is_object()));
            assert!(built.objects.is_empty() || !to_yaml(&built.objects).is_empty());
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            for error in errors {
                assert!(!error.to_string().is_empty() && error.position.is_some(), "{error}");
            }
        }
    }
}
