//! `DaemonSet`: a pod of the newest template is available on every node that it is meant for.

use serde_json::Value;

use super::{
    Health,
    read::{count, int, share, text},
};

pub(super) fn health(object: &Value) -> Health {
    // Zero nodes are legal, so a controller that has not looked yet is told by what it has not written.
    let observed = int(object, &["status", "observedGeneration"]);
    let (Some(wanted), Some(_)) = (int(object, &["status", "desiredNumberScheduled"]), observed)
    else {
        return Health::progressing("its controller has not looked at it yet");
    };
    let [scheduled, updated, available, ready] =
        ["currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"]
            .map(|name| count(object, name));
    let on_delete = text(object, &["spec", "updateStrategy", "type"]) == Some("OnDelete");
    if wanted > scheduled {
        return Health::progressing(share(scheduled, wanted, "pod", "scheduled"));
    }
    if wanted > updated && !on_delete {
        return Health::progressing(share(updated, wanted, "pod", "updated"));
    }
    if wanted > available {
        return Health::progressing(share(available, wanted, "pod", "available"));
    }
    if wanted > ready {
        return Health::progressing(share(ready, wanted, "pod", "ready"));
    }
    let waiting =
        "its pods take over a change only when they are deleted (update strategy OnDelete)";
    Health::healthy(share(available, wanted, "pod", "available"))
        .with_note((wanted > updated).then(|| waiting.to_owned()))
}
