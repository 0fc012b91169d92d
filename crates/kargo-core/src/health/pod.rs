//! Pod: ready, or finished well.

use serde_json::Value;

use super::{
    Health,
    read::{Condition, condition, list, text, tidy},
};

pub(super) fn health(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Succeeded") => Health::healthy("it has finished"),
        Some("Failed") => {
            let why =
                ["message", "reason"].into_iter().find_map(|key| text(object, &["status", key]));
            let why = why.map_or(String::new(), |why| format!(": {}", tidy(why)));
            Health::degraded(format!("it has ended with a failure{why}"))
        }
        Some("Running") if condition(object, "Ready").is_some_and(Condition::is_true) => {
            Health::healthy("it is ready")
        }
        phase => not_up(object, phase),
    }
}

/// A pod that is neither ready nor finished.
fn not_up(object: &Value, phase: Option<&str>) -> Health {
    let waiting = waiting_containers(object);
    let crashing: Vec<&str> =
        waiting.iter().filter(|(_, reason)| *reason == CRASH_LOOP).map(|(name, _)| *name).collect();
    if !crashing.is_empty() {
        return Health::degraded(format!(
            "container {} crashes again and again",
            crashing.join(", ")
        ));
    }
    let scheduled = condition(object, "PodScheduled").filter(|condition| condition.is_false());
    if let Some(unscheduled) = scheduled.filter(|condition| condition.reason() == "Unschedulable") {
        return Health::progressing(format!("no node takes it{}", unscheduled.because()));
    }
    // The two reasons of every normal start say nothing.
    let held = waiting
        .iter()
        .find(|(_, reason)| !["ContainerCreating", "PodInitializing"].contains(reason));
    if let Some((name, reason)) = held {
        return Health::progressing(format!("container {name} is waiting: {reason}"));
    }
    Health::progressing(match phase {
        None => "it has not been looked at yet".to_owned(),
        Some("Running") => "it is running, but not ready yet".to_owned(),
        Some("Pending") => "it is starting".to_owned(),
        Some(other) => format!("it is in phase {}", tidy(other)),
    })
}

const CRASH_LOOP: &str = "CrashLoopBackOff";

/// Names of the containers that wait, init containers first, each with its reason.
fn waiting_containers(object: &Value) -> Vec<(&str, &str)> {
    ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|field| list(object, &["status", field]))
        .filter_map(|container| {
            Some((text(container, &["name"])?, text(container, &["state", "waiting", "reason"])?))
        })
        .collect()
}
