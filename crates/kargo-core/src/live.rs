//! What is kept of a live object: each watch event and each answer to an apply is reduced to this at once,
//! and the rest is dropped.

use kargo_api::{
    names,
    status::{HealthSummary, Outcome},
};
use serde_json::Value;

use crate::{
    addresses,
    autoscaling::ReplicasOwner,
    desired::Desired,
    finding::Finding,
    finished, health,
    marks::{self, Mark},
    object::ObjectId,
    others::{ByHand, Other, Taken},
    ownership::{Entry, Missing, Replicas},
    policy::Policy,
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
    /// Whether it says, by hand or by git, that it is neither to be changed nor deleted.
    pub left_alone: bool,
    /// Who has `spec.replicas`.
    pub replicas: ReplicasOwner,
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
    /// The entries of others, until the object is compared with what is desired.
    others: Box<[Other]>,
    by_hand: Box<[ByHand]>,
    taken: Option<Box<Taken>>,
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
        let replicas = ReplicasOwner::of(object, entry.as_ref());
        let others = match mark {
            Mark::Ours(_) => Other::all_of(object),
            Mark::Foreign => Box::default(),
        };
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
            left_alone: Policy::of(object).leave_alone,
            health: health.summary,
            message: health.message,
            finished: finished::outcome(object),
            urls: addresses::urls(object),
            digest: annotation(names::DIGEST_ANNOTATION).map(str::to_owned),
            entry: entry.map(|entry| KeptEntry {
                hash: entry.hash() ^ u64::from(replicas.is_autoscaler()),
                coverage: Coverage::Unknown(entry.compact().into_boxed_str()),
                api_version: entry.api_version.into_boxed_str(),
            }),
            replicas,
            others,
            by_hand: Box::default(),
            taken: None,
            id,
        })
    }

    /// Whether there is nothing to send for `desired`: the recorded digest is the same and our ownership is whole,
    /// or people said that the object is not to be changed.
    pub fn is_intact(&self, desired: &Desired) -> bool {
        let policy = desired.policy();
        if policy.leave_alone || self.left_alone {
            return true;
        }
        !self.deleting && (policy.apply_once || self.is_as_applied(desired))
    }

    /// Whether the object is what was applied for `desired`.
    fn is_as_applied(&self, desired: &Desired) -> bool {
        self.was_applied_as(desired)
            && self.entry.as_ref().is_some_and(|entry| entry.covers(desired, self.meaning()))
    }

    fn meaning(&self) -> Replicas {
        if self.replicas.is_autoscaler() { Replicas::LeftToOthers } else { Replicas::AsInGit }
    }

    /// Whether this desired object was applied to it once, whatever became of it since.
    pub fn was_applied_as(&self, desired: &Desired) -> bool {
        let digest = self.digest.as_deref();
        digest == Some(desired.digest())
            || (self.replicas.is_autoscaler() && digest == Some(desired.digest_without_replicas()))
    }

    /// Compares with what is desired once, and keeps only the outcome. `previous` is what was known of
    /// the object before: an entry that did not change needs no second walk.
    pub fn settle(&mut self, desired: &Desired, previous: Option<&Self>) {
        let meaning = self.meaning();
        let others = std::mem::take(&mut self.others);
        let Some(entry) = self.entry.as_mut() else { return };
        // Compared before: the fields are gone, and nothing but its own desired state is covered.
        if let Coverage::Known { digest, covers } = &mut entry.coverage {
            *covers &= **digest == *desired.digest();
            *digest = desired.digest().into();
            return;
        }
        let known = previous.filter(|previous| previous.uid == self.uid).and_then(|previous| {
            let known = previous.entry.as_ref().filter(|known| known.hash == entry.hash)?;
            let Coverage::Known { digest, .. } = &known.coverage else { return None };
            (**digest == *desired.digest()).then_some((known, previous))
        });
        if let (Some((known, previous)), true) = (known, others.is_empty()) {
            entry.coverage = known.coverage.clone();
            self.taken.clone_from(&previous.taken);
            return;
        }
        let missing = entry.missing(desired, meaning);
        self.by_hand = entry.by_hand(&others, desired);
        let covers = match known {
            Some((KeptEntry { coverage: Coverage::Known { covers, .. }, .. }, _)) => *covers,
            _ => missing.as_ref().is_some_and(|missing| missing.count == 0),
        };
        self.taken = missing
            .filter(|_| !covers)
            .and_then(|missing| Taken::of(&missing, &others))
            .map(Box::new);
        entry.coverage = Coverage::Known { digest: desired.digest().into(), covers };
    }

    /// Takes the answer to an apply as the measure: what the API server made of `desired` is what it can
    /// be, also where it keeps less than was sent (a custom resource's schema dropped a field). Later
    /// events are compared with this entry, so nothing is sent for ever.
    pub fn settle_applied(&mut self, desired: &Desired) {
        let others = std::mem::take(&mut self.others);
        if let Some(entry) = self.entry.as_mut() {
            if !others.is_empty() {
                self.by_hand = entry.by_hand(&others, desired);
            }
            entry.coverage = Coverage::Known { digest: desired.digest().into(), covers: true };
        }
        self.taken = None;
    }

    /// Which field of ours somebody else took, if the comparison found one.
    pub fn taken(&self) -> Option<&Taken> {
        self.taken.as_deref()
    }

    /// What people and other programs that deploy set beside what is in git; at most [`ByHand::MOST`].
    pub fn by_hand(&self) -> &[ByHand] {
        &self.by_hand
    }

    /// What is good to know of an object that stands as it should: what others set beside us, and what is left to
    /// them. Told by the object alone, so that a restart says the same.
    pub fn notes(&self, desired: &Desired) -> Vec<Finding> {
        let name = self.id.short();
        let note =
            |what: String| Finding::note(what).about(&self.id).at(desired.location().cloned());
        if desired.policy().leave_alone || self.left_alone {
            let what = format!(
                "{name} is left alone, as its annotation {} says",
                names::RECONCILE_ANNOTATION
            );
            return vec![note(what)];
        }
        let mut notes = Vec::new();
        for by_hand in &self.by_hand {
            notes.push(
                note(format!("{name} has what is not in git: {by_hand}"))
                    .help("Kargo leaves it alone; write it into git to keep it, or take it off"),
            );
        }
        if let ReplicasOwner::Autoscaler(manager) = &self.replicas
            && desired.sets_replicas()
        {
            let what = format!("`replicas` of {name} is left to {manager}, which scales it");
            notes.push(note(what).help("Delete `replicas` in git; it has no effect"));
        }
        notes
    }
}

