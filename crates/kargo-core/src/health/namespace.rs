//! Namespace: not on its way out.

use serde_json::Value;

use super::{Health, read::text};

pub(super) fn health(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Terminating") => Health::progressing("it is being deleted"),
        _ => Health::healthy("it exists"),
    }
}
