//! A cluster as a value: clients, what it serves, and one way to call it.

pub mod discovery;
pub mod failure;
pub mod inventory;
pub mod version;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use kargo_core::{
    kinds::{Kinds, ServedKind},
    object::{GroupKind, ObjectId},
};
use kube::core::Status;
use serde::de::DeserializeOwned;

/// How long a call that is not a watch may take. kube itself would wait for ever on a dead connection.
const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// How often a call of the start is tried: over about a minute, with growing pauses.
const START_ATTEMPTS: u32 = 20;

/// How many writes are under way at once.
const WRITES_AT_ONCE: usize = 16;

/// One cluster, and the installation that works on it.
#[derive(Clone)]
pub struct Cluster {
    calls: kube::Client,
    watches: kube::Client,
    kinds: Arc<RwLock<Arc<Kinds>>>,
    writes: Arc<tokio::sync::Semaphore>,
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
    #[error("the API server did not answer within {} s", CALL_DEADLINE.as_secs())]
    TimedOut,
    /// No connection, or the answer could not be read.
    #[error("the API server could not be reached")]
    Unreachable,
}

impl CallError {
    /// The HTTP status of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.code),
            Self::TimedOut | Self::Unreachable => None,
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
    /// A cluster from a client configuration. Retries are the world's business, not the client's.
    pub fn new(
        mut config: kube::Config,
        installation: &str,
        namespace: &str,
    ) -> Result<Self, kube::Error> {
        config.default_retry = false;
        // Watches on connections of their own: a burst of writes would delay their events.
        let calls = kube::Client::try_from(config.clone())?;
        let watches = kube::Client::try_from(config)?;
        Ok(Self {
            calls,
            watches,
            kinds: Arc::default(),
            writes: Arc::new(tokio::sync::Semaphore::new(WRITES_AT_ONCE)),
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

    /// The client for watches.
    pub fn watch_client(&self) -> kube::Client {
        self.watches.clone()
    }

    /// What the cluster serves, as of the last discovery.
    pub fn kinds(&self) -> Arc<Kinds> {
        Arc::clone(&self.kinds.read().expect("no holder of this lock can panic"))
    }

    fn set_kinds(&self, kinds: Kinds) {
        *self.kinds.write().expect("no holder of this lock can panic") = Arc::new(kinds);
    }

    /// Reads something, within the deadline.
    pub async fn read<T: DeserializeOwned>(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, CallError> {
        match tokio::time::timeout(CALL_DEADLINE, self.calls.request::<T>(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) => Err(CallError::Refused(status)),
            Ok(Err(error)) => {
                // The variant only: texts of this error repeat bodies.
                tracing::debug!(kind = ?std::mem::discriminant(&error), "a call failed");
                Err(CallError::Unreachable)
            }
            Err(_) => Err(CallError::TimedOut),
        }
    }

    /// Writes something: as [`Cluster::read`], with a bound on how many are under way at once.
    pub async fn write<T: DeserializeOwned>(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, CallError> {
        let _place = self.writes.acquire().await.map_err(|_| CallError::Unreachable)?;
        self.read(request).await
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
