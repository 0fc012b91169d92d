//! Fields that only the cluster writes. Files made by `kubectl get -o yaml` or `kubectl create --dry-run` carry them.

use serde_json::{Map, Value};

use crate::upgrade::remarks::Remarks;

const WRITTEN_BY_THE_CLUSTER: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The annotation in which client-side apply remembers what it sent.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) fn remove(object: &mut Value, remarks: &mut Remarks<'_>) {
    let Some(fields) = object.as_object_mut() else { return };
    let mut removed: Vec<Vec<&str>> = Vec::new();
    if take_said(fields, "status") {
        removed.push(vec!["status"]);
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in WRITTEN_BY_THE_CLUSTER {
            if take_said(metadata, field) {
                removed.push(vec!["metadata", field]);
            }
        }
        remove_owners(metadata, remarks);
        remove_last_applied(metadata, remarks);
    }
    if let Some(first) = removed.first() {
        let names: Vec<String> =
            removed.iter().map(|path| format!("`{}`", path.join("."))).collect();
        let (verb, them, object) =
            if names.len() == 1 { ("is", "it is", "it") } else { ("are", "they are", "them") };
        remarks.warn(
            first,
            format!("{} {verb} written by the cluster itself; {them} left out", names.join(", ")),
            format!("Delete {object}; `kubectl get -o yaml` leaves such fields behind"),
        );
    }
}

/// Takes a field out; whether it said anything.
fn take_said(fields: &mut Map<String, Value>, name: &str) -> bool {
    fields.shift_remove(name).is_some_and(|value| !is_empty(&value))
}

/// The owners are named by UID, so they are objects of the cluster that the file was copied from. The garbage
/// collector deletes whatever names only owners that do not exist.
fn remove_owners(metadata: &mut Map<String, Value>, remarks: &mut Remarks<'_>) {
    if take_said(metadata, "ownerReferences") {
        remarks.warn(
            &["metadata", "ownerReferences"],
            "`ownerReferences` name objects by their UID in one cluster, and Kubernetes deletes an object whose owners do not exist; they are left out",
            "Delete them",
        );
    }
}

fn remove_last_applied(metadata: &mut Map<String, Value>, remarks: &mut Remarks<'_>) {
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else {
        return;
    };
    if take_said(annotations, LAST_APPLIED) {
        remarks.warn(
            &["metadata", "annotations", LAST_APPLIED],
            "the annotation in which kubectl remembers what it applied is for kubectl alone; it is left out",
            "Delete it",
        );
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
