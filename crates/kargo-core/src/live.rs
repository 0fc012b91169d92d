//! What is kept of a live object: each watch event and each answer to an apply is reduced to this at once,
//! and the rest is dropped.

use kargo_api::{
    names,
    status::{HealthSummary, Outcome},
};
use serde_json::Value;

use crate::{
    addresses,
    desired::Desired,
    finished, health,
    marks::{self, Mark},
    object::ObjectId,
    ownership::Entry,
};

/// A live object, reduced.
#[derive(Debug, Clone)]
pub struct Live {
    /// Who it is.
    pub id: ObjectId,
    /// The incarnation: a recreated object has another one.
    pub uid: String,
    /// The version of the object, as the API server counts; 0 if it cannot be read as a number.
    pub resource_version: u64,
    /// Whose it is.
    pub mark: Mark,
    /// What people said about pruning it, in the manifest that was applied.
    pub prune: PruneConsent,
    /// Whether somebody deleted it and it is still going.
    pub deleting: bool,
    /// Whether it is up.
    pub health: HealthSummary,
    /// Why it is not up, in one sentence.
    pub message: String,
    /// How it ended, if it runs to an end and has reached it.
    pub finished: Option<Outcome>,
    /// Where it answers from outside the cluster.
    pub urls: Vec<String>,
    /// The digest of what was applied, as recorded on the object.
    digest: Option<String>,
    entry: Option<KeptEntry>,
}

/// The value of the prune annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneConsent {
    /// Nothing was said.
    Default,
    /// It may be pruned although its kind is not.
    Allowed,
    /// It stays when it leaves git.
    Disabled,
}

/// Our entry, as small as it can be kept.
#[derive(Debug, Clone)]
struct KeptEntry {
    api_version: Box<str>,
    hash: u64,
    coverage: Coverage,
}

#[derive(Debug, Clone)]
enum Coverage {
    /// Not compared yet: what is desired is not known. The fields are needed for it.
    Unknown(Box<str>),
    /// Whether it covers the desired object of this digest.
    Known { digest: Box<str>, covers: bool },
}

impl Live {
    /// Reduces an object as the API server sent it. `None` if it is no object with name and uid.
    pub fn observe(object: &Value, installation: &str) -> Option<Self> {
        let id = ObjectId::of(object)?;
        let metadata = object.get("metadata")?;
        let annotation =
            |key: &str| metadata.get("annotations").and_then(|map| map.get(key)?.as_str());
        let entry = Entry::of(object);
        let mark = marks::read(object, installation, &id, entry.as_ref());
        let health = health::health(object);
        Some(Self {
            uid: metadata.get("uid")?.as_str()?.to_owned(),
            resource_version: metadata
                .get("resourceVersion")
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            mark,
            prune: match annotation(names::PRUNE_ANNOTATION) {
                Some("allowed") => PruneConsent::Allowed,
                Some("disabled") => PruneConsent::Disabled,
                _ => PruneConsent::Default,
            },
            deleting: metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null()),
            health: health.summary,
            message: health.message,
            finished: finished::outcome(object),
            urls: addresses::urls(object),
            digest: annotation(names::DIGEST_ANNOTATION).map(str::to_owned),
            entry: entry.map(|entry| KeptEntry {
                hash: entry.hash(),
                coverage: Coverage::Unknown(entry.compact().into_boxed_str()),
                api_version: entry.api_version.into_boxed_str(),
            }),
            id,
        })
    }

    /// Whether the object is what was applied for `desired`: the recorded digest is the same and our
    /// ownership is whole. Only then there is nothing to send.
    pub fn is_intact(&self, desired: &Desired) -> bool {
        !self.deleting
            && self.digest.as_deref() == Some(desired.digest())
            && self.entry.as_ref().is_some_and(|entry| entry.covers(desired))
    }

    /// Whether this desired object was applied to it once, whatever became of it since.
    pub fn was_applied_as(&self, desired: &Desired) -> bool {
        self.digest.as_deref() == Some(desired.digest())
    }

    /// Compares with what is desired once, and keeps only the outcome. `previous` is what was known of
    /// the object before: an entry that did not change needs no second walk.
    pub fn settle(&mut self, desired: &Desired, previous: Option<&Self>) {
        let known = previous.and_then(|live| live.entry.as_ref());
        let Some(entry) = self.entry.as_mut() else { return };
        if let Some(known) = known.filter(|known| known.hash == entry.hash)
            && matches!(&known.coverage, Coverage::Known { digest, .. } if **digest == *desired.digest())
        {
            entry.coverage = known.coverage.clone();
            return;
        }
        let covers = entry.covers(desired);
        entry.coverage = Coverage::Known { digest: desired.digest().into(), covers };
    }

    /// Takes the answer to an apply as the measure: what the API server made of `desired` is what it can
    /// be, also where it keeps less than was sent (a custom resource's schema dropped a field). Later
    /// events are compared with this entry, so nothing is sent for ever.
    pub fn settle_applied(&mut self, desired: &Desired) {
        if let Some(entry) = self.entry.as_mut() {
            entry.coverage = Coverage::Known { digest: desired.digest().into(), covers: true };
        }
    }
}

