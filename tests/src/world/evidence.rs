//! What the controller did, by the API server's own account: its audit log and its Events.

use std::time::Duration;

use serde_json::Value;

use super::{World, identity, must};
use crate::cluster::audit::AuditEvent;

impl World {
    /// Every successful write of this world's controller so far.
    pub fn writes(&self) -> Vec<AuditEvent> {
        let user = identity::user_name(&self.system_namespace);
        let events = must(self.cluster.audit_of(&user), "read the audit log");
        events.into_iter().filter(|event| event.is_write() && event.succeeded()).collect()
    }

    /// All that this world's controller has asked of the API server so far, answered as it may be.
    pub fn requests(&self) -> Vec<AuditEvent> {
        let user = identity::user_name(&self.system_namespace);
        must(self.cluster.audit_of(&user), "read the audit log")
    }

    /// Every object that this world's controller has deleted so far: `plural/name`.
    pub fn deleted(&self) -> Vec<String> {
        self.writes()
            .into_iter()
            .filter(|event| event.verb.starts_with("delete"))
            .map(|event| event.object())
            .map(|object| format!("{}/{}", object.resource, object.name))
            .collect()
    }

    /// Asserts that the controller writes nothing for `period`, but to its Lease.
    pub async fn assert_quiet(&self, period: Duration) {
        let before = self.writes().len();
        tokio::time::sleep(period).await;
        let writes: Vec<String> = self.writes()[before..]
            .iter()
            .filter(|event| event.object().resource != "leases")
            .map(|event| format!("{} {}", event.verb, event.request_uri))
            .collect();
        assert!(writes.is_empty(), "nothing changed, and yet it wrote: {writes:#?}");
    }

    /// The Events about a `KargoApp`: reason and note, oldest first.
    pub async fn events(&self, app: &str) -> Vec<(String, String)> {
        let list = must(self.objects.list(&self.namespace, "Event", "").await, "list Events");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.iter()
            .filter(|event| event["involvedObject"]["kind"] == "KargoApp")
            .filter(|event| event["involvedObject"]["name"] == app)
            .map(|event| (text(&event["reason"]), text(&event["message"])))
            .collect()
    }
}
