//! Service: exists; of type `LoadBalancer` it has its cluster address. A missing external address is only a
//! note: many clusters have nobody who gives one, and the app answers inside.

use serde_json::Value;

use super::{
    Health,
    read::{list, text},
};

pub(super) fn health(object: &Value) -> Health {
    if text(object, &["spec", "type"]) != Some("LoadBalancer") {
        return Health::healthy("it exists");
    }
    if text(object, &["spec", "clusterIP"]).is_none() {
        return Health::progressing("it has no cluster address yet");
    }
    let without = list(object, &["status", "loadBalancer", "ingress"]).is_empty();
    Health::healthy("it exists")
        .with_note(without.then(|| "it has no external address yet".to_owned()))
}
