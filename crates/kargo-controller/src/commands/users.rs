//! What the pods of a namespace use, asked for once in a prune and only where it matters.

use std::collections::{BTreeMap, BTreeSet};

use kargo_core::{
    object::GroupKind,
    prune::Candidate,
    users::{Used, Users},
};
use kube::core::{ObjectList, Request, params::ListParams};
use serde_json::Value;

use crate::cluster::{CallError, acting::Acting};

/// How many pods are read at once; each is reduced to its references before the next page comes.
const PAGE: u32 = 250;

/// What is used in each namespace of these candidates.
pub(super) async fn of(
    cluster: &Acting,
    candidates: &[Candidate],
) -> BTreeMap<String, Result<Users, CallError>> {
    let namespaces: BTreeSet<&str> = candidates
        .iter()
        .filter(|candidate| Used::of(&candidate.id).is_some())
        .filter_map(|candidate| candidate.id.namespace.as_deref())
        .collect();
    let mut users = BTreeMap::new();
    for namespace in namespaces {
        users.insert(namespace.to_owned(), in_namespace(cluster, namespace).await);
    }
    users
}

async fn in_namespace(cluster: &Acting, namespace: &str) -> Result<Users, CallError> {
    let pods = GroupKind::new("", "Pod");
    let path = cluster.collection(&pods, None, Some(namespace)).ok_or(CallError::Unreachable)?;
    let request = Request::new(path);
    let mut users = Users::default();
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = request.list(&parameters).map_err(|_| CallError::Unreachable)?;
        let list: ObjectList<Value> = cluster.read(page).await?;
        list.items.iter().for_each(|pod| users.add(pod));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(users),
        }
    }
}
