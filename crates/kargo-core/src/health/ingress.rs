//! Ingress: exists. A missing address is only a note, as with a Service of type `LoadBalancer`.

use serde_json::Value;

use super::{Health, read::list};

pub(super) fn health(object: &Value) -> Health {
    let without = list(object, &["status", "loadBalancer", "ingress"]).is_empty();
    Health::healthy("it exists").with_note(without.then(|| "it has no address yet".to_owned()))
}
