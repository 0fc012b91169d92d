//! `PodDisruptionBudget` of `policy/v1beta1` to `policy/v1`: the empty selector selected no pod, now it selects all.

use serde_json::{Value, json};

use super::{
    remarks::Remarks,
    walk::{Object, map_at},
};

pub(super) fn rewrite(object: &mut Value, remarks: &mut Remarks<'_>) {
    let Some(spec) = map_at(object, &["spec"]) else { return };
    let empty =
        spec.get("selector").and_then(Value::as_object).is_some_and(selects_without_conditions);
    if empty {
        spec.insert(
            "selector".to_owned(),
            json!({"matchExpressions": [{"key": NO_POD_HAS, "operator": "Exists"}]}),
        );
        remarks.warn(
            &["spec", "selector"],
            "an empty selector selects no pod in policy/v1beta1 and every pod of the namespace in policy/v1; \
             it was replaced by one that selects no pod",
            "Write the labels of the pods that this budget is for",
        );
    }
}

fn selects_without_conditions(selector: &Object) -> bool {
    selector.values().all(|part| match part {
        Value::Null => true,
        Value::Object(labels) => labels.is_empty(),
        Value::Array(expressions) => expressions.is_empty(),
        _ => false,
    })
}

/// The label that the API server itself put into such a selector when it still served both versions.
const NO_POD_HAS: &str = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";
