//! Secrets of the app's namespace.
//!
//! Each function takes the client of whoever the app acts as, so that nobody reads by way of Kargo what they
//! may not read themselves. A Secret is read each time, so that a changed one is used at once.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kargo_api::reasons::Reason;
use kargo_core::world::event::Failure;
use kargo_git::{Access, Remote, Signers, Url};
use kube::core::{Request, params::GetParams};

use crate::cluster::{Cluster, acting::Nobody, identity::Identity};

/// A Secret of an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SecretName {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// As whom it is read: two apps of one namespace may not have the same rights.
    pub(crate) identity: Identity,
}

/// The remote of a repository URL, entered with what the app's Secret holds.
pub(crate) async fn remote(
    cluster: &Cluster,
    repo_url: &str,
    secret: Option<&SecretName>,
) -> Result<Remote, Failure> {
    let url =
        Url::parse(repo_url).map_err(|error| unusable(Reason::InvalidSpec, error.to_string()))?;
    let remote = Remote::new(url);
    let Some(secret) = secret else { return Ok(remote) };
    let data = read(cluster, secret, "spec.source.secretRef").await?;
    let access = Access::from_secret(&data).map_err(|error| unfit(secret, &error))?;
    Ok(remote.with_access(access))
}

/// The keys of those whose signature counts.
pub(crate) async fn signers(cluster: &Cluster, secret: &SecretName) -> Result<Signers, Failure> {
    let data = read(cluster, secret, "spec.source.verify.secretRef").await?;
    // Whatever it finds in a key, only this app is the worse for it.
    let reading = tokio::task::spawn_blocking(move || Signers::from_secret(&data));
    let Ok(signers) = reading.await else {
        let SecretName { namespace, name, .. } = secret;
        let message = format!("The keys of Secret {name} in namespace {namespace} cannot be read.");
        return Err(unusable(Reason::InvalidSpec, message));
    };
    signers.map_err(|error| unfit(secret, &error))
}

async fn read(
    cluster: &Cluster,
    secret: &SecretName,
    field: &str,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let SecretName { namespace, name, identity } = secret;
    let acting = cluster.act_as(Ok(identity.clone())).await.map_err(|error| nobody(&error))?;
    let secrets = Request::new(format!("/api/v1/namespaces/{namespace}/secrets"));
    let request = secrets.get(name, &GetParams::default()).map_err(|_| {
        unusable(Reason::InvalidSpec, format!("{name} is not the name of a Secret."))
    })?;
    let secret: Secret = acting.read(request).await.map_err(|error| {
        let what = if error.is_not_found() {
            format!(
                "Secret {name}, which {field} names, does not exist in namespace {namespace}. Create it, or correct the name."
            )
        } else if let (Some(403), Identity::Account(account)) = (error.code(), identity) {
            format!("ServiceAccount {account} may not read Secret {name}, which {field} names. Give it the right to get Secrets in namespace {namespace}.")
        } else {
            format!("Secret {name} in namespace {namespace} cannot be read: {error}.")
        };
        let is_transient = error.is_transient();
        unusable(if is_transient { Reason::SourceUnavailable } else { Reason::InvalidSpec }, what)
    })?;
    Ok(secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect())
}

fn unfit(secret: &SecretName, error: &dyn std::error::Error) -> Failure {
    let SecretName { namespace, name, .. } = secret;
    let message = format!("Secret {name} in namespace {namespace} cannot be used: {error}");
    unusable(Reason::InvalidSpec, message)
}

/// An app that may act as nobody, in the words of a failure.
pub(crate) fn nobody(error: &Nobody) -> Failure {
    let reason = if error.is_transient() { Reason::SourceUnavailable } else { Reason::InvalidSpec };
    let transient = error.is_transient();
    let message = format!("{}. {}.", capitalised(&error.to_string()), error.help());
    Failure { reason, message, findings: Vec::new(), transient }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// Nobody tells us when a Secret is put right, so it is looked at again.
fn unusable(reason: Reason, message: String) -> Failure {
    Failure { reason, message, findings: Vec::new(), transient: true }
}
