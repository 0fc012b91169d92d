//! Deployment: all replicas of the newest template are available and the old ones are gone.

use serde_json::Value;

use super::{
    Health,
    read::{Condition, condition, count, counted, flag, int, share, wanted_replicas},
};

pub(super) fn health(object: &Value) -> Health {
    let progressing = condition(object, "Progressing");
    if progressing.is_some_and(|condition| condition.reason() == "ProgressDeadlineExceeded") {
        let deadline = int(object, &["spec", "progressDeadlineSeconds"]);
        let deadline =
            deadline.map_or(String::new(), |seconds| format!(" within {seconds} seconds"));
        let (available, wanted) = (count(object, "availableReplicas"), wanted_replicas(object));
        return Health::degraded(format!(
            "the rollout did not finish{deadline}: {}",
            share(available, wanted, "replica", "available")
        ));
    }
    match unfinished(object) {
        None => {
            let wanted = wanted_replicas(object);
            Health::healthy(share(
                count(object, "availableReplicas"),
                wanted,
                "replica",
                "available",
            ))
        }
        Some(message) if flag(object, &["spec", "paused"]) => {
            Health::progressing(format!("the rollout is paused by spec.paused: {message}"))
        }
        Some(message) => Health::progressing(message),
    }
}

/// What is still missing; `None` if the rollout is complete.
fn unfinished(object: &Value) -> Option<String> {
    let wanted = wanted_replicas(object);
    let [existing, updated, ready, available] =
        ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
            .map(|name| count(object, name));
    if wanted > existing {
        let failure = condition(object, "ReplicaFailure").filter(|condition| condition.is_true());
        let because = failure.map_or(String::new(), Condition::because);
        return Some(format!("{}{because}", share(existing, wanted, "replica", "created")));
    }
    if wanted > updated {
        return Some(share(updated, wanted, "replica", "updated"));
    }
    if existing > wanted {
        return Some(format!(
            "{} of the old version still to stop",
            counted(existing.saturating_sub(wanted), "replica")
        ));
    }
    if updated > available {
        return Some(share(available, updated, "replica", "available"));
    }
    if wanted > ready {
        return Some(share(ready, wanted, "replica", "ready"));
    }
    // Without a deadline the controller writes no Progressing condition (kstatus' rule); i32::MAX says the same.
    let deadline = int(object, &["spec", "progressDeadlineSeconds"]).unwrap_or(NO_DEADLINE);
    let complete = condition(object, "Progressing").is_some_and(|condition| {
        condition.is_true() && condition.reason() == "NewReplicaSetAvailable"
    });
    if deadline != NO_DEADLINE && !complete {
        return Some("the newest ReplicaSet is not available yet".to_owned());
    }
    match condition(object, "Available") {
        Some(available) if available.is_true() => None,
        Some(available) => Some(format!("it is not available yet{}", available.because())),
        None => Some("it is not available yet".to_owned()),
    }
}

const NO_DEADLINE: i64 = i32::MAX as i64;
