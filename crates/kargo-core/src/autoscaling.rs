//! Who sets the number of replicas of a workload.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{
    managers,
    object::{GroupKind, ObjectId, group_version},
    ownership::Entry,
};

/// The workload that an autoscaler targets, if the object is one: a `HorizontalPodAutoscaler`, or a `ScaledObject`
/// of KEDA, which makes one.
pub fn target(object: &Value, default_namespace: &str) -> Option<ObjectId> {
    let (group, _) = group_version(object["apiVersion"].as_str()?);
    let default_kind = match (group, object["kind"].as_str()?) {
        ("autoscaling", "HorizontalPodAutoscaler") => None,
        ("keda.sh", "ScaledObject") => Some(("apps/v1", "Deployment")),
        _ => return None,
    };
    let reference = &object["spec"]["scaleTargetRef"];
    let kind = reference["kind"].as_str().or(default_kind.map(|(_, kind)| kind))?;
    let api_version =
        reference["apiVersion"].as_str().or(default_kind.map(|(version, _)| version))?;
    // Before the upgrade, an autoscaler of an old repository still names the old group of its target.
    let group = match (group_version(api_version).0, kind) {
        ("extensions", "Deployment" | "ReplicaSet") => "apps",
        (group, _) => group,
    };
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(default_namespace);
    Some(ObjectId::new(GroupKind::new(group, kind), Some(namespace), reference["name"].as_str()?))
}

/// The targets of all autoscalers of a set, with the name of the autoscaler.
pub fn targets<'a>(
    objects: impl Iterator<Item = &'a Value>,
    default_namespace: &str,
) -> HashMap<ObjectId, String> {
    objects
        .filter_map(|object| {
            let target = target(object, default_namespace)?;
            let kind = object["kind"].as_str()?;
            let name = object["metadata"]["name"].as_str()?;
            Some((target, format!("{kind}/{name}")))
        })
        .collect()
}

/// Whether one of the live autoscalers targets a workload.
pub fn is_target(id: &ObjectId, autoscalers: &[Value]) -> bool {
    let namespace = id.namespace.as_deref().unwrap_or_default();
    let targets: HashSet<ObjectId> =
        autoscalers.iter().filter_map(|object| target(object, namespace)).collect();
    targets.contains(id)
}

/// Who has `spec.replicas` of a live object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReplicasOwner {
    /// Nobody that matters here: a person, a manager that changed the object itself, or nobody.
    #[default]
    Other,
    /// We have it.
    Ours,
    /// A program that scales, by its manager: it set the field through the `scale` subresource.
    Autoscaler(Box<str>),
}

impl ReplicasOwner {
    /// Reads it from an object's `metadata.managedFields`.
    pub fn of(object: &Value, ours: Option<&Entry>) -> Self {
        let owns = |fields: &Value| {
            fields.get("f:spec").is_some_and(|spec| spec.get("f:replicas").is_some())
        };
        if ours.is_some_and(|entry| owns(entry.fields())) {
            return Self::Ours;
        }
        let entries = object["metadata"]["managedFields"].as_array();
        let scaler = entries.into_iter().flatten().find_map(|entry| {
            let manager = entry["manager"].as_str()?;
            let scales = entry["subresource"] == "scale"
                && owns(&entry["fieldsV1"])
                && !managers::is_tool(manager);
            scales.then_some(manager)
        });
        scaler.map_or(Self::Other, |manager| Self::Autoscaler(manager.into()))
    }

    /// Whether an autoscaler sets the field.
    pub fn is_autoscaler(&self) -> bool {
        matches!(self, Self::Autoscaler(_))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::autoscaler(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}), "apps/Deployment/team/web")]
    #[case::old_target(json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "n"},
        "spec": {"scaleTargetRef": {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "name": "web"}}}), "apps/Deployment/n/web")]
    #[case::keda(json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "s"},
        "spec": {"scaleTargetRef": {"name": "web"}}}), "apps/Deployment/team/web")]
    #[case::something_else(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}), "")]
    #[case::without_target(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}), "")]
    fn an_autoscaler_has_a_target(#[case] object: Value, #[case] expected: &str) {
        let found = target(&object, "team").map(|id| id.to_string()).unwrap_or_default();
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::ours("kargo", "Apply", "", ReplicasOwner::Ours)]
    #[case::autoscaler("kube-controller-manager", "Update", "scale", ReplicasOwner::Autoscaler("kube-controller-manager".into()))]
    #[case::a_person_who_scales("kubectl", "Update", "scale", ReplicasOwner::Other)]
    #[case::somebody_who_edits("some-operator", "Update", "", ReplicasOwner::Other)]
    fn replicas_have_an_owner(
        #[case] manager: &str,
        #[case] operation: &str,
        #[case] subresource: &str,
        #[case] expected: ReplicasOwner,
    ) {
        let object = json!({"metadata": {"managedFields": [{"manager": manager, "operation": operation, "subresource": subresource,
            "apiVersion": "apps/v1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]}});
        assert_eq!(ReplicasOwner::of(&object, Entry::of(&object).as_ref()), expected);
    }
}
