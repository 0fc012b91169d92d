//! A tree in memory, for tests, examples and callers that hold their files anyway.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Entry, Tree, TreeError};

/// Files by path, in memory.
///
/// ```
/// let tree = kustomize::MemoryTree::from_iter([
///     ("app/kustomization.yaml", "configMapGenerator: [{name: settings, literals: [color=blue]}]"),
/// ]);
/// let built = kustomize::build(&tree, "app", &kustomize::Options::default()).result.unwrap();
/// assert_eq!(built.objects[0].value()["data"]["color"], "blue");
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    files: BTreeMap<String, Vec<u8>>,
    links: BTreeMap<String, String>,
    folders: BTreeSet<String>,
}

impl MemoryTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self { folders: BTreeSet::from([String::new()]), ..Self::default() }
    }

    /// Puts a file at `path`; its folders come into being.
    pub fn insert(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        let path = path.into();
        self.add_parents(&path);
        self.files.insert(path, content.into());
    }

    /// Puts a symbolic link at `path` that points to `target`.
    pub fn insert_link(&mut self, path: impl Into<String>, target: impl Into<String>) {
        let path = path.into();
        self.add_parents(&path);
        self.links.insert(path, target.into());
    }

    /// Puts an empty folder at `path`.
    pub fn insert_folder(&mut self, path: impl Into<String>) {
        let path = path.into();
        self.add_parents(&path);
        self.folders.insert(path);
    }

    /// All files in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    fn add_parents(&mut self, path: &str) {
        let mut rest = path;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            if !self.folders.insert(folder.to_owned()) {
                break;
            }
            rest = folder;
        }
    }
}

impl<P: Into<String>, C: Into<Vec<u8>>> FromIterator<(P, C)> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = (P, C)>>(files: I) -> Self {
        let mut tree = Self::new();
        for (path, content) in files {
            tree.insert(path, content);
        }
        tree
    }
}

impl Tree for MemoryTree {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        if let Some(content) = self.files.get(path) {
            return Ok(Some(Entry::File { size: content.len() as u64 }));
        }
        if let Some(target) = self.links.get(path) {
            return Ok(Some(Entry::Link { target: target.clone() }));
        }
        Ok((path.is_empty() || self.folders.contains(path)).then_some(Entry::Folder))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.files.get(path).cloned().ok_or_else(|| TreeError(format!("no file at {path}")))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, TreeError> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let names = self.files.keys().chain(self.links.keys()).chain(self.folders.iter());
        let children: BTreeSet<String> = names
            .filter_map(|name| name.strip_prefix(&prefix))
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .map(str::to_owned)
            .collect();
        Ok(children.into_iter().collect())
    }
}
