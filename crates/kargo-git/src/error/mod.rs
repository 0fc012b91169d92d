//! What is said when it does not work: one error, in words for the person who owns the repository.

mod words;

use std::time::Duration;

/// A failure of resolve or fetch: which remote, at which step, why.
///
/// Its text is one or two sentences: what happened and where, then what to do. It never holds a credential,
/// and foreign text in it has passed [`sanitize`](crate::text::sanitize).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    remote: String,
    step: Step,
    cause: Cause,
}

/// What was being done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Asking the remote which commit a reference names.
    Resolve,
    /// Bringing a commit into the cache.
    Fetch,
    /// Reading the commit's tree.
    Read,
    /// Checking the commit's signature.
    Verify,
}

/// Why it failed, for programs; [`Error`]'s text says it for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The remote has no such branch.
    BranchMissing {
        /// The branch that was asked for.
        branch: String,
        /// Branches that exist, sanitised, the default first, at most [`Cause::LISTED`].
        branches: Vec<String>,
        /// How many branches there are in all.
        count: usize,
        /// The branch that the server's `HEAD` points to, if it is one of them.
        default: Option<String>,
    },
    /// The remote has no such tag.
    TagMissing {
        /// The tag that was asked for.
        tag: String,
        /// Tags that exist, sanitised, the last in alphabetical order first, at most [`Cause::LISTED`].
        tags: Vec<String>,
        /// How many tags there are in all.
        count: usize,
    },
    /// The tag does not lead to a commit.
    NotACommit {
        /// The object that was fetched, as hexadecimal digits.
        id: String,
    },
    /// The remote does not hand out this commit: it is gone, or never was there.
    CommitMissing {
        /// The commit id as hexadecimal digits.
        id: String,
    },
    /// The repository exists and has no commit.
    RepositoryEmpty,
    /// The server says that there is nothing at this address, as it also does for private repositories.
    NotFoundOrPrivate {
        /// Whether credentials were sent.
        authenticated: bool,
    },
    /// The server wants credentials, or does not accept those that were sent.
    Unauthorised {
        /// Whether credentials were sent.
        authenticated: bool,
        /// What the server says about it, sanitised, or nothing.
        message: String,
    },
    /// The SSH server does not let our key in.
    KeyRefused {
        /// The fingerprint of our key.
        fingerprint: String,
    },
    /// The credentials are good but not good enough.
    Forbidden {
        /// Whether credentials were sent.
        authenticated: bool,
        /// What the server says about it, sanitised, or nothing.
        message: String,
    },
    /// The server asks us to come less often.
    RateLimited {
        /// How long the server asks us to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// The server has trouble of its own: an HTTP status of 5xx.
    ServerTrouble {
        /// The HTTP status.
        status: u16,
        /// How long the server asks us to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// No connection: name lookup, refused, reset.
    Unreachable {
        /// Why, in a few words.
        reason: String,
    },
    /// The deadline passed.
    TimedOut {
        /// How long was waited.
        after: Duration,
        /// Whether the server had gone silent, rather than being slow overall.
        silent: bool,
    },
    /// The server's certificate or greeting is not acceptable.
    Tls {
        /// Why, in a few words.
        reason: String,
    },
    /// The server sends us somewhere else, and we do not go.
    Redirected {
        /// Where to, without credentials and query, sanitised.
        to: String,
    },
    /// The installation does not let apps connect to this host or address.
    AddressRefused {
        /// The host that was refused.
        host: String,
    },
    /// Credentials would travel in the clear.
    CredentialsInClear,
    /// The credentials that were given are not of a kind that opens this remote.
    Access {
        /// Why, in words that say what to do.
        reason: &'static str,
    },
    /// No key of the SSH server is known.
    HostUnknown {
        /// The host as `known_hosts` names it.
        host: String,
        /// Whether only keys are known, or shown, of kinds that cannot be compared.
        has_other_keys: bool,
    },
    /// The SSH server shows another key than the known ones.
    HostKeyChanged {
        /// The host as `known_hosts` names it.
        host: String,
        /// The fingerprint of the key that it shows.
        fingerprint: String,
    },
    /// The proxy on the way cannot be used.
    Proxy {
        /// Why, in a few words.
        reason: String,
    },
    /// Something is larger than its budget in [`Limits`](crate::Limits).
    TooLarge {
        /// What it is, as a noun with its article.
        what: &'static str,
        /// The budget in the unit of `what`.
        limit: u64,
    },
    /// The answer is not what git's protocol says it should be.
    Protocol {
        /// What is wrong with it.
        what: String,
    },
    /// The server refused the request with a message of its own.
    Refused {
        /// The message, sanitised.
        message: String,
    },
    /// The remote asks for something that this version cannot do.
    Unsupported {
        /// What it is, as a noun.
        what: &'static str,
    },
    /// What was fetched is damaged: a wrong hash, a broken pack, a missing object.
    Damaged {
        /// What is damaged.
        what: String,
    },
    /// The commit is not signed by somebody who is trusted.
    Distrusted {
        /// The commit id as hexadecimal digits.
        id: String,
        /// Why, as a sentence without its end.
        reason: String,
    },
    /// Our own cache folder cannot be used.
    Cache {
        /// What failed there.
        what: String,
    },
}

impl Cause {
    /// How many branches or tags a message lists at most.
    pub const LISTED: usize = 10;
}

impl Error {
    pub(crate) fn new(remote: impl Into<String>, step: Step, cause: Cause) -> Self {
        Self { remote: remote.into(), step, cause }
    }

    /// The repository's address, without credentials.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// What was being done.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Why it failed.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether waiting may help: nobody has to change the repository, the server or the KargoApp.
    pub fn is_transient(&self) -> bool {
        match &self.cause {
            Cause::RateLimited { .. }
            | Cause::ServerTrouble { .. }
            | Cause::Unreachable { .. }
            | Cause::TimedOut { .. }
            | Cause::Damaged { .. }
            | Cause::Cache { .. } => true,
            Cause::BranchMissing { .. }
            | Cause::TagMissing { .. }
            | Cause::NotACommit { .. }
            | Cause::CommitMissing { .. }
            | Cause::RepositoryEmpty
            | Cause::NotFoundOrPrivate { .. }
            | Cause::Unauthorised { .. }
            | Cause::KeyRefused { .. }
            | Cause::Forbidden { .. }
            | Cause::Tls { .. }
            | Cause::Redirected { .. }
            | Cause::AddressRefused { .. }
            | Cause::CredentialsInClear
            | Cause::Access { .. }
            | Cause::HostUnknown { .. }
            | Cause::HostKeyChanged { .. }
            | Cause::Proxy { .. }
            | Cause::Distrusted { .. }
            | Cause::TooLarge { .. }
            | Cause::Protocol { .. }
            | Cause::Refused { .. }
            | Cause::Unsupported { .. } => false,
        }
    }

    /// How long the server asks us to stay away, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.cause {
            Cause::RateLimited { retry_after } | Cause::ServerTrouble { retry_after, .. } => {
                retry_after
            }
            _ => None,
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{Cause, Error, Step};
    use std::time::Duration;

    fn text(cause: Cause) -> String {
        Error::new("https://git.example/a", Step::Resolve, cause).to_string()
    }

    #[test]
    fn a_missing_branch_names_those_that_exist() {
        let cause = Cause::BranchMissing {
            branch: "main".into(),
            branches: vec!["master".into(), "dev".into()],
            count: 5,
            default: Some("master".into()),
        };
        assert_eq!(
            text(cause),
            "https://git.example/a has no branch `main`; it has `master` (the default), `dev` and 3 more. \
             Push to `main`, or name an existing branch in spec.source.branch."
        );
    }

    #[test]
    fn waiting_helps_only_where_nobody_has_to_act() {
        let table = [
            (Cause::Unreachable { reason: "connection refused".into() }, true),
            (Cause::TimedOut { after: Duration::from_secs(1), silent: false }, true),
            (Cause::ServerTrouble { status: 502, retry_after: None }, true),
            (Cause::RateLimited { retry_after: None }, true),
            (Cause::RepositoryEmpty, false),
            (Cause::NotFoundOrPrivate { authenticated: false }, false),
            (Cause::Unauthorised { authenticated: true, message: String::new() }, false),
            (Cause::TooLarge { what: "the pack", limit: 1 }, false),
        ];
        for (cause, transient) in table {
            let error = Error::new("r", Step::Fetch, cause);
            assert_eq!(error.is_transient(), transient, "{error}");
        }
    }
}
