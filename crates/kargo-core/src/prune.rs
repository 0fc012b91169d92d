//! What may be deleted, and the proofs without which nothing is.
//!
//! Every mass deletion on record is one sentence: an error was read as an empty desired set. So a delete
//! takes a [`PrunePermit`]; a permit takes an [`Applied`], the proof that every object of one [`Rendered`]
//! stands in the cluster as it was rendered; and a [`Rendered`] takes a render that succeeded whole.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    bands,
    desired::Rendered,
    finished::Finished,
    live::{Live, PruneConsent},
    marks::Mark,
    object::{AppKey, ObjectId},
};

/// Proof that all of a desired set is applied: every object stands in the cluster, is ours, carries the
/// rendered digest, and nobody took a field from us; or it ran to its end and was cleaned up.
#[derive(Debug)]
pub struct Applied {
    rendered: Arc<Rendered>,
}

impl Applied {
    /// Looks at every object; the error is the first that is not as it was rendered. `finished` has the runs
    /// that ended.
    pub fn verify<'a>(
        app: &AppKey,
        rendered: &Arc<Rendered>,
        live: impl Fn(&ObjectId) -> Option<&'a Live>,
        finished: &BTreeMap<ObjectId, Finished>,
    ) -> Result<Self, ObjectId> {
        for desired in rendered.objects() {
            let policy = desired.policy();
            let stands = match live(desired.id()) {
                Some(live) => {
                    let is_ours = live.mark == Mark::Ours(app.clone()) || policy.apply_once;
                    is_ours && live.is_intact(desired)
                }
                None => finished
                    .get(desired.id())
                    .is_some_and(|finished| finished.digest == desired.digest()),
            };
            if !stands && !policy.leave_alone {
                return Err(desired.id().clone());
            }
        }
        Ok(Self { rendered: Arc::clone(rendered) })
    }

    /// Permission to delete what this app has in the cluster and the applied set does not want.
    pub fn permit(self, app: &AppKey) -> PrunePermit {
        PrunePermit {
            app: app.clone(),
            reason: Permission::LeftGit(self.rendered),
            withdrawn: Withdrawals::default(),
        }
    }
}

/// Permission to delete objects of one app. Not `Clone`: each run needs its own.
#[derive(Debug)]
pub struct PrunePermit {
    app: AppKey,
    reason: Permission,
    withdrawn: Withdrawals,
}

/// Takes back a permit for single objects while it is being used: a newer commit wants them again.
#[derive(Debug, Clone, Default)]
pub struct Withdrawals(Arc<Mutex<HashSet<ObjectId>>>);

impl Withdrawals {
    /// The object must not be deleted any more.
    pub fn add(&self, id: &ObjectId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
    }

    fn contains(&self, id: &ObjectId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}

#[derive(Debug)]
enum Permission {
    LeftGit(Arc<Rendered>),
    AppDeleted,
}

impl PrunePermit {
    /// The user deleted the `KargoApp` and chose `deletionPolicy: Delete`.
    pub fn for_deleted_app(app: &AppKey) -> Self {
        Self { app: app.clone(), reason: Permission::AppDeleted, withdrawn: Withdrawals::default() }
    }

    /// Whose objects may be deleted.
    pub fn app(&self) -> &AppKey {
        &self.app
    }

    /// Why, for logs and Events.
    pub fn reason(&self) -> String {
        match &self.reason {
            Permission::LeftGit(rendered) => {
                format!("it left git with commit {}", rendered.revision())
            }
            Permission::AppDeleted => {
                format!("KargoApp {} was deleted with deletionPolicy Delete", self.app)
            }
        }
    }

    /// The handle by which the permit is taken back.
    pub fn withdrawals(&self) -> Withdrawals {
        self.withdrawn.clone()
    }

    /// Whether what is still in use has to wait. What goes with a deleted app does not: its users go too.
    pub fn waits_for_users(&self) -> bool {
        matches!(self.reason, Permission::LeftGit(_))
    }

