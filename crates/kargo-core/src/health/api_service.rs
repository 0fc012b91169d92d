//! `APIService`: available. While it is not, the pods behind it may still be starting: in progress.

use serde_json::Value;

use super::{Health, read::condition};

pub(super) fn health(object: &Value) -> Health {
    match condition(object, "Available") {
        Some(available) if available.is_true() => Health::healthy("it is available"),
        Some(available) => {
            Health::progressing(format!("it is not available yet{}", available.because()))
        }
        None => Health::progressing("it is not available yet"),
    }
}
