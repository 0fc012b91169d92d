//! An object that is there already and that we do not know to be ours: taken over on the record, or refused.
//!
//! An apply to an unknown object carries a `resourceVersion` that no object has ([`NEVER`]): the API server creates
//! an absent object and answers 409 for one that is there. Only then it is looked at, and [`judge`] decides.
//!
//! What kubectl made is handed over: its fields become ours by one patch of `managedFields`, so that the apply
//! behind it takes out what git does not have, as a client-side apply would have done. A crash between the two leaves
//! an object with an entry of ours and without our marks, which is taken by the next apply as any other.

use kargo_api::names::{self, FIELD_MANAGER};
use serde_json::{Value, json};

use crate::{
    desired::Desired,
    fields,
    finding::Finding,
    left_out::{self, Pointer},
    managers,
    ownership::Entry,
};

/// A `resourceVersion` that no object ever has: etcd counts from 1, and its first write is number 2.
pub const NEVER: &str = "1";

/// What becomes of an object that is there already.
#[derive(Debug)]
pub enum Judgement {
    /// It is applied to.
    Take(Box<Take>),
    /// It is left alone; the finding says whose it is and what to do.
    Refuse(Box<Finding>),
}

/// How an object is taken.
#[derive(Debug)]
pub struct Take {
    /// The incarnation that was looked at.
    pub uid: String,
    /// A JSON patch that comes before the apply.
    pub handover: Option<Value>,
    /// What to tell people, if it was not ours before.
    pub remark: Option<Finding>,
}

/// Judges a live object that stands where a desired one is to be. `None` if it is no object.
///
/// `left_out` are the fields that are left to others, those of [`Desired::left_out`] and what is known beside.
pub fn judge(live: &Value, desired: &Desired, left_out: &[Pointer]) -> Option<Judgement> {
    let uid = live["metadata"]["uid"].as_str()?.to_owned();
    let name = desired.id().short();
    let refuse = |what: String, help: &str| {
        let finding = Finding::error(what).about(desired.id()).at(desired.location().cloned());
        Some(Judgement::Refuse(Box::new(finding.help(help))))
    };
    let entry = Entry::of(live);
    let annotation = |object: &Value, key: &str| {
        object["metadata"]["annotations"][key].as_str().map(str::to_owned)
    };
    let owns = |field: &str, key: &str| {
        entry.as_ref().is_some_and(|entry| entry.owns(&["metadata", field, key]))
    };
    let identity = annotation(live, names::IDENTITY_ANNOTATION)
        .filter(|_| owns("annotations", names::IDENTITY_ANNOTATION));
    // What one KargoApp takes from another of the same installation was decided by claims.
    if identity.is_some() && identity == annotation(desired.manifest(), names::IDENTITY_ANNOTATION)
    {
        let handover = without(live, desired.manifest(), left_out);
        return Some(Judgement::Take(Box::new(Take { uid, handover, remark: None })));
    }
    if let Some(owner) = other_installation(live, desired)
        && owns("labels", names::INSTALLATION_LABEL)
    {
        return refuse(
            format!("{name} exists already and belongs to {owner}"),
            "Take it out of one of the two repositories, or give it another name",
        );
    }
    if let Some(owner) = controller_of(live) {
        return refuse(
            format!("{name} exists already and is made by {owner}, which would change it back"),
            "Take it out of the repository, or give it another name",
        );
    }
    let manager = other_deployer(live);
    if let Some(manager) = &manager
        && !desired.policy().adopt
    {
        return refuse(
            format!("{name} exists already and is managed by {manager}"),
            &format!(
                "Take it out of there first, or set the annotation {}: allowed on it in git to take it over",
                names::ADOPT_ANNOTATION
            ),
        );
    }
    // Once ours: left behind by a KargoApp that is gone, or on its way to us when a process ended. What people added
    // beside it is theirs.
    let was_ours = entry.is_some();
    let handover = if was_ours {
        without(live, desired.manifest(), left_out)
    } else {
        handover(live, desired, left_out)
    };
    let remark = match manager {
        None if was_ours => None,
        manager => Some(remark(live, desired, manager.as_deref())),
    };
    Some(Judgement::Take(Box::new(Take { uid, handover, remark })))
}

