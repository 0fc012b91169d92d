//! Every kind of list and map in as many built-in kinds as possible, applied as Kargo applies: no value is falsely
//! reported as changed by admission, and the drift walk finds nothing to do, by the answer and by the list alone.

use kargo_core::{
    admission,
    desired::{Context, Rendered},
    kinds::Kinds,
    live::Live,
    object::{AppKey, GroupKind},
};
use kargo_tests::world::{DEADLINE, World, wait::wait_for};
use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams},
};
use kube::discovery::{Discovery, Scope};
use serde_json::{Value, json};

const MANIFESTS: &str = include_str!("manifests.yaml");

/// What the API server serves, as Kargo's discovery finds it.
async fn kinds(client: &kube::Client) -> Kinds {
    let discovery = Discovery::new(client.clone()).run().await.expect("the API server answers");
    let mut kinds = Kinds::default();
    for group in discovery.groups() {
        for version in group.versions() {
            for (resource, capabilities) in group.versioned_resources(version) {
                let kind = GroupKind::new(resource.group, resource.kind);
                let namespaced = capabilities.scope == Scope::Namespaced;
                kinds.insert(kind, &resource.version, &resource.plural, namespaced, true);
            }
        }
    }
    kinds
}

fn rendered(manifests: &str, namespace: &str, kinds: &Kinds) -> Rendered {
    let files = [
        ("kustomization.yaml", "resources: [all.yaml]".to_owned()),
        ("all.yaml", manifests.replace("PREFIX", namespace)),
    ];
    let tree = kustomize::MemoryTree::from_iter(files);
    let build = kustomize::build(&tree, "", &kustomize::Options::default());
    let app = AppKey { namespace: namespace.to_owned(), name: "shop".to_owned() };
    let context = Context {
        installation: namespace,
        app: &app,
        revision: "abc",
        kinds,
        reserved_namespace: None,
    };
    Rendered::prepare(build.result.expect("it builds"), Vec::new(), &context)
        .expect("it can be prepared")
}

fn collection(desired: &kargo_core::desired::Desired, kinds: &Kinds) -> Request {
    let id = desired.id();
    let served = kinds.get(&id.group_kind).unwrap_or_else(|| panic!("{id} is not served"));
    let root = match id.group_kind.group.as_str() {
        "" => format!("/api/{}", desired.version()),
        group => format!("/apis/{group}/{}", desired.version()),
    };
    Request::new(match &id.namespace {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{}", served.plural),
        None => format!("{root}/{}", served.plural),
    })
}

