//! A cluster as a value: what it serves, and the one way to call it.
//!
//! - `calls`: deadlines, answers, pauses that the API server asks for.
//! - [`identity`], [`acting`]: as whom, for itself or for an app.
//! - [`discovery`], [`inventory`], [`version`]: what is served, what was used, what is supported.
//! - [`refusal`], [`failure`]: what a refusal is, and how it is told.

pub mod acting;
mod calls;
pub mod discovery;
pub mod failure;
pub mod identity;
pub mod inventory;
pub mod refusal;
pub mod version;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use calls::Calls;
use futures::{StreamExt as _, stream::BoxStream};
use identity::Identity;
use kargo_core::{
    kinds::{Kinds, ServedKind},
    object::{GroupKind, ObjectId},
};
use kube::{
    Api,
    core::Status,
    runtime::watcher::{self, watcher},
};
use serde::de::DeserializeOwned;

use crate::lease::{NotHolding, Term};

/// How often a call of the start is tried: over about a minute, with growing pauses.
const START_ATTEMPTS: u32 = 20;

/// One cluster, and the installation that works on it.
#[derive(Clone)]
pub struct Cluster {
    calls: Arc<Calls>,
    watches: kube::Client,
    kinds: Arc<RwLock<Arc<Kinds>>>,
    term: Term,
    discovering: Arc<tokio::sync::Mutex<()>>,
    installation: Arc<str>,
    namespace: Arc<str>,
}

/// Why a call was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API server answered, and said no. Its text may quote values of the request: it is shown only
    /// through [`failure`], which leaves out those of Secrets.
    #[error("the API server answered {} {}", .0.code, .0.reason)]
    Refused(Box<Status>),
    /// No answer within the deadline.
    #[error("the API server did not answer in time")]
    TimedOut,
    /// The API server has asked for a pause that is not over yet; nothing was sent.
    #[error("the API server is overloaded and asked for a pause")]
    Throttled,
    /// Nothing was sent, or an answer was not waited for: this process may not write.
    #[error("this process does not hold the lease")]
    NotHolding,
    /// No connection, or the answer could not be read.
    #[error("the API server could not be reached")]
    Unreachable,
}

impl CallError {
    /// The HTTP status of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.code),
            Self::TimedOut | Self::Throttled | Self::NotHolding | Self::Unreachable => None,
        }
    }

    /// Whether it may go away by itself.
    pub fn is_transient(&self) -> bool {
        self.code().is_none_or(|code| code == 429 || code >= 500)
    }

    /// Whether the thing asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }
}

impl From<NotHolding> for CallError {
    fn from(_: NotHolding) -> Self {
        Self::NotHolding
    }
}

/// What a start needs is asked for again while the API server is busy or on its way up, for a while.
pub async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    for attempt in 0_u32.. {
        match call().await {
            Err(error) if error.is_transient() && attempt < START_ATTEMPTS => {
                tracing::warn!(%error, "asked again in a moment");
                tokio::time::sleep(Duration::from_millis(250) * (attempt + 1)).await;
            }
            answer => return answer,
        }
    }
    Err(CallError::Unreachable)
}

impl Cluster {
    /// A cluster from a client configuration, to be written to in one term of the lease. Retries are the world's
    /// business, not the client's.
    pub fn new(
        mut config: kube::Config,
        installation: &str,
        namespace: &str,
        term: Term,
    ) -> Result<Self, kube::Error> {
        config.default_retry = false;
        // Watches on connections of their own: a burst of writes would delay their events.
        let calls = kube::Client::try_from(config.clone())?;
        let watches = kube::Client::try_from(config)?;
        Ok(Self {
            calls: Arc::new(Calls::new(calls)),
            watches,
            kinds: Arc::default(),
            term,
            discovering: Arc::default(),
            installation: installation.into(),
            namespace: namespace.into(),
        })
    }

    /// The installation that works on this cluster.
    pub fn installation(&self) -> &str {
        &self.installation
    }

    /// The namespace of the installation.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Watches what `api` makes of a client. That client can do no more than this.
    pub fn watch<K>(
        &self,
        api: impl FnOnce(kube::Client) -> Api<K>,
        config: watcher::Config,
    ) -> BoxStream<'static, watcher::Result<watcher::Event<K>>>
    where
        K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        watcher(api(self.watches.clone()), config).boxed()
    }

    /// What the cluster serves, as of the last discovery.
    pub fn kinds(&self) -> Arc<Kinds> {
        Arc::clone(&self.kinds.read().expect("no holder of this lock can panic"))
    }

    fn set_kinds(&self, kinds: Kinds) {
        *self.kinds.write().expect("no holder of this lock can panic") = Arc::new(kinds);
    }

    /// Reads something as Kargo itself, within a deadline.
    pub async fn read<T: DeserializeOwned>(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, CallError> {
        self.calls.read(request, &Identity::Controller).await
    }

    /// Writes something as Kargo itself. What belongs to an app is written through [`acting::Acting`].
    pub async fn write<T: DeserializeOwned>(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, CallError> {
        self.write_as(request, &Identity::Controller).await
    }

    /// The one way to a write: in its turn, after the pause that the API server may have asked for, and with the
    /// permit that only the holder of the lease gets.
    async fn write_as<T: DeserializeOwned>(
        &self,
        request: http::Request<Vec<u8>>,
        identity: &Identity,
    ) -> Result<T, CallError> {
        let turn = self.term.turn().await?;
        self.calls.wait().await?;
        self.calls.write(request, identity, turn.permit()?).await
    }

    /// The URL path of the collection that an object of this kind belongs to; `None` if the kind is not served.
    pub fn collection(
        &self,
        group_kind: &GroupKind,
        version: Option<&str>,
        namespace: Option<&str>,
    ) -> Option<String> {
        let kinds = self.kinds();
        let served = kinds.get(group_kind)?;
        let version = version.or_else(|| served.versions.first().map(String::as_str))?;
        Some(collection_path(group_kind, served, version, namespace))
    }

    /// The collection of one object, in the preferred version.
    pub fn collection_of(&self, id: &ObjectId) -> Option<String> {
        self.collection(&id.group_kind, None, id.namespace.as_deref())
    }
}

fn collection_path(
    group_kind: &GroupKind,
    served: &ServedKind,
    version: &str,
    namespace: Option<&str>,
) -> String {
    let root = if group_kind.group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{}/{version}", group_kind.group)
    };
    match namespace.filter(|_| served.namespaced) {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{}", served.plural),
        None => format!("{root}/{}", served.plural),
    }
}
