//! What a user asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::period::{self, Period};

/// Which repository to deploy, and how. Only `source.repoURL` is required.
#[expect(
    clippy::duplicated_attributes,
    reason = "each column of kubectl get is an attribute of its own"
)]
#[derive(
    kube_derive::CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "kargo.krampoline.io",
    version = "v1alpha1",
    kind = "KargoApp",
    plural = "kargoapps",
    shortname = "ka",
    category = "all",
    namespaced,
    status = "crate::status::KargoAppStatus",
    derive = "PartialEq",
    doc = "A KargoApp keeps what runs in the cluster in line with a folder of a git repository: push to the branch, and what is in the folder runs.",
    printcolumn(
        name = "Desired",
        type_ = "string",
        json_path = ".status.desired.state",
        description = "Target state: the newest commit, read and rendered"
    ),
    printcolumn(
        name = "Current",
        type_ = "string",
        json_path = ".status.current.state",
        description = "Current state: what is deployed"
    ),
    printcolumn(
        name = "Revision",
        type_ = "string",
        json_path = ".status.shortRevision",
        description = "The commit that is deployed"
    ),
    printcolumn(
        name = "Health",
        type_ = "string",
        json_path = ".status.health",
        description = "Whether what is deployed is up"
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".status.url",
        description = "Where the app answers from outside"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        description = "What is going on, in one sentence",
        priority = 1
    ),
    crates(kube_core = "::kube_core")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KargoAppSpec {
    /// Where the desired state is: a git repository, a branch and a folder.
    pub source: Source,

    /// Put all namespaced objects into this namespace, as if the root kustomization said `namespace:`.
    /// Left out, objects go where the repository says, or where the installation was told to put them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub target_namespace: Option<String>,

    /// The `ServiceAccount`, in the namespace of the `KargoApp`, that everything is done as: every write, every look
    /// before it, and the Secret for git. It can do what RBAC allows it, and nothing else. Left out, it is the one
    /// that the installation has for such apps, or Kargo itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub service_account_name: Option<String>,

    /// How the cluster is brought in line.
    #[serde(default)]
    pub sync: Sync,

    /// Other `KargoApps` of this namespace that have to be ready before a new commit of this one is deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub depends_on: Vec<AppReference>,

    /// Write nothing for this app: nothing is applied, put back or deleted until it is `false` again.
    #[serde(default)]
    pub suspend: bool,

    /// What happens to the deployed objects when this `KargoApp` is deleted: `Orphan` leaves them running,
    /// `Delete` deletes them first (never `PersistentVolumeClaims` without their own consent).
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// Where the desired state is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = source_rules()))]
pub struct Source {
    /// The repository: `https://host/team/repository`, `http://...`, `ssh://git@host/...` or `git@host:team/repository`.
    /// A password never belongs here; a user name only with ssh.
    #[serde(rename = "repoURL")]
    #[schemars(length(min = 1, max = 2048), extend("x-kubernetes-validations" = repo_url_rules()))]
    pub repo_url: String,

    /// The branch that is deployed: `main`, unless a branch, a `tag` or a `revision` is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), extend("x-kubernetes-validations" = name_rules("branch", "main", "refs/heads/")))]
    pub branch: Option<String>,

    /// Deploy what this tag names, in place of a branch. A tag that is moved is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), extend("x-kubernetes-validations" = name_rules("tag", "v1.0", "refs/tags/")))]
    pub tag: Option<String>,

    /// Deploy exactly this commit, by its full id, whatever the branches say: it pins the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 255, "x-kubernetes-validations" = revision_rules()))]
    pub revision: Option<String>,

    /// The folder in the repository that holds `kustomization.yaml`.
    #[serde(default = "default_path")]
    #[schemars(length(min = 1, max = 1024), extend("x-kubernetes-validations" = path_rules()))]
    pub path: String,

    /// How often git is asked for a new commit: `30s`, `5m`, `1h`; at least `5s`.
    #[serde(default = "default_interval")]
    #[schemars(schema_with = "interval_schema")]
    pub interval: Period,

    /// A Secret in the namespace of the `KargoApp` with what the repository asks for: `username` and `password`,
    /// `bearerToken`, `identity` and `known_hosts` for ssh, `ca.crt`, `tls.crt` and `tls.key`, a GitHub App, or
    /// the `proxy` on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,

    /// Deploy only commits that are signed by somebody who is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,

    /// A Secret in the namespace of the `KargoApp` whose key `token` holds the secret of the repository's webhook.
    /// Left out, webhooks are taken that are signed by the secret of the installation, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret_ref: Option<SecretReference>,
}

/// Whose signature a commit must carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verify {
    /// What must be signed: `HEAD`, the commit that is deployed.
    #[serde(default)]
    pub mode: VerifyMode,

    /// A Secret in the namespace of the `KargoApp` whose values are the public keys that are trusted: SSH keys as in
    /// `.pub` files, or armoured `OpenPGP` keys.
    pub secret_ref: SecretReference,
}

