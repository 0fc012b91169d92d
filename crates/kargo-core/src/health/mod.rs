//! Whether a live object is up, from its own status alone.
//!
//! The rules are those of [kstatus](https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus): one
//! file per kind, and the conditions that any kind may carry in `generic`. What kstatus calls *current* is
//! [`HealthSummary::Healthy`] here, *in progress* and *terminating* are `Progressing`, *failed* is `Degraded`.
//!
//! Where we differ, and why:
//!
//! - A Pod that ended with a failure is degraded (kstatus: current), and so is one whose init container
//!   crashes in a loop (kstatus looks at the other containers only).
//! - An unschedulable Pod is in progress (kstatus: failed after 15 seconds): there is no clock here, a volume
//!   or a node may be on its way, and the app's own time-out ends the wait.
//! - The update strategy `OnDelete` takes revisions out of the verdict, not readiness: a `StatefulSet` whose first
//!   pods are not up yet is not healthy (kstatus: always current), and a `DaemonSet` does not wait for ever for
//!   an update that only people trigger.
//! - A lost `PersistentVolumeClaim` is degraded (kstatus: in progress).
//! - Kinds that kstatus does not know: Ingress, `HorizontalPodAutoscaler`, `PersistentVolume`, Namespace,
//!   `APIService`; and the condition `Available`, which is read like `Ready`.
//!
//! A status of odd shape (wrong types, missing parts) is read as if the odd part were not there.

mod api_service;
mod autoscaler;
mod crd;
mod cron_job;
mod daemon_set;
mod deployment;
mod disruption_budget;
mod generic;
mod ingress;
mod job;
mod namespace;
mod pod;
mod read;
mod replica_set;
mod service;
mod stateful_set;
mod volume;
mod without_rule;

#[cfg(test)]
mod tests;

pub use kargo_api::status::HealthSummary;
use serde_json::Value;
pub use without_rule::has_health_rule;

use crate::object::group_version;

/// The verdict on one live object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Up, on its way, or neither.
    pub summary: HealthSummary,
    /// One sentence for people, without its full stop and without the object's name: `2 of 3 replicas are available`.
    pub message: String,
    /// Something worth saying that does not change the verdict, such as an address that is still missing.
    pub note: Option<String>,
}

impl Health {
    fn healthy(message: impl Into<String>) -> Self {
        Self { summary: HealthSummary::Healthy, message: message.into(), note: None }
    }

    fn progressing(message: impl Into<String>) -> Self {
        Self { summary: HealthSummary::Progressing, message: message.into(), note: None }
    }

    fn degraded(message: impl Into<String>) -> Self {
        Self { summary: HealthSummary::Degraded, message: message.into(), note: None }
    }

    fn with_note(mut self, note: impl Into<Option<String>>) -> Self {
        self.note = note.into();
        self
    }
}

/// The verdict on a live object: its full JSON with `metadata`, `spec` and `status`. Never panics, whatever
/// the shape of the object.
pub fn health(object: &Value) -> Health {
    if let Some(verdict) = generic::before_any_rule(object) {
        return verdict;
    }
    let (group, _) = group_version(read::text(object, &["apiVersion"]).unwrap_or_default());
    let kind = read::text(object, &["kind"]).unwrap_or_default();
    match (group, kind) {
        ("apps" | "extensions", "Deployment") => deployment::health(object),
        ("apps", "StatefulSet") => stateful_set::health(object),
        ("apps" | "extensions", "DaemonSet") => daemon_set::health(object),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            replica_set::health(object)
        }
        ("batch", "Job") => job::health(object),
        ("batch", "CronJob") => cron_job::health(object),
        ("", "Pod") => pod::health(object),
        ("", "PersistentVolumeClaim") => volume::claim_health(object),
        ("", "PersistentVolume") => volume::health(object),
        ("", "Service") => service::health(object),
        ("", "Namespace") => namespace::health(object),
        ("networking.k8s.io" | "extensions", "Ingress") => ingress::health(object),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::health(object),
        ("policy", "PodDisruptionBudget") => disruption_budget::health(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => crd::health(object),
        ("apiregistration.k8s.io", "APIService") => api_service::health(object),
        _ => generic::health(object),
    }
}
