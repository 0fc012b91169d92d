//! What a repository is called and how one gets in.

mod access;
mod url;

pub use access::{Access, AccessError};
pub(crate) use access::{GithubApp, Login, Proxy, SshLogin};
pub use url::{Scheme, Url, UrlError};

use crate::CommitId;

/// A repository as one app sees it: its address and, for private ones, how to get in.
///
/// Caches and answers are shared by all apps whose remotes are equal in both, and never beyond that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Remote {
    url: Url,
    access: Access,
}

impl Remote {
    /// A repository that is open to everybody.
    pub fn new(url: Url) -> Self {
        Self { url, access: Access::default() }
    }

    /// The same repository, entered with `access`.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Its address.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// What an app follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The tip of a branch, by its short name (`main`, `team/main`).
    Branch(String),
    /// A tag, by its short name; an annotated tag stands for the commit it names.
    Tag(String),
    /// Exactly this commit, whatever the branches say.
    Commit(CommitId),
}