#[tokio::test]
async fn after_an_apply_nothing_is_reported_and_nothing_is_left_to_do() {
    let world = World::without_controller("walk").await;
    let client = world.client();
    let kinds = kinds(client).await;
    let rendered = rendered(MANIFESTS, &world.namespace, &kinds);
    let parameters = PatchParams::apply(kargo_api::names::FIELD_MANAGER).force();
    let mut wrong = Vec::new();
    let mut objects: Vec<_> = rendered.objects().collect();
    objects.sort_by_key(|desired| desired.band());
    for desired in &objects {
        let name = desired.id().to_string();
        let request = collection(desired, &kinds)
            .patch(&desired.id().name, &parameters, &Patch::Apply(desired.manifest()))
            .expect("a request");
        let stored: Value = match client.request(request).await {
            Ok(stored) => stored,
            Err(error) => {
                wrong.push(format!("{name} is refused: {error}"));
                continue;
            }
        };
        for change in admission::changed(desired.manifest(), &stored) {
            let said = format!("{}: {} -> {}", change.field, change.sent, change.stored);
            wrong.push(format!("{name} is said to be changed: {said}"));
        }
        wrong.extend(
            drift(desired, &stored, &world.namespace)
                .map(|said| format!("{name} answered: {said}")),
        );
    }
    assert!(objects.len() > 40, "only {} objects were applied", objects.len());

    // The controllers have their turn, and people add something: seen by a look alone, nothing is left to do.
    for desired in &objects {
        let collection = collection(desired, &kinds);
        let by_hand = PatchParams {
            field_manager: Some("kubectl-label".to_owned()),
            ..PatchParams::default()
        };
        let label = json!({"metadata": {"labels": {"by-hand": "1"}}});
        let name = &desired.id().name;
        let request = collection.patch(name, &by_hand, &Patch::Merge(label)).expect("a request");
        if client.request::<Value>(request).await.is_err() {
            continue;
        }
        let look = collection.get(name, &GetParams::default()).expect("a request");
        let stored: Value = client.request(look).await.expect("it is there");
        let id = desired.id();
        wrong.extend(
            drift(desired, &stored, &world.namespace).map(|said| format!("{id} later: {said}")),
        );
        let mut live = Live::observe(&stored, &world.namespace).expect("an object");
        live.settle(desired, None);
        let noted = live
            .notes(desired)
            .iter()
            .any(|note| note.what.contains("label by-hand, by kubectl-label"));
        if !noted {
            wrong.push(format!("{id}: the label by hand is not noted: {:?}", live.by_hand()));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What the drift walk says of an object as the API server has it.
fn drift(
    desired: &kargo_core::desired::Desired,
    stored: &Value,
    installation: &str,
) -> Option<String> {
    let mut live = Live::observe(stored, installation)?;
    live.settle(desired, None);
    if live.is_intact(desired) {
        return None;
    }
    let taken = live.taken().map(ToString::to_string);
    Some(format!("drift: {}", taken.unwrap_or_else(|| "nothing of it is covered".to_owned())))
}

/// The same after a real autoscaler has scaled: the field is its own from then on.
#[tokio::test]
async fn a_workload_that_something_scales_is_not_drift_and_one_that_a_person_scales_is() {
    let world = World::without_controller("scaled").await;
    let client = world.client();
    let kinds = kinds(client).await;
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 0\n  selector:\n    matchLabels: {app: web}\n  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      containers:\n      - name: c\n        image: i\n";
    let rendered = rendered(web, &world.namespace, &kinds);
    let desired = rendered.objects().next().expect("the Deployment");
    let collection = collection(desired, &kinds);
    let parameters = PatchParams::apply(kargo_api::names::FIELD_MANAGER).force();
    let apply = collection.patch("web", &parameters, &Patch::Apply(desired.manifest()));
    client.request::<Value>(apply.expect("a request")).await.expect("it is applied");
    for (manager, replicas, is_drift) in
        [("kube-controller-manager", 2, false), ("kubectl", 3, true), ("keda-operator", 1, false)]
    {
        let scale =
            PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let request = collection.patch_subresource("scale", "web", &scale, &patch);
        client.request::<Value>(request.expect("a request")).await.expect("it is scaled");
        let live = wait_for("the Deployment is scaled", DEADLINE, async || {
            let look = collection.get("web", &GetParams::default()).expect("a request");
            let stored: Value = client.request(look).await?;
            Ok((stored["spec"]["replicas"] == replicas).then_some(stored))
        })
        .await;
        let said = drift(desired, &live, &world.namespace);
        assert_eq!(said.is_some(), is_drift, "{manager}: {said:?}");
        if is_drift {
            let said = said.unwrap_or_default();
            assert_eq!(said, "drift: spec.replicas was changed by kubectl (scale)");
        }
    }
}

/// A value that admission changes under our ownership is said, and is not drift: it would come back for ever.
#[tokio::test]
async fn a_value_that_admission_changes_is_said_and_is_no_drift() {
    let world = World::without_controller("admission").await;
    let client = world.client();
    let name = &world.namespace;
    let api = "admissionregistration.k8s.io/v1";
    let mine = format!(
        "object.metadata.namespace == '{name}' && has(object.metadata.labels) && 'tier' in object.metadata.labels"
    );
    let change = r#"[JSONPatch{op: "replace", path: "/metadata/labels/tier", value: "back"}]"#;
    let policy = json!({
        "apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]},
            "matchConditions": [{"name": "mine", "expression": mine}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": change}}],
        },
    });
    let binding = json!({"apiVersion": api, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {"policyName": name}});
    let parameters = PatchParams::apply("kargo-tests");
    for (plural, object) in
        [("mutatingadmissionpolicies", &policy), ("mutatingadmissionpolicybindings", &binding)]
    {
        let request = Request::new(format!("/apis/{api}/{plural}"))
            .patch(name, &parameters, &Patch::Apply(object))
            .expect("a request");
        client.request::<Value>(request).await.expect("it is accepted");
    }

    let kinds = kinds(client).await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  labels:\n    tier: front\n    team: a\n";
    let rendered = rendered(text, name, &kinds);
    let desired = rendered.objects().next().expect("the object");
    let parameters = PatchParams::apply(kargo_api::names::FIELD_MANAGER).force();
    let stored = wait_for("the policy is in force", DEADLINE, async || {
        let request = collection(desired, &kinds)
            .patch("web", &parameters, &Patch::Apply(desired.manifest()))
            .expect("a request");
        let stored: Value = client.request(request).await?;
        Ok((stored["metadata"]["labels"]["tier"] == "back").then_some(stored))
    })
    .await;
    let remarks: Vec<String> = admission::remarks(desired, desired.manifest(), &stored)
        .iter()
        .map(|finding| finding.what.clone())
        .collect();
    assert_eq!(
        remarks,
        ["label tier of ConfigMap/web was changed by admission: sent \"front\", stored \"back\""]
    );
    assert_eq!(drift(desired, &stored, name), None);
}
