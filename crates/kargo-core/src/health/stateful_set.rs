//! `StatefulSet`: all replicas are ready and of the newest revision, or, with a partition, as many as it lets through.

use serde_json::Value;

use super::{
    Health,
    read::{count, counted, int, share, text, wanted_replicas},
};

pub(super) fn health(object: &Value) -> Health {
    let wanted = wanted_replicas(object);
    let [existing, ready, current, updated] =
        ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas"]
            .map(|name| count(object, name));
    if wanted > existing {
        return Health::progressing(share(existing, wanted, "replica", "created"));
    }
    if wanted > ready {
        return Health::progressing(share(ready, wanted, "replica", "ready"));
    }
    if existing > wanted {
        return Health::progressing(format!(
            "{} still to stop",
            counted(existing.saturating_sub(wanted), "replica")
        ));
    }
    let healthy = Health::healthy(share(ready, wanted, "replica", "ready"));
    let one_revision =
        text(object, &["status", "currentRevision"]) == text(object, &["status", "updateRevision"]);
    if text(object, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        let waiting =
            "its pods take over a change only when they are deleted (update strategy OnDelete)";
        return healthy.with_note((!one_revision).then(|| waiting.to_owned()));
    }
    if let Some(partition) = int(object, &["spec", "updateStrategy", "rollingUpdate", "partition"])
    {
        let let_through = wanted.saturating_sub(partition).max(0);
        if updated < let_through {
            return Health::progressing(share(updated, let_through, "replica", "updated"));
        }
        let held = format!(
            "the partition keeps {} on the old version",
            counted(wanted.min(partition), "replica")
        );
        return healthy.with_note((partition > 0 && !one_revision).then_some(held));
    }
    if !one_revision {
        return Health::progressing(share(updated, wanted, "replica", "updated"));
    }
    if wanted > current {
        return Health::progressing(share(current, wanted, "replica", "updated"));
    }
    healthy
}