/// The installation of Kargo and the app whose labels an object carries, if they are not ours.
fn other_installation(live: &Value, desired: &Desired) -> Option<String> {
    let label =
        |object: &Value, key: &str| object["metadata"]["labels"][key].as_str().map(str::to_owned);
    let theirs = label(live, names::INSTALLATION_LABEL)?;
    if Some(&theirs) == label(desired.manifest(), names::INSTALLATION_LABEL).as_ref() {
        return None;
    }
    let namespace = label(live, names::APP_NAMESPACE_LABEL)?;
    let name = label(live, names::APP_NAME_LABEL)?;
    Some(format!("KargoApp {namespace}/{name} of the installation {theirs} of Kargo"))
}

/// The object that made this one and keeps it.
fn controller_of(live: &Value) -> Option<String> {
    let owners = live["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some(format!("{}/{}", owner["kind"].as_str()?, owner["name"].as_str()?))
}

/// Flux, Argo CD or the Helm release that manages an object, by the marks that it leaves.
fn other_deployer(live: &Value) -> Option<String> {
    let metadata = &live["metadata"];
    let label = |key: &str| metadata["labels"][key].as_str().filter(|text| !text.is_empty());
    let annotation =
        |key: &str| metadata["annotations"][key].as_str().filter(|text| !text.is_empty());
    for (group, kind) in [
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
        ("helm.toolkit.fluxcd.io", "HelmRelease"),
    ] {
        if let Some(name) = label(&format!("{group}/name")) {
            let namespace = label(&format!("{group}/namespace")).unwrap_or_default();
            return Some(format!("Flux ({kind} {namespace}/{name})"));
        }
    }
    // `app:group/Kind:namespace/name`; operators copy it to objects that it does not name.
    let tracked = annotation("argocd.argoproj.io/tracking-id").and_then(|id| {
        let (app, object) = id.split_once(':')?;
        let names_it = object.rsplit('/').next() == metadata["name"].as_str()
            && object.contains(live["kind"].as_str()?);
        names_it.then_some(app)
    });
    let by_argo = || {
        let entries = metadata["managedFields"].as_array();
        entries.into_iter().flatten().any(|entry| {
            entry["manager"].as_str().is_some_and(|manager| manager.starts_with("argocd"))
        })
    };
    let instance = label("argocd.argoproj.io/instance")
        .or_else(|| label("app.kubernetes.io/instance").filter(|_| by_argo()));
    if let Some(app) = tracked.or(instance) {
        return Some(format!("Argo CD (Application {app})"));
    }
    let release = annotation("meta.helm.sh/release-name")
        .filter(|_| label("app.kubernetes.io/managed-by") == Some("Helm"))?;
    let namespace = annotation("meta.helm.sh/release-namespace").unwrap_or_default();
    Some(format!("the Helm release {namespace}/{release}"))
}

/// What people should know of an object that was not ours.
fn remark(live: &Value, desired: &Desired, deployer: Option<&str>) -> Finding {
    let mut managers: Vec<&str> = live["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["subresource"].as_str().is_none_or(str::is_empty))
        .filter_map(|entry| entry["manager"].as_str())
        .filter(|manager| *manager != FIELD_MANAGER)
        .collect();
    managers.sort_unstable();
    managers.dedup();
    let name = desired.id().short();
    let what = match (deployer, managers.as_slice()) {
        (Some(deployer), _) => {
            format!(
                "{name} was managed by {deployer} and has been taken over, as its annotation allows"
            )
        }
        (None, []) => format!("{name} existed already and has been taken over"),
        (None, managers) if managers.iter().all(|manager| managers::is_kubectl(manager)) => {
            format!(
                "{name} was made with {} and has been taken over; what git does not have of it is gone",
                managers.join(", ")
            )
        }
        (None, managers) => format!(
            "{name} existed already, managed by {}, and has been taken over; what they set and git does not have stays",
            managers.join(", ")
        ),
    };
    Finding::note(what).about(desired.id()).at(desired.location().cloned())
}

/// The patch that makes kubectl's fields ours, so that the next apply takes out those that git does not have.
fn handover(live: &Value, desired: &Desired, left_out: &[Pointer]) -> Option<Value> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    let is_kubectls = |entry: &Value| {
        let manager = entry["manager"].as_str().unwrap_or_default();
        managers::is_kubectl(manager)
            // The time of a restart is not for git, and without it the pods would start once more.
            && manager != "kubectl-rollout"
            && entry["subresource"].as_str().is_none_or(str::is_empty)
    };
    let wanted = desired.manifest()["apiVersion"].as_str();
    let versions: Vec<&str> = entries
        .iter()
        .filter(|entry| is_kubectls(entry))
        .filter_map(|entry| entry["apiVersion"].as_str())
        .collect();
    // Fields of different versions cannot be put together.
    let version = wanted.filter(|wanted| versions.contains(wanted));
    let version = version.or_else(|| versions.first().copied())?;
    let moved: Vec<&Value> = entries
        .iter()
        .filter(|entry| is_kubectls(entry) && entry["apiVersion"] == version)
        .collect();
    patch(live, desired.manifest(), left_out, &moved)
}

/// The patch by which our entry gives up these fields, without a change of their values; `None` if it has none.
pub fn without(live: &Value, manifest: &Value, pointers: &[Pointer]) -> Option<Value> {
    patch(live, manifest, pointers, &[])
}

/// The patch by which we own the fields of these entries too, and nothing of what is left to others; `None` if that
/// is so already.
fn patch(live: &Value, manifest: &Value, left_out: &[Pointer], moved: &[&Value]) -> Option<Value> {
    let metadata = &live["metadata"];
    let entries = metadata["managedFields"].as_array()?;
    let is_ours = |entry: &&Value| {
        entry["manager"] == FIELD_MANAGER
            && entry["operation"] == "Apply"
            && entry["subresource"].as_str().is_none_or(str::is_empty)
    };
    let ours = entries.iter().find(is_ours);
    let mut owned = ours.map_or_else(|| json!({}), |entry| entry["fieldsV1"].clone());
    for entry in moved {
        fields::merge(&mut owned, &entry["fieldsV1"]);
    }
    let given_up = left_out::give_up(&mut owned, left_out, manifest);
    if moved.is_empty() && !given_up {
        return None;
    }
    let model = ours.or(moved.first().copied())?;
    let mut kept: Vec<Value> = entries
        .iter()
        .filter(|entry| !is_ours(entry) && !moved.iter().any(|moved| std::ptr::eq(*moved, *entry)))
        .cloned()
        .collect();
    // An entry without fields would be refused.
    if owned.as_object().is_some_and(|owned| !owned.is_empty()) {
        kept.push(json!({
            "manager": FIELD_MANAGER,
            "operation": "Apply",
            "apiVersion": model["apiVersion"],
            "time": model["time"],
            "fieldsType": "FieldsV1",
            "fieldsV1": owned,
        }));
    }
    Some(json!([
        { "op": "test", "path": "/metadata/uid", "value": metadata["uid"] },
        { "op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"] },
        { "op": "replace", "path": "/metadata/managedFields", "value": kept },
    ]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::desired::tests::desired_with;

    const VERSION: &str = "v1";

    fn desired(annotations: Value) -> std::sync::Arc<Desired> {
        let mut object = json!({"apiVersion": VERSION, "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": "1"}});
        if !annotations.is_null() {
            object["metadata"]["annotations"] = annotations;
        }
        desired_with(object)
    }

    #[expect(clippy::needless_pass_by_value, reason = "tables of tests are made of values")]
    fn live(metadata: Value, entries: Value) -> Value {
        let mut object = json!({"apiVersion": VERSION, "kind": "ConfigMap", "data": {"key": "0", "other": "1"},
            "metadata": {"name": "a", "namespace": "team", "uid": "uid-1", "resourceVersion": "7"}});
        for (key, value) in metadata.as_object().expect("a map") {
            object["metadata"][key] = value.clone();
        }
        object["metadata"]["managedFields"] = entries;
        object
    }

    #[expect(clippy::needless_pass_by_value, reason = "tables of tests are made of values")]
    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": VERSION, "time": "2026-01-01T00:00:00Z",
               "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    /// The verdict in short: *refused:* and why, or what was remarked.
    fn verdict(live: &Value, desired: &Desired) -> String {
        match judge(live, desired, desired.left_out()).expect("an object") {
            Judgement::Refuse(finding) => format!("refused: {}", finding.what),
            Judgement::Take(take) => {
                let patched = if take.handover.is_some() { "handed over: " } else { "" };
                let remark = take.remark.map(|finding| finding.what).unwrap_or_default();
                format!("{patched}{remark}")
            }
        }
    }

    #[rstest]
    #[case::nobodys(json!({}), json!([]), "has been taken over")]
    #[case::kubectls(json!({}), json!([entry("kubectl-create", "Update", json!({"f:data": {"f:key": {}}}))]), "handed over: ConfigMap/a was made with kubectl-create and")]
    #[case::kubectls_server_side(json!({}), json!([entry("kubectl", "Apply", json!({"f:data": {"f:key": {}}}))]), "handed over: ConfigMap/a was made with kubectl and")]
    #[case::somebodys(json!({}), json!([entry("terraform", "Update", json!({"f:data": {"f:key": {}}}))]), "managed by terraform")]
    #[case::left_behind(json!({}), json!([entry("kargo", "Apply", json!({"f:data": {"f:key": {}}}))]), "")]
    #[case::left_behind_and_labelled(json!({}), json!([entry("kargo", "Apply", json!({"f:data": {}})), entry("kubectl-label", "Update", json!({"f:metadata": {}}))]), "")]
    #[case::flux(json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}), json!([]), "refused: ConfigMap/a exists already and is managed by Flux (Kustomization flux-system/apps)")]
    #[case::flux_helm(json!({"labels": {"helm.toolkit.fluxcd.io/name": "apps", "helm.toolkit.fluxcd.io/namespace": "n"}}), json!([]), "managed by Flux (HelmRelease n/apps)")]
    #[case::argo(json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:team/a"}}), json!([]), "managed by Argo CD (Application shop)")]
    #[case::argo_of_another_object(json!({"annotations": {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:team/b"}}), json!([]), "has been taken over")]
    #[case::argo_by_label(json!({"labels": {"app.kubernetes.io/instance": "shop"}}), json!([entry("argocd-controller", "Apply", json!({"f:data": {}}))]), "managed by Argo CD (Application shop)")]
    #[case::an_instance_of_nobody(json!({"labels": {"app.kubernetes.io/instance": "shop"}}), json!([]), "has been taken over")]
    #[case::helm(json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "n"}}), json!([]), "managed by the Helm release n/shop")]
    #[case::an_operators(json!({"ownerReferences": [{"kind": "Widget", "name": "w", "controller": true}]}), json!([]), "refused: ConfigMap/a exists already and is made by Widget/w")]
    #[case::owned_without_a_controller(json!({"ownerReferences": [{"kind": "Widget", "name": "w"}]}), json!([]), "has been taken over")]
    #[case::of_another_installation(
        json!({"labels": {"kargo.krampoline.io/installation": "other", "kargo.krampoline.io/app": "shop", "kargo.krampoline.io/app-namespace": "n"}}),
        json!([entry("kargo", "Apply", json!({"f:metadata": {"f:labels": {"f:kargo.krampoline.io/installation": {}}}}))]),
        "belongs to KargoApp n/shop of the installation other")]
    fn an_object_that_is_there_is_taken_or_refused(
        #[case] metadata: Value,
        #[case] entries: Value,
        #[case] expected: &str,
    ) {
        let said = verdict(&live(metadata, entries), &desired(json!(null)));
        assert!(said.contains(expected) && expected.is_empty() == said.is_empty(), "{said}");
    }

    #[test]
    fn flux_argo_and_helm_give_way_to_the_annotation() {
        let labels = json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}});
        let desired = desired(json!({"kargo.krampoline.io/adopt": "allowed"}));
        let said = verdict(&live(labels, json!([])), &desired);
        assert!(said.contains("has been taken over, as its annotation allows"), "{said}");
    }

    #[test]
    fn what_carries_our_identity_is_ours_also_without_our_labels() {
        let desired = desired(json!(null));
        let identity =
            desired.manifest()["metadata"]["annotations"][names::IDENTITY_ANNOTATION].clone();
        let owned =
            json!({"f:metadata": {"f:annotations": {"f:kargo.krampoline.io/identity": {}}}});
        let live = live(
            json!({"annotations": {names::IDENTITY_ANNOTATION: identity}}),
            json!([
                entry("kargo", "Apply", owned),
                entry("kubectl-label", "Update", json!({"f:metadata": {"f:labels": {"f:x": {}}}}))
            ]),
        );
        assert_eq!(verdict(&live, &desired), "");
    }

    #[test]
    fn kubectls_fields_become_ours_and_everybody_elses_stay() {
        let restart = entry("kubectl-rollout", "Update", json!({"f:spec": {"f:template": {}}}));
        let mut status = entry("kubectl", "Update", json!({"f:status": {}}));
        status["subresource"] = json!("status");
        let mut old = entry("kubectl", "Update", json!({"f:old": {}}));
        old["apiVersion"] = json!("v0");
        let live = live(
            json!({}),
            json!([
                entry("kubectl-create", "Update", json!({"f:data": {".": {}, "f:key": {}}})),
                entry("kubectl-edit", "Update", json!({"f:data": {"f:other": {}}})),
                restart,
                status,
                old,
                entry("terraform", "Update", json!({"f:data": {"f:third": {}}})),
            ]),
        );
        let Some(Judgement::Take(take)) = judge(&live, &desired(json!(null)), &[]) else {
            panic!("it is taken")
        };
        let patch = take.handover.expect("a patch");
        assert_eq!(patch[0], json!({"op": "test", "path": "/metadata/uid", "value": "uid-1"}));
        assert_eq!(
            patch[1],
            json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"})
        );
        let entries = patch[2]["value"].as_array().expect("entries");
        let managers: Vec<&str> =
            entries.iter().filter_map(|entry| entry["manager"].as_str()).collect();
        assert_eq!(managers, ["kubectl-rollout", "kubectl", "kubectl", "terraform", "kargo"]);
        assert_eq!(
            entries[4]["fieldsV1"],
            json!({"f:data": {".": {}, "f:key": {}, "f:other": {}}})
        );
    }

    #[test]
    fn what_is_left_to_others_is_not_taken_and_given_up_where_it_is_ours() {
        let desired = desired(json!({"kargo.krampoline.io/ignore-fields": "/data/key"}));
        let kubectls = live(
            json!({}),
            json!([entry("kubectl", "Update", json!({"f:data": {"f:key": {}, "f:other": {}}}))]),
        );
        let Some(Judgement::Take(take)) = judge(&kubectls, &desired, desired.left_out()) else {
            panic!("it is taken")
        };
        let patch = take.handover.expect("a patch");
        assert_eq!(patch[2]["value"][0]["fieldsV1"], json!({"f:data": {"f:other": {}}}));

        let ours = live(
            json!({}),
            json!([entry("kargo", "Apply", json!({"f:data": {"f:key": {}}, "f:immutable": {}}))]),
        );
        let patch = without(&ours, desired.manifest(), desired.left_out()).expect("a patch");
        assert_eq!(patch[2]["value"][0]["fieldsV1"], json!({"f:immutable": {}}));
        let others = live(json!({}), json!([entry("kargo", "Apply", json!({"f:immutable": {}}))]));
        assert!(without(&others, desired.manifest(), desired.left_out()).is_none());
    }
}
