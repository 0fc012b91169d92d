//! What an installation decides.

use std::{net::SocketAddr, path::PathBuf};

/// The settings of one controller process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this installation. It is a label on every managed object and in every selector, so that
    /// several installations can share a cluster.
    pub installation: String,
    /// The namespace that Kargo lives in; its inventory is there.
    pub namespace: String,
    /// The namespaces whose `KargoApps` are served; empty means all.
    pub watch_namespaces: Vec<String>,
    /// Where namespaced objects go if the `KargoApp` does not say.
    pub default_target_namespace: DefaultTargetNamespace,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
    /// Which git servers apps may reach, and how.
    pub git_policy: kargo_git::Policy,
    /// The folder of the git caches.
    pub cache_folder: PathBuf,
}

/// Where namespaced objects go if the `KargoApp` has no `targetNamespace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultTargetNamespace {
    /// Where the repository says; what says nothing goes to the `KargoApp`'s own namespace.
    Source,
    /// All to the `KargoApp`'s own namespace.
    App,
}
