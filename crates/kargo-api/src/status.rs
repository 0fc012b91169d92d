//! What Kargo answers: a verdict on git (`desired`) and a verdict on the cluster (`current`), each with
//! revision, time and a sentence for people.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many findings of one verdict are written into the status; the number left out is said.
pub const MAX_FINDINGS: usize = 20;

/// How many deployed revisions are remembered.
pub const MAX_HISTORY: usize = 10;

/// How many finished Jobs and Pods are remembered.
pub const MAX_FINISHED: usize = 100;

/// The answer of Kargo to a `KargoApp`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KargoAppStatus {
    /// The generation of the `KargoApp` that this verdict is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// What is going on, in one sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// The target state: the newest commit, read and rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<DesiredStatus>,

    /// The current state: what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<CurrentStatus>,

    /// Whether what is deployed is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthSummary>,

    /// The commit that is deployed, short enough for a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_revision: Option<String>,

    /// How many objects there are, and how many are healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectCounts>,

    /// Where the app answers from outside: the first of `urls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,

    /// External addresses of Ingresses and of Services of type `LoadBalancer`, as URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,

    /// Objects of this app that belong to another `KargoApp` and are left to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_claims: Vec<RefusedClaim>,

    /// The revisions that were deployed, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<DeployedRevision>,

    /// Jobs and bare Pods of this app that came to their end. They do not run again, also when they are cleaned
    /// up, until their content changes or somebody asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<FinishedObject>,

    /// The value of the annotation `kargo.krampoline.io/sync-requested-at` that was acted on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_sync: Option<String>,

    /// Conditions, as kstatus has them: `Ready`, `Reconciling`, `Stalled`, and `Rendered`, `Applied`, `Healthy`, `Held`,
    /// `Drifted`, `Fighting`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// How far the newest commit got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DesiredState {
    /// It is being looked up, fetched or rendered.
    Loading,
    /// It was read and rendered.
    Succeeded,
    /// It could not be read or rendered; the message and the findings say why.
    Failed,
}

/// The target state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DesiredStatus {
    /// How far the newest commit got.
    pub state: DesiredState,

    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,

    /// Digest of everything that was rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,

    /// What happened, in one sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,

    /// When this verdict was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,

    /// What was found in the repository, errors first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingStatus>,

    /// How many findings did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings_left_out: Option<i32>,
}

/// How far the deployment got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CurrentState {
    /// Objects are being applied, or have been and are not up yet.
    Deploying,
    /// Everything was applied and is up.
    Succeeded,
    /// Something was refused, did not come up in time, or is not up any more.
    Failed,
    /// It waits for somebody's consent.
    Held,
}

/// The current state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentStatus {
    /// How far the deployment got.
    pub state: CurrentState,

    /// The commit that was applied last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,

    /// Digest of everything that it renders to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,

    /// What happened, in one sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,

    /// When this verdict was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,

    /// What was found while applying, errors first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingStatus>,

    /// How many findings did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings_left_out: Option<i32>,
}

/// Health of an app or of one object.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum HealthSummary {
    /// Up.
    Healthy,
    /// On its way.
    Progressing,
    /// Not up, and not on its way.
    Degraded,
}

/// How many objects there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectCounts {
    /// Objects of the desired state.
    pub desired: i32,
    /// Those of them that are healthy.
    pub healthy: i32,
}

/// An object that belongs to another `KargoApp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedClaim {
    /// The object: `group/Kind/namespace/name`.
    pub object: String,
    /// The `KargoApp` it belongs to: `namespace/name`.
    pub owner: String,
}

/// What became of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// It was applied and became healthy.
    Succeeded,
    /// It was refused in part, or did not become healthy in time.
    Failed,
}

/// A revision that was deployed. To go back to it, set `spec.source.revision`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeployedRevision {
    /// The commit.
    pub revision: String,
    /// Digest of everything that it renders to.
    pub digest: String,
    /// When its verdict was reached.
    pub time: Time,
    /// What became of it.
    pub outcome: Outcome,
}

/// A Job or bare Pod that came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FinishedObject {
    /// The object: `group/Kind/namespace/name`.
    pub object: String,
    /// The digest of what ran.
    pub digest: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How serious a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Severity {
    /// It will not be deployed.
    Error,
    /// It is deployed, but probably not what was meant.
    Warning,
    /// Good to know.
    Note,
}

/// One thing that was found, with its place and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingStatus {
    /// How serious it is.
    pub severity: Severity,
    /// Where in the repository: `file:line:column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Which object: `Kind/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What happened, and what to do.
    pub message: String,
}
