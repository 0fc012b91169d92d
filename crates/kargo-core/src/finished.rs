//! Objects that run to an end: a Job or bare Pod that did so and was cleaned up is not drift.

use std::collections::BTreeMap;

use kargo_api::status::{FinishedObject, MAX_FINISHED, Outcome};
use serde_json::Value;

use crate::object::ObjectId;

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The digest of what ran.
    pub digest: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a Job or Pod ended, if it did.
pub fn outcome(object: &Value) -> Option<Outcome> {
    match (object["apiVersion"].as_str()?, object["kind"].as_str()?) {
        ("v1", "Pod") => match object["status"]["phase"].as_str()? {
            "Succeeded" => Some(Outcome::Succeeded),
            "Failed" => Some(Outcome::Failed),
            _ => None,
        },
        (version, "Job") if version.starts_with("batch/") => {
            object["status"]["conditions"].as_array()?.iter().find_map(|condition| {
                match (condition["type"].as_str()?, condition["status"].as_str()?) {
                    ("Complete", "True") => Some(Outcome::Succeeded),
                    ("Failed", "True") => Some(Outcome::Failed),
                    _ => None,
                }
            })
        }
        _ => None,
    }
}

/// As they are kept in a status, bounded.
pub fn to_status<'a>(
    finished: impl Iterator<Item = (&'a ObjectId, &'a Finished)>,
) -> Vec<FinishedObject> {
    let entry = |(id, finished): (&ObjectId, &Finished)| FinishedObject {
        object: id.to_string(),
        digest: finished.digest.clone(),
        outcome: finished.outcome,
    };
    finished.take(MAX_FINISHED).map(entry).collect()
}

/// As a status kept them.
pub fn from_status(stored: &[FinishedObject]) -> BTreeMap<ObjectId, Finished> {
    let entry = |entry: &FinishedObject| {
        let finished = Finished { digest: entry.digest.clone(), outcome: entry.outcome };
        entry.object.parse().ok().map(|id| (id, finished))
    };
    stored.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::running_job("batch/v1", "Job", json!({"active": 1}), None)]
    #[case::complete_job("batch/v1", "Job", json!({"conditions": [{"type": "Complete", "status": "True"}]}), Some(Outcome::Succeeded))]
    #[case::failed_job("batch/v1", "Job", json!({"conditions": [{"type": "Failed", "status": "True"}]}), Some(Outcome::Failed))]
    #[case::suspended_job("batch/v1", "Job", json!({"conditions": [{"type": "Suspended", "status": "True"}]}), None)]
    #[case::running_pod("v1", "Pod", json!({"phase": "Running"}), None)]
    #[case::succeeded_pod("v1", "Pod", json!({"phase": "Succeeded"}), Some(Outcome::Succeeded))]
    #[case::failed_pod("v1", "Pod", json!({"phase": "Failed"}), Some(Outcome::Failed))]
    #[case::what_never_ends("apps/v1", "Deployment", json!({"conditions": [{"type": "Complete", "status": "True"}]}), None)]
    fn what_runs_to_an_end_says_how_it_ended(
        #[case] api_version: &str,
        #[case] kind: &str,
        #[case] status: Value,
        #[case] expected: Option<Outcome>,
    ) {
        let object = json!({"apiVersion": api_version, "kind": kind, "status": status});
        assert_eq!(outcome(&object), expected);
    }
}