    /// Whether the object may be deleted: never one that is desired. Asked right before each delete.
    pub fn covers(&self, id: &ObjectId) -> bool {
        !self.withdrawn.contains(id)
            && match &self.reason {
                Permission::LeftGit(rendered) => rendered.get(id).is_none(),
                Permission::AppDeleted => true,
            }
    }
}

/// An object to delete. It goes only if a look at the live object finds this uid, and the marks in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who it is.
    pub id: ObjectId,
    /// The incarnation that was seen.
    pub uid: String,
}

/// What is to become of an app's objects that are not desired.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// To be deleted.
    pub delete: Vec<Candidate>,
    /// Too many to be deleted without being asked; nothing is deleted.
    pub held: Vec<ObjectId>,
    /// Of a kind that is never deleted without consent; the others may go.
    pub kept: Vec<ObjectId>,
}

/// How many objects may always be deleted, however few there are.
const ALWAYS_ALLOWED: usize = 3;

/// Selects what to delete of `live`, all objects in the cluster that carry the marks of the app.
///
/// `elsewhere` tells of objects that another app wants: they are handed over, not deleted. `confirmed`
/// says that the user confirmed the deletions of this very commit.
pub fn select<'a>(
    rendered: &Rendered,
    live: impl Iterator<Item = &'a Live> + Clone,
    elsewhere: impl Fn(&ObjectId) -> bool,
    confirmed: bool,
) -> Selection {
    // The same object can be served under two groups; it is one as long as its uid is.
    let wanted: HashSet<&str> = live
        .clone()
        .filter(|live| rendered.get(&live.id).is_some())
        .map(|live| live.uid.as_str())
        .collect();
    let total = live.clone().count();
    let mut selection = Selection::default();
    let leaving = live.filter(|live| {
        rendered.get(&live.id).is_none()
            && !wanted.contains(live.uid.as_str())
            && !live.deleting
            && live.prune != PruneConsent::Disabled
            && !live.left_alone
            && !elsewhere(&live.id)
    });
    for live in leaving {
        if may_go(live, confirmed) {
            selection.delete.push(Candidate { id: live.id.clone(), uid: live.uid.clone() });
        } else {
            selection.kept.push(live.id.clone());
        }
    }
    if !confirmed && selection.delete.len() > ALWAYS_ALLOWED && selection.delete.len() * 2 > total {
        selection.held = selection.delete.drain(..).map(|candidate| candidate.id).collect();
        selection.held.append(&mut selection.kept);
    }
    selection.delete.sort_by(|left, right| left.id.cmp(&right.id));
    selection.held.sort();
    selection.kept.sort();
    selection
}

/// Selects what goes with a deleted app: everything but what holds data or other objects without its own
/// consent, and what another app wants.
pub fn select_for_deleted_app<'a>(
    live: impl Iterator<Item = &'a Live>,
    elsewhere: impl Fn(&ObjectId) -> bool,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = live
        .filter(|live| {
            !live.deleting
                && live.prune != PruneConsent::Disabled
                && !live.left_alone
                && !elsewhere(&live.id)
                && may_go(live, false)
        })
        .map(|live| Candidate { id: live.id.clone(), uid: live.uid.clone() })
        .collect();
    candidates.sort_by(|left, right| left.id.cmp(&right.id));
    candidates
}

