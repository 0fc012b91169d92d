//! `ReplicaSet` and `ReplicationController`: as many replicas as wanted, all available.

use serde_json::Value;

use super::{
    Health,
    read::{condition, count, counted, share, wanted_replicas},
};

pub(super) fn health(object: &Value) -> Health {
    if let Some(failure) =
        condition(object, "ReplicaFailure").filter(|condition| condition.is_true())
    {
        return Health::progressing(format!("its replicas cannot be created{}", failure.because()));
    }
    let wanted = wanted_replicas(object);
    let [existing, labelled, available, ready] =
        ["replicas", "fullyLabeledReplicas", "availableReplicas", "readyReplicas"]
            .map(|name| count(object, name));
    if wanted > labelled {
        return Health::progressing(share(labelled, wanted, "replica", "created"));
    }
    if wanted > available {
        return Health::progressing(share(available, wanted, "replica", "available"));
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
    Health::healthy(share(available, wanted, "replica", "available"))
}
