//! The API server's own record of who asked for what: the oracle for *never deleted* and for
//! *no write when nothing changed*. A controller's log says what it meant to do; this says what
//! it did.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// One answered request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Path and query of the request.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Who asked.
    pub user: AuditUser,
    /// As whom, if not as themselves.
    pub impersonated_user: Option<AuditUser>,
    /// What it was about; absent for requests such as discovery.
    pub object_ref: Option<AuditObject>,
    /// How it was answered; absent while a watch is open.
    pub response_status: Option<AuditStatus>,
    /// The body of a DELETE: its options, with the preconditions. Other bodies are not kept.
    pub request_object: Option<serde_json::Value>,
    /// When it arrived, in RFC 3339 with microseconds; such texts sort by time.
    pub request_received_timestamp: String,
    /// `ResponseStarted` (only for watches), `ResponseComplete` or `Panic`.
    pub stage: String,
}

/// Who asked.
#[derive(Debug, Clone, Deserialize)]
pub struct AuditUser {
    /// For a `ServiceAccount`: `system:serviceaccount:<namespace>:<name>`.
    pub username: String,
    /// Their groups, by which RBAC knows them too.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// What a request was about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditObject {
    /// The plural, as in `deployments`.
    pub resource: String,
    /// Empty for objects without one.
    pub namespace: String,
    /// Empty for lists and generated names.
    pub name: String,
    /// As in `status` or `scale`; empty for the object itself.
    pub subresource: String,
    /// The API group; empty for core.
    pub api_group: String,
}

/// How a request was answered.
#[derive(Debug, Clone, Deserialize)]
pub struct AuditStatus {
    /// The HTTP status.
    pub code: u16,
}

impl AuditEvent {
    /// Whether it was meant to change something, and was no dry run or review of permissions.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
            && !self.request_uri.contains("dryRun=")
            && !self.object().api_group.ends_with("authorization.k8s.io")
            && !self.object().api_group.ends_with("authentication.k8s.io")
            && self.object().subresource != "token"
    }

    /// Whether the server did what was asked.
    pub fn succeeded(&self) -> bool {
        self.response_status.as_ref().is_some_and(|status| (200..300).contains(&status.code))
    }

    /// What it was about; all empty when it was about no object.
    pub fn object(&self) -> AuditObject {
        self.object_ref.clone().unwrap_or_default()
    }
}

/// All that `user` asked so far, by the audit log at `path`, oldest first.
pub fn read(path: &Path, user: &str) -> Result<Vec<AuditEvent>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("the audit log {} cannot be read", path.display()))?;
    // The last line may be half written at this moment.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let events: Result<Vec<AuditEvent>> = complete
        .lines()
        // Most lines are about others; parsing them all would take seconds.
        .filter(|line| line.contains(user))
        .map(|line| serde_json::from_str(line).context("the audit log has a line that is no event"))
        .collect();
    Ok(events?.into_iter().filter(|event| event.user.username == user).collect())
}
