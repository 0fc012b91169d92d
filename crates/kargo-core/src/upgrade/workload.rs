//! Deployment, `DaemonSet`, `ReplicaSet` and `StatefulSet` of `extensions/v1beta1`, `apps/v1beta1` and `apps/v1beta2` to `apps/v1`.

use serde_json::{Value, json};

use super::{
    remarks::Remarks,
    walk::{map_at, set_default, take},
};

pub(super) fn rewrite(object: &mut Value, remarks: &mut Remarks<'_>) {
    add_selector(object, remarks);
    keep_update_strategy(object, remarks);
    let Some(spec) = map_at(object, &["spec"]) else { return };
    for field in ["rollbackTo", "templateGeneration"] {
        if take(spec, field).is_some() {
            remarks.warn(
                &["spec", field],
                format!("`{field}` does not exist in apps/v1; it is left out"),
                "Delete it",
            );
        }
    }
}

/// The old servers took the labels of the pod template for a selector that was not there; `apps/v1` wants it written.
fn add_selector(object: &mut Value, remarks: &mut Remarks<'_>) {
    let Some(spec) = map_at(object, &["spec"]) else { return };
    if spec.get("selector").is_some_and(|selector| !selector.is_null()) {
        return;
    }
    let labels =
        spec.get("template").map_or(Value::Null, |template| template["metadata"]["labels"].clone());
    if labels.as_object().is_none_or(serde_json::Map::is_empty) {
        remarks.refuse(
            &["spec"],
            "apps/v1 requires `spec.selector`, and the pod template has no labels to make it of",
            "Give `spec.template.metadata.labels` a label, and `spec.selector.matchLabels` the same one",
        );
        return;
    }
    spec.insert("selector".to_owned(), json!({ "matchLabels": labels }));
}

/// Two of the old versions updated pods only when somebody deleted them, unless told otherwise.
fn keep_update_strategy(object: &mut Value, remarks: &mut Remarks<'_>) {
    let old = (
        object["apiVersion"].as_str().unwrap_or_default(),
        object["kind"].as_str().unwrap_or_default(),
    );
    if !matches!(old, ("extensions/v1beta1", "DaemonSet") | ("apps/v1beta1", "StatefulSet")) {
        return;
    }
    let Some(spec) = map_at(object, &["spec"]) else { return };
    set_default(spec, "updateStrategy", json!({}));
    let Some(strategy) = spec.get_mut("updateStrategy").and_then(Value::as_object_mut) else {
        return;
    };
    // Somebody who says how to roll wants to roll.
    if strategy.contains_key("type") || strategy.contains_key("rollingUpdate") {
        return;
    }
    strategy.insert("type".to_owned(), Value::from("OnDelete"));
    remarks.warn(
        &["spec"],
        "the old version replaces pods only when they are deleted, apps/v1 as soon as the template changes; \
         `updateStrategy.type: OnDelete` was added to keep it so",
        "Write `updateStrategy: {type: RollingUpdate}`, or `OnDelete` if that is what you want",
    );
}
