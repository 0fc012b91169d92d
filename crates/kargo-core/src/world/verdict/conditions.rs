//! The verdicts as conditions: `Ready`, `Reconciling` and `Stalled` by the kstatus convention, and the steps.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kargo_api::{
    KargoAppStatus,
    reasons::{ConditionType, Reason},
    status::{CurrentState, DesiredState, HealthSummary},
};

use super::{Verdict, condition};
use crate::world::{
    app::{App, Phase},
    gate::Hold,
    repairs::Fight,
};

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
    let held_back = app.hold.as_ref().map(|hold| (hold.reason(), hold.message(app)));
    let has_failed = desired.state == DesiredState::Failed && !stale_only;
    let (ready, reason, message) = match (desired.state, state) {
        _ if has_failed => (false, desired.reason, desired.message.as_str()),
        _ if held_back.is_some() => held_back
            .as_ref()
            .map_or((false, Reason::Suspended, ""), |(reason, text)| (false, *reason, text)),
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
    let waits_for_others = app.hold.as_ref().is_some_and(Hold::ends_by_itself);
    let waits = matches!(state, Some(CurrentState::Deploying | CurrentState::Succeeded))
        || desired.state == DesiredState::Loading
        || (stale_only && !ready);
    let reconciling = !ready
        && waits
        && (desired.state != DesiredState::Failed || stale_only)
        && (held_back.is_none() || waits_for_others);
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
        let refused = matches!(current.reason, Reason::ApplyFailed | Reason::ClaimedByOther);
        if let Some((reason, message)) = held_back.as_ref().filter(|_| app.waiting.is_some()) {
            list.push(ConditionType::Applied, false, *reason, message);
        } else if refused || deployment.phase == Phase::Applying {
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
        let drifted = !deployment.unrepaired(app).is_empty();
        let (reason, text) = if drifted {
            (Reason::Drifted, current.message.as_str())
        } else {
            (Reason::NotDrifted, "")
        };
        list.push(ConditionType::Drifted, drifted, reason, text);
        let fights: Vec<String> = deployment.fights.iter().map(Fight::words).collect();
        let (reason, text) = if fights.is_empty() {
            (Reason::NotFighting, String::new())
        } else {
            (Reason::Fighting, format!("{}.", fights.join("; ")))
        };
        list.push(ConditionType::Fighting, !fights.is_empty(), reason, &text);
    } else {
        list.keep(&[
            ConditionType::Applied,
            ConditionType::Healthy,
            ConditionType::Drifted,
            ConditionType::Fighting,
        ]);
    }
    let waits_for_people = app.hold.as_ref().is_some_and(|hold| !hold.ends_by_itself());
    match (held_back.filter(|_| waits_for_people), &app.deployment, current) {
        (Some((reason, message)), _, _) => list.push(ConditionType::Held, true, reason, &message),
        (None, Some(_), Some(current)) if current.state == CurrentState::Held => {
            list.push(ConditionType::Held, true, current.reason, &current.message);
        }
        (None, Some(deployment), Some(current)) if !deployment.kept.is_empty() => {
            list.push(ConditionType::Held, true, Reason::PruneHeld, &current.message);
        }
        (None, Some(_), Some(_)) => list.push(ConditionType::Held, false, Reason::NotHeld, ""),
        (None, _, _) => list.keep(&[ConditionType::Held]),
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