impl KeptEntry {
    fn parse(&self) -> Option<Entry> {
        match &self.coverage {
            Coverage::Unknown(fields) => Entry::parse(&self.api_version, fields),
            Coverage::Known { .. } => None,
        }
    }

    fn missing(&self, desired: &Desired, meaning: Replicas) -> Option<Missing> {
        self.parse()?.missing(desired.manifest(), meaning)
    }

    fn by_hand(&self, others: &[Other], desired: &Desired) -> Box<[ByHand]> {
        match self.parse() {
            Some(entry) => ByHand::beside(&entry, others, desired.manifest(), desired.left_out()),
            None => Box::default(),
        }
    }

    fn covers(&self, desired: &Desired, meaning: Replicas) -> bool {
        match &self.coverage {
            Coverage::Unknown(_) => {
                self.missing(desired, meaning).is_some_and(|missing| missing.count == 0)
            }
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

    /// A live Deployment that was applied, with more entries in `managedFields`.
    fn deployment(desired: &Desired, owned: &Value, more: &[Value]) -> Live {
        let mut object = desired.manifest().clone();
        let fields = |field: &str| -> Value {
            let keys = object["metadata"][field].as_object().expect("a map").keys();
            keys.map(|key| (format!("f:{key}"), json!({}))).collect()
        };
        let metadata =
            json!({"f:labels": fields("labels"), "f:annotations": fields("annotations")});
        object["metadata"]["uid"] = json!("uid-1");
        let ours = json!({"manager": "kargo", "operation": "Apply", "apiVersion": "apps/v1",
            "fieldsV1": {"f:metadata": metadata, "f:spec": owned}});
        let entries: Vec<Value> = std::iter::once(ours).chain(more.iter().cloned()).collect();
        object["metadata"]["managedFields"] = json!(entries);
        Live::observe(&object, "test").expect("an object")
    }

    fn web(annotations: Value) -> Arc<Desired> {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 2, "paused": true}});
        if !annotations.is_null() {
            object["metadata"]["annotations"] = annotations;
        }
        crate::desired::tests::desired_with(object)
    }

    #[expect(clippy::needless_pass_by_value, reason = "tables of tests are made of values")]
    fn other(manager: &str, operation: &str, subresource: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "subresource": subresource, "apiVersion": "apps/v1", "fieldsV1": fields})
    }

    #[test]
    fn a_taken_field_is_named_with_who_took_it_as_long_as_it_is_taken() {
        let desired = web(json!(null));
        let scaled = other("kubectl", "Update", "scale", json!({"f:spec": {"f:replicas": {}}}));
        let status = other(
            "kube-controller-manager",
            "Update",
            "status",
            json!({"f:spec": {"f:replicas": {}}}),
        );
        let mut live = deployment(&desired, &json!({"f:paused": {}}), &[status, scaled]);
        live.settle(&desired, None);
        assert!(!live.is_intact(&desired));
        let taken = live.taken().expect("it was taken");
        assert_eq!(taken.to_string(), "spec.replicas was changed by kubectl (scale)");

        let mut repaired = deployment(&desired, &json!({"f:paused": {}, "f:replicas": {}}), &[]);
        repaired.settle(&desired, Some(&live));
        assert!(repaired.is_intact(&desired) && repaired.taken().is_none());
    }

    #[test]
    fn a_field_that_nobody_has_any_more_was_removed() {
        let desired = web(json!(null));
        let mut live = deployment(&desired, &json!({"f:x": {}}), &[]);
        live.settle(&desired, None);
        let taken = live.taken().expect("it was taken").to_string();
        assert_eq!(taken, "spec.replicas and 1 more field were removed");
    }

    #[test]
    fn what_people_add_beside_ours_is_noted_and_no_drift() {
        let desired = web(json!(null));
        let added = other(
            "kubectl-label",
            "Update",
            "",
            json!({"f:metadata": {"f:labels": {".": {}, "f:team": {}},
            "f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}),
        );
        let operator = other("some-operator", "Update", "", json!({"f:spec": {"f:strategy": {}}}));
        let flux = other(
            "kustomize-controller",
            "Apply",
            "",
            json!({"f:spec": {"f:minReadySeconds": {}}}),
        );
        let ours = json!({"f:paused": {}, "f:replicas": {}});
        let mut live = deployment(&desired, &ours, &[added, operator, flux]);
        live.settle(&desired, None);
        assert!(live.is_intact(&desired));
        let notes: Vec<String> =
            live.notes(&desired).iter().map(|finding| finding.what.clone()).collect();
        assert_eq!(
            notes,
            [
                "Deployment/web has what is not in git: label team, by kubectl-label",
                "Deployment/web has what is not in git: spec.minReadySeconds, by kustomize-controller",
            ]
        );
        let mut applied = deployment(&desired, &ours, &[]);
        applied.settle_applied(&desired);
        assert!(applied.notes(&desired).is_empty());
    }

    /// Without a fight: neither the field nor the digest of the variant without it is drift.
    #[test]
    fn replicas_are_left_to_an_autoscaler_that_git_does_not_know() {
        let desired = web(json!(null));
        let scaled = other(
            "kube-controller-manager",
            "Update",
            "scale",
            json!({"f:spec": {"f:replicas": {}}}),
        );
        let mut live =
            deployment(&desired, &json!({"f:paused": {}}), std::slice::from_ref(&scaled));
        live.settle(&desired, None);
        assert!(live.is_intact(&desired), "{live:?}");
        assert!(live.notes(&desired)[0].what.contains("left to kube-controller-manager"));
        live.digest = Some(desired.digest_without_replicas().to_owned());
        assert!(live.is_intact(&desired));

        // Somebody takes it from the autoscaler: then git holds again.
        let by_hand = other("kubectl", "Update", "scale", json!({"f:spec": {"f:replicas": {}}}));
        let mut later = deployment(&desired, &json!({"f:paused": {}}), &[by_hand]);
        later.settle(&desired, Some(&live));
        assert!(!later.is_intact(&desired));
    }

    #[test]
    fn what_is_not_to_be_changed_is_intact_whatever_became_of_it() {
        let nothing = json!({"f:x": {}});
        let ordinary = web(json!(null));
        assert!(!deployment(&ordinary, &nothing, &[]).is_intact(&ordinary));
        for (annotation, value) in
            [(names::RECONCILE_ANNOTATION, "disabled"), (names::APPLY_ANNOTATION, "once")]
        {
            let desired = web(json!({annotation: value}));
            assert!(deployment(&desired, &nothing, &[]).is_intact(&desired), "{annotation}");
        }
        let mut by_hand = deployment(&ordinary, &nothing, &[]);
        by_hand.left_alone = true;
        assert!(by_hand.is_intact(&ordinary));
    }
}
