//! Objects written for an API version that the cluster no longer serves, rewritten to the one it does serve.
//!
//! Only then: an object whose version is served passes untouched, however old the version. The rewritten object
//! means what the old one meant: fields keep their sense when they move, and where a changed default would
//! change what happens (the empty selector of a `PodDisruptionBudget`, a webhook's failure policy, the update
//! strategy of a `DaemonSet`), the old default is written out. Where only the pace of a rollout differs
//! (`maxSurge`, `revisionHistoryLimit`, `progressDeadlineSeconds` of a Deployment), the new default holds.
//! What cannot be carried over is an error that says what to write instead.
//!
//! `table` is the list of removed versions, one entry each; a rewrite that is more than a new `apiVersion`
//! has a file of its own. `repair` mends objects of a served version in which old and new forms are mixed.
//!
//! The group of an object can change on the way (`extensions` to `apps`), and with it its identity: take the
//! identity from the result.

mod autoscaler;
mod budget;
mod certificate;
mod crd;
mod endpoints;
mod flow_control;
mod ingress;
mod rbac;
pub(crate) mod remarks;
mod repair;
mod review;
mod structural;
mod table;
mod walk;
mod webhook;
mod workload;

#[cfg(test)]
mod tests;

use serde_json::Value;

use self::{
    remarks::Remarks,
    table::{Removed, Successor},
};
use crate::{
    finding::{Finding, Location},
    object::group_version,
};

/// An object that the cluster serves, as far as rewriting can make it one.
#[derive(Debug, Clone, PartialEq)]
pub struct Upgraded {
    /// The object: rewritten, or as it was.
    pub object: Value,
    /// A warning for each change, with its place.
    pub findings: Vec<Finding>,
}

/// Rewrites an object whose version is not served any more.
///
/// `locate` finds the source place of a path in the object (list indices as decimal text); `serves` tells whether
/// the cluster serves a group, version and kind. An object of a kind that is not in the table, or whose successor is not
/// served either, is returned as it is: that the kind is unknown is for others to say.
///
/// # Errors
/// The finding that explains why the object cannot be carried over.
pub fn upgrade(
    object: Value,
    locate: &dyn Fn(&[&str]) -> Option<Location>,
    serves: &dyn Fn(&str, &str, &str) -> bool,
) -> Result<Upgraded, Box<Finding>> {
    let mut object = object;
    let mut remarks = Remarks::new(&object, locate);
    if let Some(removed) = table::find(&object).filter(|removed| !removed.is_served(serves)) {
        rewrite(&mut object, removed, &mut remarks, serves);
    }
    repair::repair(&mut object, &mut remarks, serves);
    remarks.conclude().map(|findings| Upgraded { object, findings })
}

fn rewrite(
    object: &mut Value,
    removed: &Removed,
    remarks: &mut Remarks<'_>,
    serves: &dyn Fn(&str, &str, &str) -> bool,
) {
    let Removed { group, version, kind, gone_in, .. } = removed;
    let not_served = format!("{kind} of {group}/{version} is not served by this cluster");
    let (successor, change) = match removed.successor {
        Successor::SameShape(successor) => (successor, None),
        Successor::Rewritten { successor, change, .. } => (successor, Some(change)),
        Successor::Nothing { help } => {
            let what = format!("{not_served}; Kubernetes {gone_in} removed it without a successor");
            remarks.refuse(&["apiVersion"], what, help);
            return;
        }
    };
    let (new_group, new_version) = group_version(successor);
    if !serves(new_group, new_version, kind) {
        return;
    }
    let rest = change.map_or(String::new(), |change| format!(" and {change}"));
    remarks.warn(
        &["apiVersion"],
        format!("{not_served}; Kubernetes {gone_in} removed it, and it is deployed as {successor}"),
        format!("Write `apiVersion: {successor}`{rest}"),
    );
    if let Successor::Rewritten { rewrite, .. } = removed.successor {
        rewrite(object, remarks);
    }
    object["apiVersion"] = Value::from(successor);
}
