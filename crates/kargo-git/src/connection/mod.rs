//! Ways to talk to a server: a request goes out, an answer comes in as chunks of bytes.

mod http;
mod ssh;

use crate::error::Cause;
use bytes::Bytes;
pub(crate) use http::{Client, Http, Token};
#[cfg(feature = "fuzzing")]
pub(crate) use ssh::known_hosts_fuzzing;
pub(crate) use ssh::{Key, Ssh};

/// A conversation with one remote, for the length of one resolve or fetch.
#[derive(Debug)]
pub(crate) enum Connection {
    /// Over smart HTTP.
    Http(Box<Http>),
    /// Over SSH.
    Ssh(Box<Ssh>),
}

impl Connection {
    /// Asks for the server's first words, which come as chunks.
    pub(crate) async fn greet(&mut self) -> Result<(), Cause> {
        match self {
            Self::Http(http) => http.greet().await,
            // A key exchange needs room that other conversations should not have to reserve.
            Self::Ssh(ssh) => Box::pin(ssh.greet()).await,
        }
    }

    /// Sends a command, whose answer comes as chunks.
    pub(crate) async fn command(&mut self, command: Vec<u8>) -> Result<(), Cause> {
        match self {
            Self::Http(http) => http.command(command).await,
            Self::Ssh(ssh) => ssh.command(command).await,
        }
    }

    /// Whether the server speaks first on each new connection, whether it is asked to or not.
    pub(crate) fn greets_always(&self) -> bool {
        match self {
            Self::Http(_) => false,
            Self::Ssh(_) => true,
        }
    }

    /// The next bytes of the answer, or `None` where the server closes.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Cause> {
        match self {
            Self::Http(http) => http.chunk().await,
            Self::Ssh(ssh) => ssh.chunk().await,
        }
    }

    /// Makes sure that the answer ends here.
    pub(crate) async fn end(&mut self) -> Result<(), Cause> {
        match self {
            Self::Http(http) => http.end().await,
            // The connection stays open for the next command; what comes too much would be taken for its answer
            // and refused there.
            Self::Ssh(_) => Ok(()),
        }
    }

    /// Where the repository was found to be, if it makes sense to go there directly next time.
    pub(crate) fn base(&self) -> Option<&str> {
        match self {
            Self::Http(http) => Some(http.base()),
            Self::Ssh(_) => None,
        }
    }
}
