//! `HorizontalPodAutoscaler`: never holds the app back. Without metrics, or without its target, it scales
//! nothing, but the workload runs with the replicas that it has; so what it complains about is a note.
//! Metrics of new pods are missing for the first minute of every deployment, and for ever on clusters without
//! a metrics server.

use serde_json::Value;

use super::{Health, read::condition};

pub(super) fn health(object: &Value) -> Health {
    let complaint = |kind, sentence: &str| {
        let condition = condition(object, kind).filter(|condition| condition.is_false())?;
        // The reason of a target with zero replicas: scaling was turned off by hand.
        (condition.reason() != "ScalingDisabled")
            .then(|| format!("{sentence}{}", condition.because()))
    };
    let note = complaint("AbleToScale", "it cannot scale its target")
        .or_else(|| complaint("ScalingActive", "it does not scale, because it has no metrics"));
    Health::healthy("it exists").with_note(note)
}
