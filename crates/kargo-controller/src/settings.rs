//! What an installation decides.

use std::{net::SocketAddr, path::PathBuf};

use crate::{cluster::identity::Identities, lease::Timing};

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
    /// How much a git server may take from us.
    pub git_limits: kargo_git::Limits,
    /// Where webhooks are taken; nowhere if nothing.
    pub webhooks: Option<Webhooks>,
    /// The folder of the git caches.
    pub cache_folder: PathBuf,
    /// As whom apps are deployed.
    pub identities: Identities,
    /// How at most one process of the installation writes.
    pub lease: Lease,
}

/// The part of this process in the installation's Lease.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Whether there is one. Without it, somebody else has to see to it that no two processes run.
    pub is_used: bool,
    /// No two processes that are alive may have the same. One that starts under the identity of the holder takes
    /// the lease at once: that is a container that was restarted.
    pub identity: String,
    /// How long everything about it may take.
    pub timing: Timing,
}

/// How webhooks are taken.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Where they are served.
    pub listen: SocketAddr,
    /// The file with the secret for all apps that name none of their own. It is read again when it may have changed.
    pub secret_file: Option<PathBuf>,
}

/// Where namespaced objects go if the `KargoApp` has no `targetNamespace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultTargetNamespace {
    /// Where the repository says; what says nothing goes to the `KargoApp`'s own namespace.
    Source,
    /// All to the `KargoApp`'s own namespace.
    App,
}
