//! What pods use: a `ConfigMap` or Secret that a running pod refers to is not deleted under it. A pod that
//! restarts reads it again, also the pod of an old `ReplicaSet` during a rollout.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::object::ObjectId;

/// A kind whose objects pods refer to by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// A `ConfigMap`.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl Used {
    /// What kind an object is, if pods can refer to it.
    pub fn of(id: &ObjectId) -> Option<Self> {
        if id.group_kind.is("", "ConfigMap") {
            Some(Self::ConfigMap)
        } else if id.group_kind.is("", "Secret") {
            Some(Self::Secret)
        } else {
            None
        }
    }
}

/// What is used in one namespace, and by which pod.
#[derive(Debug, Default)]
pub struct Users(BTreeMap<(Used, String), String>);

impl Users {
    /// Takes a pod as the API server sent it. One that is finished or going uses nothing any more.
    pub fn add(&mut self, pod: &Value) {
        let is_over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
            || !pod["metadata"]["deletionTimestamp"].is_null();
        if is_over {
            return;
        }
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        for reference in references(&pod["spec"]) {
            self.0.entry(reference).or_insert_with(|| format!("Pod {name}"));
        }
    }

    /// A pod that uses an object, in words.
    pub fn of(&self, id: &ObjectId) -> Option<&str> {
        self.0.get(&(Used::of(id)?, id.name.clone())).map(String::as_str)
    }
}

/// Everything that the spec of a pod refers to.
fn references(spec: &Value) -> BTreeSet<(Used, String)> {
    let mut found = BTreeSet::new();
    let mut note = |kind: Used, name: &Value| {
        if let Some(name) = name.as_str() {
            found.insert((kind, name.to_owned()));
        }
    };
    for secret in list(&spec["imagePullSecrets"]) {
        note(Used::Secret, &secret["name"]);
    }
    for volume in list(&spec["volumes"]) {
        note(Used::ConfigMap, &volume["configMap"]["name"]);
        note(Used::Secret, &volume["secret"]["secretName"]);
        for source in list(&volume["projected"]["sources"]) {
            note(Used::ConfigMap, &source["configMap"]["name"]);
            note(Used::Secret, &source["secret"]["name"]);
        }
        for driver in ["csi", "cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] {
            note(Used::Secret, &volume[driver]["secretRef"]["name"]);
        }
        note(Used::Secret, &volume["csi"]["nodePublishSecretRef"]["name"]);
        note(Used::Secret, &volume["azureFile"]["secretName"]);
    }
    for containers in ["containers", "initContainers", "ephemeralContainers"] {
        for container in list(&spec[containers]) {
            for source in list(&container["envFrom"]) {
                note(Used::ConfigMap, &source["configMapRef"]["name"]);
                note(Used::Secret, &source["secretRef"]["name"]);
            }
            for variable in list(&container["env"]) {
                let from = &variable["valueFrom"];
                note(Used::ConfigMap, &from["configMapKeyRef"]["name"]);
                note(Used::Secret, &from["secretKeyRef"]["name"]);
            }
        }
    }
    found
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::object::GroupKind;

    fn used(pod: &Value, kind: &str) -> Option<String> {
        let mut users = Users::default();
        users.add(pod);
        let id = ObjectId::new(GroupKind::new("", kind), Some("team"), "x");
        users.of(&id).map(str::to_owned)
    }

    #[rstest]
    #[case::volume("ConfigMap", json!({"volumes": [{"configMap": {"name": "x"}}]}))]
    #[case::secret_volume("Secret", json!({"volumes": [{"secret": {"secretName": "x"}}]}))]
    #[case::projected("ConfigMap", json!({"volumes": [{"projected": {"sources": [{"configMap": {"name": "x"}}]}}]}))]
    #[case::projected_secret("Secret", json!({"volumes": [{"projected": {"sources": [{"secret": {"name": "x"}}]}}]}))]
    #[case::driver("Secret", json!({"volumes": [{"csi": {"nodePublishSecretRef": {"name": "x"}}}]}))]
    #[case::env_from("ConfigMap", json!({"containers": [{"envFrom": [{"configMapRef": {"name": "x"}}]}]}))]
    #[case::env_from_secret("Secret", json!({"initContainers": [{"envFrom": [{"secretRef": {"name": "x"}}]}]}))]
    #[case::env("ConfigMap", json!({"containers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "x", "key": "k"}}}]}]}))]
    #[case::env_of_a_secret("Secret", json!({"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "x", "key": "k"}}}]}]}))]
    #[case::pull("Secret", json!({"imagePullSecrets": [{"name": "x"}]}))]
    fn a_running_pod_uses_what_it_refers_to(#[case] kind: &str, #[case] spec: Value) {
        let pod = |metadata: Value, phase: &str| json!({"metadata": metadata, "spec": spec, "status": {"phase": phase}});
        let other = if kind == "Secret" { "ConfigMap" } else { "Secret" };
        let running = pod(json!({"name": "web-1"}), "Running");
        assert_eq!(used(&running, kind).as_deref(), Some("Pod web-1"));
        assert_eq!(used(&running, other), None);
        assert_eq!(used(&pod(json!({"name": "web-1"}), "Succeeded"), kind), None);
        let going =
            pod(json!({"name": "web-1", "deletionTimestamp": "2026-01-01T00:00:00Z"}), "Running");
        assert_eq!(used(&going, kind), None);
    }
}
