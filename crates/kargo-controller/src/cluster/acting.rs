//! The cluster as one app may use it: every look and every write is made as its `ServiceAccount`.

use std::sync::Arc;

use kargo_core::{
    finding::Finding,
    kinds::Kinds,
    object::{GroupKind, ObjectId},
};
use kube::core::{Request, params::ListParams};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    CallError, Cluster,
    identity::{Identity, NoIdentity, ServiceAccount},
};

/// A cluster, and as whom it is asked.
#[derive(Clone)]
pub struct Acting {
    cluster: Cluster,
    identity: Identity,
}

/// Nothing can be done for an app, because there is nobody to do it as.
#[derive(Debug, thiserror::Error)]
pub enum Nobody {
    /// The app may act as nobody.
    #[error(transparent)]
    NoIdentity(#[from] NoIdentity),
    /// The account does not exist. Impersonation alone would not notice.
    #[error("ServiceAccount {} does not exist in namespace {}", .0.name(), .0.namespace())]
    NoAccount(ServiceAccount),
    /// It is not known whether it exists.
    #[error("ServiceAccount {0} could not be looked up: {1}")]
    Unknown(ServiceAccount, CallError),
}

impl Nobody {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NoIdentity(error) => error.help().to_owned(),
            Self::NoAccount(account) => format!(
                "Run: kubectl create serviceaccount {} --namespace {}",
                account.name(),
                account.namespace()
            ),
            Self::Unknown(..) => "It is tried again".to_owned(),
        }
    }

    /// Whether it may go away without a change of the app.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::NoIdentity(_))
    }

    /// As a finding about an object for which nothing could be done.
    pub fn finding(&self, id: &ObjectId, done: &str) -> Finding {
        Finding::error(format!("{} could not be {done}: {self}", id.short()))
            .about(id)
            .help(self.help())
    }
}

impl Cluster {
    /// The cluster as seen and changed by this identity.
    pub async fn act_as(&self, identity: Result<Identity, NoIdentity>) -> Result<Acting, Nobody> {
        let identity = identity?;
        if let Identity::Account(account) = &identity {
            match self.exists(account).await {
                Ok(true) => {}
                Ok(false) => return Err(Nobody::NoAccount(account.clone())),
                Err(error) => return Err(Nobody::Unknown(account.clone(), error)),
            }
        }
        Ok(Acting { cluster: self.clone(), identity })
    }

    /// Whoever deletes a `ServiceAccount` takes its rights away, but its bindings stay and impersonation asks for
    /// nothing else. A list, as Kargo may have the right to read no single one.
    async fn exists(&self, account: &ServiceAccount) -> Result<bool, CallError> {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts", account.namespace());
        let only = ListParams::default().fields(&format!("metadata.name={}", account.name()));
        let request =
            Request::new(path).list_metadata(&only).map_err(|_| CallError::Unreachable)?;
        let list: Value = self.read(request).await?;
        match list.get("items") {
            Some(Value::Array(items)) => Ok(!items.is_empty()),
            // That is how an empty list of metadata is written.
            Some(Value::Null) => Ok(false),
            _ => Err(CallError::Unreachable),
        }
    }
}

impl Acting {
    /// Reads something, within a deadline.
    pub async fn read<T: DeserializeOwned>(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, CallError> {
        self.cluster.calls.read(request, &self.identity).await
    }

    /// Writes something, in its turn and with a permit of the lease.
    pub async fn write<T: DeserializeOwned>(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, CallError> {
        self.cluster.write_as(request, &self.identity).await
    }

    /// The installation that works on this cluster.
    pub fn installation(&self) -> &str {
        self.cluster.installation()
    }

    /// The namespace of the installation.
    pub fn namespace(&self) -> &str {
        self.cluster.namespace()
    }

    /// As [`Cluster::kinds`].
    pub fn kinds(&self) -> Arc<Kinds> {
        self.cluster.kinds()
    }

    /// As [`Cluster::collection`].
    pub fn collection(
        &self,
        group_kind: &GroupKind,
        version: Option<&str>,
        namespace: Option<&str>,
    ) -> Option<String> {
        self.cluster.collection(group_kind, version, namespace)
    }

    /// As [`Cluster::collection_of`].
    pub fn collection_of(&self, id: &ObjectId) -> Option<String> {
        self.cluster.collection_of(id)
    }
}
