//! Objects of a served version that mix in what belongs to a removed one. Server-side apply would refuse them.

use serde_json::Value;

use super::{ingress, remarks::Remarks, table, walk::map_at};
use crate::object::group_version;

pub(super) fn repair(
    object: &mut Value,
    remarks: &mut Remarks<'_>,
    serves: &dyn Fn(&str, &str, &str) -> bool,
) {
    let (group, version) = group_version(object["apiVersion"].as_str().unwrap_or_default());
    match (group, version, object["kind"].as_str().unwrap_or_default()) {
        ("networking.k8s.io", "v1", "Ingress") => ingress::repair(object, remarks),
        ("autoscaling", _, "HorizontalPodAutoscaler") => repair_target(object, remarks, serves),
        _ => {}
    }
}

/// The autoscaler looks its target up under exactly the version that is written there, and finds nothing.
fn repair_target(
    object: &mut Value,
    remarks: &mut Remarks<'_>,
    serves: &dyn Fn(&str, &str, &str) -> bool,
) {
    let Some(target) = map_at(object, &["spec", "scaleTargetRef"]) else { return };
    let text = |key| target.get(key).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
    let removed =
        table::find_kind(&api_version, &kind).filter(|removed| !removed.is_served(serves));
    let Some(successor) = removed.and_then(table::Removed::successor) else { return };
    target.insert("apiVersion".to_owned(), Value::from(successor));
    remarks.warn(
        &["spec", "scaleTargetRef", "apiVersion"],
        format!(
            "the target's version {api_version} is not served any more; it is read as {successor}"
        ),
        format!("Write `apiVersion: {successor}`"),
    );
}
