//! What the API server serves, read by aggregated discovery into a value of our own.

use std::collections::BTreeSet;

use kargo_core::{kinds::Kinds, object::GroupKind};
use serde_json::Value;

use super::{CallError, Cluster};

/// Aggregated discovery: all groups in one answer each for `/api` and `/apis` (stable since Kubernetes 1.30).
const ACCEPT: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// What is not served any more: kinds, each with the version.
pub type Lost = BTreeSet<(GroupKind, String)>;

/// Reads what is served. If that has changed since the last time, the answer says what is gone.
pub async fn refresh(cluster: &Cluster) -> Result<Option<Lost>, CallError> {
    // One at a time: the answer to the older question must not replace that to the newer one.
    let _turn = cluster.discovering.lock().await;
    let mut kinds = Kinds::default();
    for root in ["/api", "/apis"] {
        let request =
            http::Request::get(root).header(http::header::ACCEPT, ACCEPT).body(Vec::new());
        let list: Value = cluster.read(request.map_err(|_| CallError::Unreachable)?).await?;
        read(&list, &mut kinds);
    }
    let before = cluster.kinds();
    if *before == kinds {
        return Ok(None);
    }
    let lost = before.lost_to(&kinds);
    cluster.set_kinds(kinds);
    Ok(Some(lost))
}

/// Adds the groups of one `APIGroupDiscoveryList`.
fn read(list: &Value, kinds: &mut Kinds) {
    for group in array(list, "items") {
        let name =
            group.get("metadata").and_then(|metadata| metadata.get("name")?.as_str()).unwrap_or("");
        for version in array(group, "versions") {
            let Some(version_name) = version.get("version").and_then(Value::as_str) else {
                continue;
            };
            if version.get("freshness").and_then(Value::as_str) == Some("Stale") {
                kinds.silent_groups.insert(name.to_owned());
            }
            for resource in array(version, "resources") {
                let text = |key: &str| resource.get(key).and_then(Value::as_str);
                let kind = resource.get("responseKind").and_then(|kind| kind.get("kind")?.as_str());
                let (Some(plural), Some(kind)) = (text("resource"), kind) else { continue };
                let verbs: Vec<&str> = array(resource, "verbs").filter_map(Value::as_str).collect();
                let watchable = verbs.contains(&"list") && verbs.contains(&"watch");
                let namespaced = text("scope") == Some("Namespaced");
                kinds.insert(
                    GroupKind::new(name, kind),
                    version_name,
                    plural,
                    namespaced,
                    watchable,
                );
            }
        }
    }
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_versions_and_resources_become_kinds() {
        let resource = |plural: &str, kind: &str, scope: &str| {
            json!({"resource": plural, "scope": scope, "verbs": ["list", "watch", "patch"],
                   "responseKind": {"group": "", "version": "", "kind": kind}})
        };
        let list = json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current", "resources": [resource("deployments", "Deployment", "Namespaced")]}]},
            {"metadata": {"name": "metrics.example"}, "versions": [{"version": "v1", "freshness": "Stale", "resources": []}]},
        ]});
        let mut kinds = Kinds::default();
        read(&list, &mut kinds);
        assert!(kinds.serves("apps", "v1", "Deployment"));
        assert!(!kinds.serves("apps", "v1beta1", "Deployment"));
        assert!(kinds.silent_groups.contains("metrics.example"));
    }
}
