//! `PersistentVolumeClaim` and `PersistentVolume`.

use serde_json::Value;

use super::{
    Health,
    read::{text, tidy},
};

pub(super) fn claim_health(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Bound") => Health::healthy("it is bound to a volume"),
        Some("Lost") => Health::degraded("the volume that it was bound to is gone"),
        _ => Health::progressing("it is not bound to a volume yet"),
    }
}

pub(super) fn health(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Failed") => {
            let why = text(object, &["status", "message"]).map(tidy);
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            Health::degraded(format!("it could not be reclaimed{why}"))
        }
        Some("Pending") => Health::progressing("it is not available yet"),
        _ => Health::healthy("it exists"),
    }
}
