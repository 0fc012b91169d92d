//! What can be wrong with a tree, in words for the people who pushed it.

use std::fmt;

use crate::position::Position;

/// One thing that is wrong, where, and what to do about it.
///
/// Its text is `file:line:column: what. what to do.`
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The kind of error; stable over versions.
    pub code: Code,
    /// Where; the line is 0 where only a file or folder can be named.
    pub position: Option<Position>,
    /// What happened and why, one sentence without the final full stop.
    pub what: String,
    /// What to do about it, one sentence without the final full stop.
    pub help: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.position {
            write!(f, "{position}: ")?;
        }
        f.write_str(&self.what)?;
        if !self.what.ends_with(['.', '?', '!']) {
            f.write_str(".")?;
        }
        if let Some(help) = &self.help {
            write!(f, " {help}")?;
            if !help.ends_with(['.', '?', '!']) {
                f.write_str(".")?;
            }
        }
        Ok(())
    }
}

/// Something that works and should be changed nevertheless, such as a deprecated field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub position: Option<Position>,
    /// What, one sentence without the final full stop.
    pub what: String,
    /// What to do, one sentence without the final full stop.
    pub help: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.position {
            write!(f, "{position}: ")?;
        }
        write!(f, "{}.", self.what)?;
        match &self.help {
            Some(help) => write!(f, " {help}."),
            None => Ok(()),
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kinds of [`Error`]. Their texts are stable and may be searched for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// All codes, for documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as text, such as `missing-file`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// The tree itself could not answer.
    TreeFailed = "tree-failed",
    /// The path to build is not a folder of the tree.
    NotAFolder = "not-a-folder",
    /// A file or folder that is named does not exist.
    MissingFile = "missing-file",
    /// A folder has no kustomization file.
    MissingKustomization = "missing-kustomization",
    /// A folder has more than one kustomization file.
    SeveralKustomizations = "several-kustomizations",
    /// A kustomization file says nothing.
    EmptyKustomization = "empty-kustomization",
    /// A path leads out of the tree, or a file out of the folder of its kustomization.
    Escape = "escape",
    /// A URL or git repository is named; a build has no network.
    Remote = "remote",
    /// A Helm chart, plugin or function; a build executes nothing.
    Executable = "executable",
    /// A folder where a file belongs, or the other way round.
    WrongFileKind = "wrong-file-kind",
    /// A kustomization is its own base, directly or over others.
    Cycle = "cycle",
    /// The text is not YAML.
    Yaml = "yaml",
    /// A tab where YAML wants spaces.
    Tab = "tab",
    /// The text is not UTF-8 or holds control characters.
    Encoding = "encoding",
    /// The same key twice in one map.
    DuplicateKey = "duplicate-key",
    /// Something in a document that kustomize would drop without a word.
    DroppedContent = "dropped-content",
    /// A limit of the [`Budget`](crate::Budget) was reached.
    Budget = "budget",
    /// A field that kustomize does not know.
    UnknownField = "unknown-field",
    /// A value of the wrong type.
    WrongType = "wrong-type",
    /// A value that is not allowed.
    InvalidValue = "invalid-value",
    /// A document that is not a Kubernetes object.
    NotAnObject = "not-an-object",
    /// An object without a kind.
    MissingKind = "missing-kind",
    /// An object without a name.
    MissingName = "missing-name",
    /// The same object twice.
    DuplicateObject = "duplicate-object",
    /// A patch, replica, replacement or variable that finds nothing to change.
    NoMatch = "no-match",
    /// A patch, replacement or variable that finds more than one object where one is meant.
    SeveralMatches = "several-matches",
    /// A patch that is neither a strategic merge patch nor a JSON patch, or that cannot be applied.
    InvalidPatch = "invalid-patch",
    /// A generator whose input is not valid.
    InvalidGenerator = "invalid-generator",
    /// A replacement that cannot be carried out.
    InvalidReplacement = "invalid-replacement",
    /// A field path that leads to something else than expected.
    InvalidFieldPath = "invalid-field-path",
    /// A selector or regular expression that cannot be read.
    InvalidSelector = "invalid-selector",
    /// A variable that cannot be resolved.
    InvalidVariable = "invalid-variable",
    /// A value that JSON cannot hold.
    NotJson = "not-json",
    /// A validator changed an object.
    ValidatorChanged = "validator-changed",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