/// What must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum VerifyMode {
    /// The commit that is deployed.
    #[default]
    #[serde(rename = "HEAD")]
    Head,
}

/// What of a repository is deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceReference {
    /// The tip of this branch.
    Branch(String),
    /// What this tag names.
    Tag(String),
    /// This commit and no other.
    Revision(String),
}

impl Source {
    /// What is deployed: the revision or the tag if there is one, and else the branch, `main` if none is named.
    pub fn reference(&self) -> SourceReference {
        match (&self.revision, &self.tag, &self.branch) {
            (Some(revision), _, _) => SourceReference::Revision(revision.to_ascii_lowercase()),
            (None, Some(tag), _) => SourceReference::Tag(tag.clone()),
            (None, None, Some(branch)) => SourceReference::Branch(branch.clone()),
            (None, None, None) => SourceReference::Branch("main".to_owned()),
        }
    }
}

impl std::fmt::Display for SourceReference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Branch(branch) => write!(out, "branch {branch}"),
            Self::Tag(tag) => write!(out, "tag {tag}"),
            Self::Revision(revision) => write!(out, "commit {revision}"),
        }
    }
}

/// A Secret by its name; it is always looked for in the namespace of the `KargoApp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretReference {
    /// The name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A `KargoApp` of the same namespace, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppReference {
    /// The name of the `KargoApp`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// How the cluster is brought in line.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own for the user")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sync {
    /// When a new commit is deployed: `Automatic` at once, `Manual` when somebody asks for it by setting the annotation
    /// `kargo.krampoline.io/sync-requested-at` to a new value.
    #[serde(default)]
    pub mode: SyncMode,

    /// Put back what somebody changes or deletes by hand. Without it the difference is only reported, and put
    /// back on request.
    #[serde(default = "yes")]
    pub self_heal: bool,

    /// Delete objects of this app that left git, once the new state is up.
    #[serde(default = "yes")]
    pub prune: bool,

    /// Accept a commit that renders no object at all. Without it such a commit is held and nothing is deleted.
    #[serde(default)]
    pub allow_empty: bool,

    /// How long a deployment may take to become healthy before it counts as failed.
    #[serde(default = "default_timeout")]
    #[schemars(schema_with = "timeout_schema")]
    pub timeout: Period,

    /// Create namespaces that objects need and nobody has made. They carry no owner and are never pruned.
    #[serde(default = "yes")]
    pub create_namespace: bool,
}

/// When a new commit is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum SyncMode {
    /// As soon as it is seen.
    #[default]
    Automatic,
    /// When somebody asks for it.
    Manual,
}

/// What happens to the deployed objects when the `KargoApp` is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They keep running; nobody manages them any more.
    #[default]
    Orphan,
    /// They are deleted before the `KargoApp` goes.
    Delete,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            mode: SyncMode::Automatic,
            self_heal: true,
            prune: true,
            allow_empty: false,
            timeout: default_timeout(),
            create_namespace: true,
        }
    }
}

fn yes() -> bool {
    true
}

fn default_path() -> String {
    "k8s".to_owned()
}

fn default_interval() -> Period {
    Period::seconds(30)
}

fn default_timeout() -> Period {
    Period::seconds(300)
}

