//! What this crate asks of the program around it.

use std::sync::Arc;

use crate::{answer::Answer, provider::Provider, repository::Repository, secret::Secret};

/// The name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretName {
    /// The one of the installation, for all who name none of their own.
    Installation,
    /// One that somebody has named; the text means something to the host only.
    Own(Arc<str>),
}

/// Those who want to hear of a repository and take the word of whoever knows one secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receiver {
    /// The repository.
    pub repository: Repository,
    /// The secret.
    pub secret: SecretName,
}

/// What is known, for a decision. Answered from memory.
pub trait Known {
    /// The secret of the installation, if it has one.
    fn installation_secret(&self) -> Option<Arc<Secret>>;

    /// The secrets of those who want to hear of this repository, each once; a secret that cannot be read is nothing.
    fn secrets(&self, repository: &Repository) -> Vec<(SecretName, Option<Arc<Secret>>)>;
}

/// The program around this crate.
pub trait Host: Known + Send + Sync + 'static {
    /// Reads again the secrets of these repositories and of the installation that are not fresh, at a rate that is
    /// bounded whoever calls. Whether any of them has changed.
    fn refresh(&self, repositories: Vec<Repository>) -> impl Future<Output = bool> + Send;

    /// Has git asked for news, on behalf of the receiver.
    fn trigger(&self, receiver: &Receiver);

    /// A request was answered; for metrics.
    fn answered(&self, provider: Option<Provider>, answer: &Answer);
}
