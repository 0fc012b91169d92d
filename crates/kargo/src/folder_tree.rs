//! A folder on disk as the tree of a build.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kustomize::{Entry, Tree, TreeError};

/// Everything below a folder. Links are told to the engine, which follows them inside of the tree only.
pub(crate) struct FolderTree {
    root: PathBuf,
}

impl FolderTree {
    /// The tree that a folder belongs to, and the folder's path in it: the checkout of its git repository,
    /// or the whole file system where there is none, so that bases beside the folder are found.
    pub(crate) fn around(folder: &Path) -> std::io::Result<(Self, String)> {
        let folder = folder.canonicalize()?;
        let root = folder
            .ancestors()
            .find(|ancestor| ancestor.join(".git").exists())
            .unwrap_or(Path::new("/"))
            .to_owned();
        let below = folder.strip_prefix(&root).unwrap_or(&folder).to_string_lossy().into_owned();
        Ok((Self { root }, below))
    }

    /// Where a path of the tree is, as people in `current` would write it.
    pub(crate) fn shown(&self, path: &str, current: &Path) -> String {
        let full = self.root.join(path);
        let shared = current.ancestors().position(|ancestor| full.starts_with(ancestor));
        match (shared, current.ancestors().nth(shared.unwrap_or_default())) {
            (Some(up), Some(ancestor)) if ancestor.parent().is_some() => {
                let below = full.strip_prefix(ancestor).unwrap_or(&full);
                Path::new(&"../".repeat(up)).join(below).to_string_lossy().into_owned()
            }
            _ => full.to_string_lossy().into_owned(),
        }
    }

    fn failed(path: &str, error: &std::io::Error) -> TreeError {
        TreeError(format!("{path} cannot be read: {error}"))
    }
}

impl Tree for FolderTree {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        let full = self.root.join(path);
        let metadata = match fs::symlink_metadata(&full) {
            Ok(metadata) => metadata,
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Self::failed(path, &error)),
        };
        let entry = if metadata.is_symlink() {
            let target = fs::read_link(&full).map_err(|error| Self::failed(path, &error))?;
            Entry::Link { target: target.to_string_lossy().into_owned() }
        } else if metadata.is_dir() {
            Entry::Folder
        } else if metadata.is_file() {
            Entry::File { size: metadata.len() }
        } else {
            Entry::Unreadable { what: "a device, socket or pipe" }
        };
        Ok(Some(entry))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        fs::read(self.root.join(path)).map_err(|error| Self::failed(path, &error))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, TreeError> {
        let entries =
            fs::read_dir(self.root.join(path)).map_err(|error| Self::failed(path, &error))?;
        entries
            .map(|entry| {
                Ok(entry
                    .map_err(|error| Self::failed(path, &error))?
                    .file_name()
                    .to_string_lossy()
                    .into_owned())
            })
            .collect()
    }
}