/// One CEL rule as the API server wants it.
fn rule(rule: &str, message: &str) -> serde_json::Value {
    json!({ "rule": rule, "message": message })
}

// CEL's `url()` rejects `user@host:path` and cannot see passwords; regular expressions on the text can.
fn repo_url_rules() -> serde_json::Value {
    json!([
        rule(
            r"self.matches('^(https?|ssh)://') || self.matches('^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^/]')",
            "repoURL must start with https://, http:// or ssh://, or have the form user@host:path"
        ),
        rule(
            r"!self.matches('^[a-z]+://[^/]*:[^/]*@')",
            "repoURL must not contain a password; it would be readable by everybody who can read the KargoApp"
        ),
        rule(
            r"!self.matches('^https?://[^/]*@')",
            "repoURL must not contain a user name with http or https; remove the part before @"
        ),
        rule(
            r"!self.matches('[\\s\\x00-\\x1f\\x7f]')",
            "repoURL must not contain spaces or control characters"
        ),
        rule(
            r"!self.matches('^[a-z]+://') || self.matches('^[a-z]+://([A-Za-z0-9._-]+@)?([A-Za-z0-9]|\\[[0-9a-fA-F:.]+\\])[^/]*/[^/?#]')",
            "repoURL must name a host and a repository, like https://github.com/team/repository"
        ),
        rule(
            r"!self.contains('?') && !self.contains('#')",
            "repoURL must not contain ? or #; branch and path have their own fields"
        ),
    ])
}

fn source_rules() -> serde_json::Value {
    json!([rule(
        "[has(self.branch), has(self.tag), has(self.revision)].filter(named, named).size() <= 1",
        "source must name at most one of branch, tag and revision; remove the others"
    )])
}

/// What git allows as the name of a branch or a tag, which people write without its `prefix`.
fn name_rules(what: &str, example: &str, prefix: &str) -> serde_json::Value {
    let message = format!("{what} must be the name of a {what}, like {example}, without {prefix}");
    json!([rule(
        r"!self.startsWith('-') && !self.startsWith('/') && !self.startsWith('refs/') && !self.endsWith('/') && !self.endsWith('.lock') && !self.contains('..') && !self.contains('@{') && !self.matches('[\\s~^:?*\\[\\\\\\x00-\\x1f\\x7f]')",
        &message
    )])
}

fn revision_rules() -> serde_json::Value {
    json!([rule(
        "self.matches('^[0-9a-fA-F]{40}$')",
        "revision must be a full commit id of 40 hexadecimal digits, as git rev-parse HEAD prints it"
    )])
}

fn path_rules() -> serde_json::Value {
    json!([
        rule(
            "!self.startsWith('/')",
            "path must be relative to the repository's root, like k8s; remove the leading /"
        ),
        rule(
            "!self.split('/').exists(segment, segment == '..')",
            "path must stay inside of the repository; remove the .. segments"
        ),
        rule(
            r"!self.matches('[\\x00-\\x1f\\x7f\\\\]')",
            "path must not contain control characters or backslashes; folders are separated by /"
        ),
    ])
}

fn interval_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    // The pattern is a CEL rule too, since a plain `pattern` only says that it does not match.
    period_schema(
        "How often git is asked for a new commit: `30s`, `5m`, `1h`; at least `5s`.",
        "30s",
        "duration(self) >= duration('5s')",
        "interval must be at least 5s",
    )
}

fn timeout_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    period_schema(
        "How long a deployment may take to become healthy before it counts as failed.",
        "300s",
        "duration(self) >= duration('1s')",
        "timeout must be at least 1s",
    )
}

fn period_schema(description: &str, default: &str, bound: &str, message: &str) -> schemars::Schema {
    let form = format!("self.matches('{}') && self != ''", period::PATTERN);
    schemars::json_schema!({
        "type": "string",
        "description": description,
        "default": default,
        "maxLength": 16,
        "x-kubernetes-validations": [
            rule(&form, "must be a duration of hours, minutes and seconds, like 30s, 5m or 1h30m"),
            // `duration()` of other text is a type error that names CEL, not the field.
            rule(&format!("!({form}) || {bound}"), message),
        ],
    })
}