fn may_go(live: &Live, confirmed: bool) -> bool {
    confirmed
        || live.prune == PruneConsent::Allowed
        || !bands::needs_consent_to_prune(&live.id.group_kind)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::{desired::Context, kinds::Kinds, marks, object::GroupKind};

    fn app() -> AppKey {
        AppKey { namespace: "team".to_owned(), name: "shop".to_owned() }
    }

    /// A live object that carries all marks of the app.
    fn live(kind: &str, name: &str, annotation: Option<&str>) -> Live {
        let id = ObjectId::new(GroupKind::new("", kind), Some("team"), name);
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {
            "name": name, "namespace": "team", "uid": format!("uid-of-{name}"), "resourceVersion": "7"}});
        marks::mark(&mut object, "test", &app(), &id);
        if let Some(value) = annotation {
            object["metadata"]["annotations"][kargo_api::names::PRUNE_ANNOTATION] = json!(value);
        }
        let fields = |field: &str| -> Value {
            let keys = object["metadata"][field].as_object().expect("a map").keys();
            keys.map(|key| (format!("f:{key}"), json!({}))).collect()
        };
        let owned = json!({"f:metadata": {"f:labels": fields("labels"), "f:annotations": fields("annotations")}});
        object["metadata"]["managedFields"] = json!([{"manager": "kargo", "operation": "Apply", "apiVersion": "v1", "fieldsV1": owned}]);
        Live::observe(&object, "test").expect("an object")
    }

    /// A desired set of config maps with these names.
    fn rendered(names: &[&str]) -> Arc<Rendered> {
        let tree: kustomize::MemoryTree = names
            .iter()
            .map(|name| {
                let object =
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
                (format!("k8s/{name}.yaml"), object.to_string())
            })
            .chain([("k8s/kustomization.yaml".to_owned(), {
                let files: Vec<String> = names.iter().map(|name| format!("{name}.yaml")).collect();
                format!("resources: {files:?}")
            })])
            .collect();
        let build = match names {
            [] => kustomize::Build { objects: Vec::new() },
            _ => kustomize::build(&tree, "k8s", &kustomize::Options::default())
                .result
                .expect("it builds"),
        };
        let mut kinds = Kinds::default();
        kinds.insert(GroupKind::new("", "ConfigMap"), "v1", "configmaps", true, true);
        let app = app();
        let context = Context {
            installation: "test",
            app: &app,
            revision: "abc",
            kinds: &kinds,
            reserved_namespace: None,
        };
        Arc::new(Rendered::prepare(build, Vec::new(), &context).expect("it can be prepared"))
    }

    #[test]
    fn what_is_left_alone_stays() {
        let mut left_alone = live("ConfigMap", "b", None);
        left_alone.left_alone = true;
        assert_eq!(selected(std::slice::from_ref(&left_alone), true), " |  | ");
        assert!(select_for_deleted_app([&left_alone].into_iter(), |_| false).is_empty());
    }

    /// What was selected of `live` objects beside a desired `a`: `deleted | held | kept`.
    fn selected(live: &[Live], confirmed: bool) -> String {
        let elsewhere = |id: &ObjectId| id.name == "wanted-elsewhere";
        let selection = select(&rendered(&["a"]), live.iter(), elsewhere, confirmed);
        let deleted: Vec<ObjectId> =
            selection.delete.into_iter().map(|candidate| candidate.id).collect();
        let names =
            |ids: &[ObjectId]| ids.iter().map(|id| id.name.as_str()).collect::<Vec<_>>().join(" ");
        [deleted, selection.held, selection.kept].map(|ids| names(&ids)).join(" | ")
    }

    #[rstest]
    #[case::what_is_desired_stays(&[("ConfigMap", "a", None)], false, " |  | ")]
    #[case::what_left_goes(&[("ConfigMap", "a", None), ("ConfigMap", "b", None)], false, "b |  | ")]
    #[case::disabled_stays(&[("ConfigMap", "b", Some("disabled"))], true, " |  | ")]
    #[case::wanted_elsewhere_stays(&[("ConfigMap", "wanted-elsewhere", None)], true, " |  | ")]
    #[case::data_is_kept(&[("PersistentVolumeClaim", "data", None)], false, " |  | data")]
    #[case::data_goes_when_allowed(&[("PersistentVolumeClaim", "data", Some("allowed"))], false, "data |  | ")]
    #[case::data_goes_when_confirmed(&[("PersistentVolumeClaim", "data", None)], true, "data |  | ")]
    #[case::three_of_three_go(&[("ConfigMap", "b", None), ("ConfigMap", "c", None), ("ConfigMap", "d", None)], false, "b c d |  | ")]
    #[case::four_of_five_are_held(
        &[("ConfigMap", "a", None), ("ConfigMap", "b", None), ("ConfigMap", "c", None), ("ConfigMap", "d", None), ("ConfigMap", "e", None)],
        false, " | b c d e | ")]
    #[case::four_of_five_go_when_confirmed(
        &[("ConfigMap", "a", None), ("ConfigMap", "b", None), ("ConfigMap", "c", None), ("ConfigMap", "d", None), ("ConfigMap", "e", None)],
        true, "b c d e |  | ")]
    #[case::what_is_held_names_what_is_kept(
        &[("ConfigMap", "b", None), ("ConfigMap", "c", None), ("ConfigMap", "d", None), ("ConfigMap", "e", None), ("PersistentVolumeClaim", "data", None)],
        false, " | b c d e data | ")]
    fn what_left_git(
        #[case] objects: &[(&str, &str, Option<&str>)],
        #[case] confirmed: bool,
        #[case] expected: &str,
    ) {
        let live: Vec<Live> =
            objects.iter().map(|(kind, name, annotation)| live(kind, name, *annotation)).collect();
        assert_eq!(selected(&live, confirmed), expected);
    }

    #[test]
    fn half_of_an_app_is_not_more_than_half() {
        let live: Vec<Live> = ["a", "b", "c", "d", "e", "f", "g", "h"]
            .map(|name| live("ConfigMap", name, None))
            .into();
        let of = |names: &[&str]| select(&rendered(names), live.iter(), |_| false, false);
        assert_eq!(
            (of(&["a", "b", "c", "d"]).delete.len(), of(&["a", "b", "c"]).held.len()),
            (4, 5)
        );
    }

    /// F39: the same object under another group, seen through both.
    #[test]
    fn an_object_whose_uid_is_wanted_under_another_kind_is_not_deleted() {
        let wanted = live("ConfigMap", "a", None);
        let mut twin = live("OldConfigMap", "a", None);
        twin.uid.clone_from(&wanted.uid);
        assert_eq!(selected(&[wanted, twin], true), " |  | ");
    }

    #[test]
    fn a_permit_never_covers_what_is_desired() {
        let nothing = Applied::verify(&app(), &rendered(&[]), |_| None, &BTreeMap::new())
            .expect("nothing is missing of nothing");
        let id = live("ConfigMap", "a", None).id;
        assert!(nothing.permit(&app()).covers(&id));
        let permit = PrunePermit {
            app: app(),
            reason: Permission::LeftGit(rendered(&["a"])),
            withdrawn: Withdrawals::default(),
        };
        assert!(!permit.covers(&id));
    }

    #[test]
    fn a_permit_can_be_taken_back_while_it_is_used() {
        let permit = PrunePermit::for_deleted_app(&app());
        let (wanted, other) = (live("ConfigMap", "a", None).id, live("ConfigMap", "b", None).id);
        permit.withdrawals().add(&wanted);
        assert!(!permit.covers(&wanted));
        assert!(permit.covers(&other));
    }

    #[test]
    fn there_is_no_permit_while_an_object_is_missing_or_not_as_rendered() {
        let set = rendered(&["a"]);
        let other = live("ConfigMap", "a", None);
        assert!(Applied::verify(&app(), &set, |_| None, &BTreeMap::new()).is_err());
        // Ours, but without the digest of what was rendered.
        assert!(Applied::verify(&app(), &set, |_| Some(&other), &BTreeMap::new()).is_err());
    }

    #[test]
    fn with_a_deleted_app_everything_goes_but_data() {
        let live = [
            live("ConfigMap", "a", None),
            live("PersistentVolumeClaim", "data", None),
            live("ConfigMap", "x", Some("disabled")),
        ];
        let names: Vec<String> = select_for_deleted_app(live.iter(), |_| false)
            .into_iter()
            .map(|candidate| candidate.id.name)
            .collect();
        assert_eq!(names, ["a"]);
    }
}
