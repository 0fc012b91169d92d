//! Where a build reads from: bytes by path, with their size known before they are read.

/// A read-only tree of files: git's object database, a folder, or a map in memory.
///
/// Paths are relative to the root of the tree, separated by `/`, without empty, `.` and `..` segments;
/// the root itself is the empty string. The engine resolves `..` and symbolic links itself and never
/// asks for a path outside of the tree.
pub trait Tree {
    /// What stands at `path`, or `None` if nothing does. Symbolic links are reported, not followed.
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError>;

    /// The bytes of the file at `path`. The engine asks for [`Tree::entry`] first and does not read
    /// what is larger than its budget.
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError>;

    /// The names in the folder at `path`, in any order; used to find the nearest existing name for an
    /// error message, and to tell a folder without a kustomization file what it holds.
    fn list(&self, path: &str) -> Result<Vec<String>, TreeError>;
}

/// What stands at a path of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file of `size` bytes.
    File {
        /// Length in bytes.
        size: u64,
    },
    /// A folder.
    Folder,
    /// A symbolic link and the text of its target.
    Link {
        /// Where it points, relative to the folder that holds the link.
        target: String,
    },
    /// Something that a build cannot read, such as a git submodule, in words for people.
    Unreadable {
        /// What it is, as a noun: `a git submodule`.
        what: &'static str,
    },
}

/// The tree could not answer: a corrupt object database, an IO error. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TreeError(pub String);
