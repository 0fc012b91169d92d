//! What tests ask of the status of a `KargoApp`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kargo_api::KargoApp;
use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::{CurrentState, CurrentStatus, DesiredState, DesiredStatus, FindingStatus};

/// Short questions to a `KargoApp`; an app without a status answers *no* to all of them.
pub trait AppExt {
    /// The verdict on git.
    fn desired(&self) -> Option<&DesiredStatus>;

    /// The verdict on the cluster.
    fn current(&self) -> Option<&CurrentStatus>;

    /// The sentence for people.
    fn message(&self) -> &str;

    /// A condition.
    fn condition(&self, kind: ConditionType) -> Option<&Condition>;

    /// Whether the verdict is about the spec as it is now.
    fn is_observed(&self) -> bool;

    /// Whether a condition is true, and about the spec as it is now.
    fn is(&self, kind: ConditionType) -> bool {
        self.is_observed()
            && self.condition(kind).is_some_and(|condition| condition.status == "True")
    }

    /// Whether a condition has this reason.
    fn has_reason(&self, kind: ConditionType, reason: Reason) -> bool {
        self.condition(kind).is_some_and(|condition| condition.reason == reason.as_str())
    }

    /// Whether all of `commit` is deployed and healthy.
    fn is_deployed(&self, commit: &str) -> bool {
        self.is(ConditionType::Ready)
            && self.desired_is(DesiredState::Succeeded, commit)
            && self.current_is(CurrentState::Succeeded, commit)
    }

    /// Whether the verdict on git is this one, about `commit`.
    fn desired_is(&self, state: DesiredState, commit: &str) -> bool {
        self.desired().is_some_and(|desired| {
            desired.state == state && desired.revision.as_deref() == Some(commit)
        })
    }

    /// Whether the verdict on the cluster is this one, about `commit`.
    fn current_is(&self, state: CurrentState, commit: &str) -> bool {
        self.current().is_some_and(|current| {
            current.state == state && current.revision.as_deref() == Some(commit)
        })
    }

    /// All findings, of git and of the cluster.
    fn findings(&self) -> Vec<&FindingStatus> {
        let desired = self.desired().map_or(&[][..], |desired| &desired.findings);
        let current = self.current().map_or(&[][..], |current| &current.findings);
        desired.iter().chain(current).collect()
    }

    /// Everything that a person can read in the status about what is wrong: the messages and the
    /// findings with their places, one a line.
    fn story(&self) -> String {
        let mut lines = vec![self.message().to_owned()];
        lines.extend(self.desired().map(|desired| desired.message.clone()));
        lines.extend(self.current().map(|current| current.message.clone()));
        lines.extend(self.findings().into_iter().map(|finding| {
            let place = [finding.location.as_deref(), finding.object.as_deref()];
            let place: Vec<&str> = place.into_iter().flatten().collect();
            format!("{}: {}", place.join(" "), finding.message)
        }));
        lines.join("\n")
    }
}

impl AppExt for KargoApp {
    fn desired(&self) -> Option<&DesiredStatus> {
        self.status.as_ref()?.desired.as_ref()
    }

    fn current(&self) -> Option<&CurrentStatus> {
        self.status.as_ref()?.current.as_ref()
    }

    fn message(&self) -> &str {
        self.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default()
    }

    fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind.as_str())
    }

    fn is_observed(&self) -> bool {
        let observed = self.status.as_ref().and_then(|status| status.observed_generation);
        observed.is_some() && observed == self.metadata.generation
    }
}
