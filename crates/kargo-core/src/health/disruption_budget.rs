//! `PodDisruptionBudget`: healthy once its controller has looked at it, which the generations say. What it
//! complains about (pods without a controller, say) hinders no deployment: a note.

use serde_json::Value;

use super::{Health, read::condition};

pub(super) fn health(object: &Value) -> Health {
    let failed = condition(object, "DisruptionAllowed")
        .filter(|condition| condition.is_false() && condition.reason() == "SyncFailed");
    Health::healthy("it exists").with_note(
        failed.map(|condition| format!("its pods cannot be counted{}", condition.because())),
    )
}
