//! Where in the tree something stands.

use std::fmt;
use std::sync::Arc;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Path of the file in the tree.
    pub file: Arc<str>,
    /// Line, counted from 1; 0 if only the file is known.
    pub line: u32,
    /// Column in characters, counted from 1; 0 if only the file is known.
    pub column: u32,
}

impl Position {
    /// The file as a whole.
    pub fn of_file(file: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.file)
        } else {
            write!(f, "{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

/// A [`Position`] in 12 bytes: the file is a number in [`Files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Spot {
    /// Made by the build, not written in any file.
    pub(crate) const NOWHERE: Self = Self { file: u32::MAX, line: 0, column: 0 };

    /// The file as a whole.
    pub(crate) fn of_file(file: u32) -> Self {
        Self { file, line: 0, column: 0 }
    }

    pub(crate) fn is_known(self) -> bool {
        self.file != u32::MAX
    }
}

/// The files of a build by number.
#[derive(Debug, Default, Clone)]
pub(crate) struct Files {
    names: Vec<Arc<str>>,
}

impl Files {
    pub(crate) fn add(&mut self, name: &str) -> u32 {
        // A folder's kustomization is often read again: the last names are worth a look.
        if let Some(found) = self.names.iter().rev().take(8).position(|known| &**known == name) {
            return u32::try_from(self.names.len() - 1 - found).unwrap_or(u32::MAX - 1);
        }
        self.names.push(Arc::from(name));
        u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX - 1)
    }

    pub(crate) fn position(&self, spot: Spot) -> Option<Position> {
        let file = self.names.get(spot.file as usize)?;
        Some(Position { file: file.clone(), line: spot.line, column: spot.column })
    }
}
