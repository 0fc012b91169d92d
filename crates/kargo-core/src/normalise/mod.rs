//! What client-side apply forgave and server-side apply refuses or gets wrong, put right before anything is sent.
//!
//! - `cluster_fields`: what only the cluster writes (`status`, `uid`, …) goes, as in files made by
//!   `kubectl get -o yaml`; so do `ownerReferences` and kubectl's annotation. Finalizers stay: they are a wish.
//! - `texts`: numbers and booleans among labels and annotations become texts.
//! - `marks`: keys under our own prefix are refused unless they are meant for people.
//! - `secret`: `stringData` becomes `data`, as the API server never takes removed `stringData` keys out again.
//! - `nulls`: a null says nothing to the API server at creation, but server-side apply makes it ours.
//!
//! Empty values are another matter. Server-side apply records `emptyDir: {}` as an owned field, `podSelector: {}`
//! selects every pod and `ingress: []` none: an empty map or list stays as it is written. The exceptions
//! are empty `labels` and `annotations`: they mean nothing, yet are recorded as fields of ours that no live object has.
//! (An empty list with keys, such as `env: []`, leaves no trace in `managedFields`: whoever compares the two has
//! to know.)
//!
//! Each change that somebody could miss is a warning with its place; what was without meaning goes without a word.

mod cluster_fields;
mod marks;
mod metadata;
mod nulls;
mod secret;
mod texts;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::{
    finding::{Finding, Location},
    upgrade::remarks::Remarks,
};

/// An object that server-side apply can take.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalised {
    /// The object.
    pub object: Value,
    /// A warning for each change, with its place.
    pub findings: Vec<Finding>,
}

/// Puts right what server-side apply would refuse or get wrong.
///
/// `locate` finds the source place of a path in the object (list indices as decimal text). Doing it twice changes
/// nothing more.
///
/// # Errors
/// The finding that explains why the object cannot be applied: `generateName` without a name, a key under our
/// prefix that is not for people, a label, an annotation or a `stringData` value that is a map or a list.
pub fn normalise(
    object: Value,
    locate: &dyn Fn(&[&str]) -> Option<Location>,
) -> Result<Normalised, Box<Finding>> {
    let mut object = object;
    let mut remarks = Remarks::new(&object, locate);
    require_name(&object, &mut remarks);
    cluster_fields::remove(&mut object, &mut remarks);
    texts::convert(&mut object, &mut remarks);
    marks::check(&mut object, &mut remarks);
    secret::encode(&mut object, &mut remarks);
    nulls::remove(&mut object);
    metadata::each(&mut object, &mut |_, metadata| {
        for field in ["labels", "annotations"] {
            if metadata
                .get(field)
                .is_some_and(|map| map.as_object().is_some_and(serde_json::Map::is_empty))
            {
                metadata.shift_remove(field);
            }
        }
    });
    remarks.conclude().map(|findings| Normalised { object, findings })
}

fn require_name(object: &Value, remarks: &mut Remarks<'_>) {
    let metadata = &object["metadata"];
    let says = |field: &str| metadata[field].as_str().is_some_and(|text| !text.is_empty());
    if says("generateName") && !says("name") {
        remarks.refuse(
            &["metadata", "generateName"],
            "the object has `generateName` and no `name`; every deployment would make one more of it",
            "Write `metadata.name` instead",
        );
    }
}

/// Whether the API server itself defines this group, so that its fields are known to be without nullable ones.
fn is_built_in(group: &str) -> bool {
    BUILT_IN_GROUPS.contains(&group)
}

const BUILT_IN_GROUPS: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];
