//! `CronJob`: always healthy; its Jobs have health of their own.

use serde_json::Value;

use super::{Health, read::flag};

pub(super) fn health(object: &Value) -> Health {
    let suspended = flag(object, &["spec", "suspend"]);
    Health::healthy("it is scheduled")
        .with_note(suspended.then(|| "it starts no Jobs, because spec.suspend is true".to_owned()))
}
