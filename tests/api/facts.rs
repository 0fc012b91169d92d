//! Answers of the API server that decisions stand on. If one of these fails with a newer Kubernetes, the decision
//! has to be made again.

use kargo_core::adoption::NEVER;
use kargo_tests::world::World;
use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams},
};
use serde_json::{Value, json};

async fn apply(world: &World, path: &str, object: &Value) -> Result<Value, u16> {
    let parameters = PatchParams::apply(kargo_api::names::FIELD_MANAGER).force();
    let name = object["metadata"]["name"].as_str().expect("a name");
    let request = Request::new(path).patch(name, &parameters, &Patch::Apply(object));
    answer(world, request.expect("a request")).await
}

async fn answer(world: &World, request: axum::http::Request<Vec<u8>>) -> Result<Value, u16> {
    match world.client().request::<Value>(request).await {
        Ok(value) => Ok(value),
        Err(kube::Error::Api(status)) => Err(status.code),
        Err(error) => panic!("no answer: {error}"),
    }
}

/// So the first deployment of an object is one request, and nobody's object is overwritten unseen.
#[tokio::test]
async fn an_apply_with_a_version_that_no_object_has_creates_and_never_changes() {
    let world = World::without_controller("never").await;
    let namespace = &world.namespace;
    let app = json!({"source": {"repoURL": "https://git.example.com/a/b"}});
    let table = [
        (
            format!("/api/v1/namespaces/{namespace}/configmaps"),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}),
        ),
        (
            format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles"),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": []}),
        ),
        (
            format!("/apis/kargo.krampoline.io/v1alpha1/namespaces/{namespace}/kargoapps"),
            json!({"apiVersion": "kargo.krampoline.io/v1alpha1", "kind": "KargoApp", "spec": app}),
        ),
    ];
    for (path, mut object) in table {
        object["metadata"] = json!({"name": "a", "resourceVersion": NEVER});
        let created = apply(&world, &path, &object).await.expect("it is created");
        assert!(created["metadata"]["uid"].is_string(), "{created}");
        assert_eq!(apply(&world, &path, &object).await, Err(409), "{path}");
    }
}

/// So what kubectl made can be handed over, and a field can be left to others, without a change of its value.
#[tokio::test]
async fn a_field_that_is_given_up_in_managed_fields_keeps_its_value() {
    let world = World::without_controller("give-up").await;
    let path = format!("/api/v1/namespaces/{}/configmaps", world.namespace);
    let object = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let live = apply(&world, &path, &object(json!({"mine": "1", "theirs": "2"}))).await;
    let live = live.expect("it is applied");
    let pointers = kargo_core::left_out::parse("/data/theirs").expect("a pointer");
    let manifest = object(json!({"mine": "1"}));
    let patch = kargo_core::adoption::without(&live, &manifest, &pointers).expect("it is ours");

    let collection = Request::new(&path);
    let send = |patch: &Value| {
        let patch = serde_json::from_value(patch.clone()).expect("a patch");
        let request = collection.patch("a", &PatchParams::default(), &Patch::Json::<()>(patch));
        request.expect("a request")
    };
    // Only the version that was looked at.
    let mut stale = patch.clone();
    stale[1]["value"] = json!(NEVER);
    assert_eq!(answer(&world, send(&stale)).await, Err(422));
    answer(&world, send(&patch)).await.expect("it is given up");
    let live = apply(&world, &path, &manifest).await.expect("it is applied");
    assert_eq!(live["data"], json!({"mine": "1", "theirs": "2"}));

    // Without that, it goes with the apply.
    apply(&world, &path, &object(json!({"mine": "1", "theirs": "3"}))).await.expect("applied");
    let look = collection.get("a", &GetParams::default()).expect("a request");
    assert_eq!(answer(&world, look).await.expect("it is there")["data"]["theirs"], "3");
    let live = apply(&world, &path, &manifest).await.expect("it is applied");
    assert_eq!(live["data"], json!({"mine": "1"}));
}
