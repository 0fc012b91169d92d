//! Bindings of `rbac.authorization.k8s.io/v1alpha1`: their subjects name a version instead of a group, and the user `*` means
//! everybody who is logged in.

use serde_json::Value;

use super::{
    remarks::Remarks,
    walk::{Object, maps_in, take},
};
use crate::object::group_version;

pub(super) fn rewrite(object: &mut Value, _: &mut Remarks<'_>) {
    let Some(binding) = object.as_object_mut() else { return };
    for (_, subject) in maps_in(binding, "subjects") {
        rewrite_subject(subject);
    }
}

const GROUP: &str = "rbac.authorization.k8s.io";

fn rewrite_subject(subject: &mut Object) {
    let version = take(subject, "apiVersion");
    let group = match subject.get("kind").and_then(Value::as_str) {
        Some("ServiceAccount") => None,
        Some("User" | "Group") => Some(GROUP.to_owned()),
        _ => version
            .as_ref()
            .and_then(Value::as_str)
            .map(|version| group_version(version).0.to_owned()),
    };
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        subject.insert("apiGroup".to_owned(), Value::from(group));
    }
    if subject.get("kind").is_some_and(|kind| kind == "User")
        && subject.get("name").is_some_and(|name| name == "*")
    {
        subject.insert("kind".to_owned(), Value::from("Group"));
        subject.insert("name".to_owned(), Value::from("system:authenticated"));
    }
}
