//! The verdicts as conditions: `Ready`, `Reconciling` and `Stalled` by the kstatus convention, and the steps.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kargo_api::{
    KargoAppStatus,
    reasons::{ConditionType, Reason},
    status::{CurrentState, DesiredState, HealthSummary},
};

use super::{Verdict, condition};
use crate::world::app::{App, Phase};

pub(super) fn conditions(
    app: &App,
    status: &KargoAppStatus,
    desired: &Verdict<DesiredState>,
    current: Option<&Verdict<CurrentState>>,
    wall: Timestamp,
) -> Vec<Condition> {
    let mut list = List { app, wall, conditions: Vec::new() };
    let stale_only = desired.reason == Reason::SourceUnavailable;
    let kept = app.stored.current.as_ref().filter(|_| current.is_none());
    let state = current.map(|current| current.state).or(kept.map(|kept| kept.state));
    let cluster = current.map(|current| (current.reason, current.message.as_str()));
    let healthy = status.health == Some(HealthSummary::Healthy);

    // Ready: the newest commit is deployed and up. Git that cannot be asked for a while does not take that back.
    let (ready, reason, message) = match (desired.state, state) {
        (DesiredState::Failed, _) if !stale_only => {
            (false, desired.reason, desired.message.as_str())
        }
        (DesiredState::Loading, _) => (false, Reason::Loading, desired.message.as_str()),
        (_, Some(CurrentState::Succeeded)) if healthy => {
            let (reason, message) = cluster
                .unwrap_or((Reason::Deployed, kept.map_or("", |kept| kept.message.as_str())));
            (true, reason, message)
        }
        (_, Some(CurrentState::Succeeded)) => {
            (false, Reason::Unhealthy, "Something that was healthy is not any more.")
        }
        (_, Some(_)) => cluster
            .map_or((false, Reason::Deploying, ""), |(reason, message)| (false, reason, message)),
        (_, None) => (false, desired.reason, desired.message.as_str()),
    };
    let waits = matches!(state, Some(CurrentState::Deploying | CurrentState::Succeeded))
        || desired.state == DesiredState::Loading
        || (stale_only && !ready);
    let reconciling = !ready && waits && (desired.state != DesiredState::Failed || stale_only);
    let stalled = !ready && !reconciling;
    list.push(ConditionType::Ready, ready, reason, message);
    if reconciling {
        list.push(ConditionType::Reconciling, true, Reason::Progressing, message);
        list.push(ConditionType::Stalled, false, Reason::Progressing, "");
    } else {
        list.push(ConditionType::Reconciling, false, Reason::UpToDate, "");
        let reason = if stalled { Reason::NeedsChange } else { Reason::UpToDate };
        list.push(ConditionType::Stalled, stalled, reason, if stalled { message } else { "" });
    }
    if desired.state != DesiredState::Loading {
        list.push(
            ConditionType::Rendered,
            desired.state == DesiredState::Succeeded,
            desired.reason,
            &desired.message,
        );
    }
    if let (Some(deployment), Some(current)) = (&app.deployment, current) {
        let refused = matches!(
            current.reason,
            Reason::ApplyFailed | Reason::ClaimedByOther | Reason::NothingDesired
        );
        if refused || deployment.phase == Phase::Applying {
            list.push(ConditionType::Applied, false, current.reason, &current.message);
        } else {
            list.push(ConditionType::Applied, true, Reason::Applied, "");
        }
        let reason = if healthy {
            Reason::Healthy
        } else if deployment.timed_out {
            Reason::TimedOut
        } else {
            Reason::Progressing
        };
        list.push(
            ConditionType::Healthy,
            healthy,
            reason,
            if healthy { "" } else { current.message.as_str() },
        );
        let held = current.state == CurrentState::Held || !deployment.kept.is_empty();
        let reason = match (held, current.state) {
            (false, _) => Reason::NotHeld,
            (true, CurrentState::Held) => current.reason,
            (true, _) => Reason::PruneHeld,
        };
        list.push(
            ConditionType::Held,
            held,
            reason,
            if held { current.message.as_str() } else { "" },
        );
    } else {
        list.keep(&[ConditionType::Applied, ConditionType::Healthy, ConditionType::Held]);
    }
    list.conditions
}

/// Conditions under construction: transition times are kept where the status stays.
struct List<'a> {
    app: &'a App,
    wall: Timestamp,
    conditions: Vec<Condition>,
}

impl List<'_> {
    fn push(&mut self, kind: ConditionType, value: bool, reason: Reason, message: &str) {
        let status = if value { "True" } else { "False" };
        let before = condition(&self.app.stored, kind).filter(|old| old.status == status);
        self.conditions.push(Condition {
            type_: kind.as_str().to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: Some(self.app.generation),
            last_transition_time: before
                .map_or(Time(self.wall), |old| old.last_transition_time.clone()),
        });
    }

    fn keep(&mut self, kinds: &[ConditionType]) {
        self.conditions
            .extend(kinds.iter().filter_map(|kind| condition(&self.app.stored, *kind)).cloned());
    }
}