impl KeptEntry {
    fn covers(&self, desired: &Desired) -> bool {
        match &self.coverage {
            Coverage::Unknown(fields) => Entry::parse(&self.api_version, fields)
                .is_some_and(|entry| entry.covers(desired.manifest())),
            Coverage::Known { digest, covers } => *covers && **digest == *desired.digest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        desired::{Context, Rendered},
        kinds::Kinds,
        object::{AppKey, GroupKind},
    };

    fn desired(value: &str) -> Arc<Desired> {
        let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": value}});
        let files = [
            ("kustomization.yaml", "resources: [a.yaml]".to_owned()),
            ("a.yaml", manifest.to_string()),
        ];
        let tree = kustomize::MemoryTree::from_iter(files);
        let build =
            kustomize::build(&tree, "", &kustomize::Options::default()).result.expect("it builds");
        let mut kinds = Kinds::default();
        kinds.insert(GroupKind::new("", "ConfigMap"), "v1", "configmaps", true, true);
        let app = AppKey { namespace: "team".to_owned(), name: "shop".to_owned() };
        let context = Context {
            installation: "test",
            app: &app,
            revision: "abc",
            kinds: &kinds,
            reserved_namespace: None,
        };
        let rendered = Rendered::prepare(build, Vec::new(), &context).expect("it can be prepared");
        let object = rendered.objects().next().expect("one object");
        Arc::clone(object)
    }

    /// What the API server stores of it, with an entry that owns these fields of `data`.
    fn stored(desired: &Desired, version: &str, owned: &Value) -> Live {
        let mut object = desired.manifest().clone();
        let fields = |field: &str| -> Value {
            let keys = object["metadata"][field].as_object().expect("a map").keys();
            keys.map(|key| (format!("f:{key}"), json!({}))).collect()
        };
        let metadata =
            json!({"f:labels": fields("labels"), "f:annotations": fields("annotations")});
        object["metadata"]["uid"] = json!("uid-1");
        object["metadata"]["resourceVersion"] = json!(version);
        object["metadata"]["managedFields"] = json!([{"manager": "kargo", "operation": "Apply", "apiVersion": "v1",
            "fieldsV1": {"f:metadata": metadata, "f:data": owned}}]);
        Live::observe(&object, "test").expect("an object")
    }

    #[test]
    fn what_was_applied_and_is_owned_is_intact() {
        let desired = desired("1");
        assert!(stored(&desired, "5", &json!({"f:key": {}})).is_intact(&desired));
    }

    #[test]
    fn a_field_that_was_taken_from_us_is_drift_before_and_after_the_comparison_is_kept() {
        let desired = desired("1");
        let mut live = stored(&desired, "5", &json!({"f:other": {}}));
        assert!(!live.is_intact(&desired));
        live.settle(&desired, None);
        assert!(!live.is_intact(&desired));
    }

    #[test]
    fn another_desired_state_is_not_what_stands() {
        let (old, new) = (desired("1"), desired("2"));
        let mut live = stored(&old, "5", &json!({"f:key": {}}));
        live.settle(&old, None);
        assert!(live.is_intact(&old) && !live.is_intact(&new));
    }

    /// A custom resource's schema may drop a field that was sent; that is not drift, neither then nor later.
    #[test]
    fn the_answer_to_an_apply_is_the_measure_of_later_events() {
        let desired = desired("1");
        let pruned = json!({});
        let mut answer = stored(&desired, "5", &pruned);
        answer.settle_applied(&desired);
        assert!(answer.is_intact(&desired));
        let mut later = stored(&desired, "6", &pruned);
        later.settle(&desired, Some(&answer));
        assert!(later.is_intact(&desired));
        let mut taken = stored(&desired, "7", &json!({"f:other": {}}));
        taken.settle(&desired, Some(&later));
        assert!(!taken.is_intact(&desired));
    }

    #[test]
    fn what_is_going_is_not_intact() {
        let desired = desired("1");
        let mut live = stored(&desired, "5", &json!({"f:key": {}}));
        live.deleting = true;
        assert!(!live.is_intact(&desired));
    }

    #[test]
    fn what_has_no_uid_is_no_object_and_an_odd_version_is_zero() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        assert!(Live::observe(&object, "test").is_none());
        let odd = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u", "resourceVersion": "x"}});
        assert_eq!(Live::observe(&odd, "test").map(|live| live.resource_version), Some(0));
    }
}
