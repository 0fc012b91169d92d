//! The record of every group/kind that this installation has ever used: what is listed after a restart.
//! Only added to, and always before the first object of a new kind is created.

use std::collections::BTreeSet;

use kargo_api::names;
use kargo_core::object::GroupKind;
use kube::core::{
    Request,
    params::{GetParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{CallError, Cluster};

/// The recorded kinds; `None` if there is no record.
pub async fn read(cluster: &Cluster) -> Result<Option<BTreeSet<GroupKind>>, CallError> {
    let request = collection(cluster)
        .get(names::INVENTORY_CONFIG_MAP, &GetParams::default())
        .map_err(unbuilt)?;
    let record: Value = match cluster.read(request).await {
        Ok(record) => record,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let data = record.get("data").and_then(Value::as_object);
    Ok(Some(data.into_iter().flatten().filter_map(|(key, _)| from_key(cluster, key)).collect()))
}

/// Records a kind. It is durable when this returns.
pub async fn add(cluster: &Cluster, kinds: &BTreeSet<GroupKind>) -> Result<(), CallError> {
    let data: serde_json::Map<String, Value> =
        kinds.iter().map(|group_kind| (key(cluster, group_kind), json!("used"))).collect();
    let patch = Patch::Merge(json!({ "data": data }));
    let request = collection(cluster)
        .patch(names::INVENTORY_CONFIG_MAP, &PatchParams::default(), &patch)
        .map_err(unbuilt)?;
    match cluster.write::<Value>(request).await {
        Err(error) if error.is_not_found() => {}
        answer => return answer.map(drop),
    }
    let record = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": names::INVENTORY_CONFIG_MAP, "namespace": cluster.namespace() },
        "data": data,
    });
    let request = collection(cluster)
        .create(&PostParams::default(), record.to_string().into_bytes())
        .map_err(unbuilt)?;
    cluster.write::<Value>(request).await.map(drop)
}

/// Finds the kinds in use by looking for our label on every kind that can be listed: what is done when the
/// record is missing. An error of one kind is an error of all, because its objects would be forgotten.
pub async fn rediscover(cluster: &Cluster) -> Result<BTreeSet<GroupKind>, CallError> {
    let selector = format!("{}={}", names::INSTALLATION_LABEL, cluster.installation());
    let parameters = ListParams::default().labels(&selector).limit(1);
    let mut found = BTreeSet::new();
    for group_kind in cluster.kinds().watchable() {
        let Some(path) = cluster.collection(group_kind, None, None) else { continue };
        let request = Request::new(path).list_metadata(&parameters).map_err(unbuilt)?;
        match cluster.read::<Value>(request).await {
            Ok(list)
                if list
                    .get("items")
                    .and_then(Value::as_array)
                    .is_some_and(|items| !items.is_empty()) =>
            {
                found.insert(group_kind.clone());
            }
            // Kinds that this identity may not list, or that do not answer a list, were never used by it.
            Ok(_) => {}
            Err(error) if matches!(error.code(), Some(403..=405)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn collection(cluster: &Cluster) -> Request {
    Request::new(format!("/api/v1/namespaces/{}/configmaps", cluster.namespace()))
}

/// `installation_Kind.group`: the keys of a `ConfigMap` have no `/`, and several installations may share a namespace.
fn key(cluster: &Cluster, group_kind: &GroupKind) -> String {
    let group =
        if group_kind.group.is_empty() { String::new() } else { format!(".{}", group_kind.group) };
    format!("{}_{}{group}", cluster.installation(), group_kind.kind)
}

fn from_key(cluster: &Cluster, key: &str) -> Option<GroupKind> {
    let (installation, name) = key.split_once('_')?;
    let (kind, group) = name.split_once('.').unwrap_or((name, ""));
    (installation == cluster.installation()).then(|| GroupKind::new(group, kind))
}

fn unbuilt(_: kube::core::request::Error) -> CallError {
    CallError::Unreachable
}
