//! What holds for every kind: deletion, generations, and the conditions that controllers agreed upon.

use serde_json::Value;

use super::{
    Health,
    read::{condition, int, text},
};

/// The verdict that needs no knowledge of the kind: an object that is being deleted, a spec that nobody has
/// looked at yet, and the conditions `Reconciling` and `Stalled`, which say it outright.
pub(super) fn before_any_rule(object: &Value) -> Option<Health> {
    if text(object, &["metadata", "deletionTimestamp"]).is_some() {
        return Some(Health::progressing("it is being deleted"));
    }
    let generation = int(object, &["metadata", "generation"]);
    let observed = int(object, &["status", "observedGeneration"]);
    if let (Some(generation), Some(observed)) = (generation, observed)
        && generation != observed
    {
        return Some(Health::progressing("its controller has not looked at the newest change yet"));
    }
    if let Some(reconciling) =
        condition(object, "Reconciling").filter(|condition| condition.is_true())
    {
        return Some(Health::progressing(format!(
            "its controller is at work{}",
            reconciling.because()
        )));
    }
    let stalled = condition(object, "Stalled").filter(|condition| condition.is_true())?;
    Some(Health::degraded(format!("its controller has given up{}", stalled.because())))
}

/// Kinds without a rule of their own: `Ready`, or else `Available`; healthy where there is neither, as an
/// object without a status has nothing to wait for.
pub(super) fn health(object: &Value) -> Health {
    let Some((word, condition)) = [("ready", "Ready"), ("available", "Available")]
        .into_iter()
        .find_map(|(word, kind)| Some((word, condition(object, kind)?)))
    else {
        return Health::healthy("it exists");
    };
    if condition.is_stale(object) {
        Health::progressing("its controller has not looked at the newest change yet")
    } else if condition.is_true() {
        Health::healthy(format!("it is {word}"))
    } else {
        Health::progressing(format!("it is not {word} yet{}", condition.because()))
    }
}
