//! What Kargo's design takes for granted of the API server, each tried on a real one. When one of
//! these fails with a new version of Kubernetes, a decision of the design has lost its ground.

use axum::http::Request;
use futures::TryStreamExt as _;
use kargo_tests::world::World;
use kube::api::{Api, DynamicObject, WatchParams};
use kube::core::{ApiResource, GroupVersionKind, WatchEvent};
use serde_json::{Value, json};

/// The field manager of these tests.
const MANAGER: &str = "facts";

/// A namespace, and raw calls in it.
struct Server {
    world: World,
}

impl Server {
    async fn new(name: &str) -> Self {
        Self { world: World::without_controller(&format!("fact-{name}")).await }
    }

    fn path(&self, collection: &str, name: &str) -> String {
        let namespace = &self.world.namespace;
        match collection.rsplit_once('/') {
            None => format!("/api/v1/namespaces/{namespace}/{collection}/{name}"),
            Some((group, plural)) => {
                format!("/apis/{group}/namespaces/{namespace}/{plural}/{name}")
            }
        }
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        content: &str,
        body: &Value,
    ) -> Result<Value, kube::core::Status> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content)
            .body(body.to_string().into_bytes())
            .expect("a request");
        match self.world.client().request::<Value>(request).await {
            Ok(value) => Ok(value),
            Err(kube::Error::Api(status)) => Err(*status),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Server-side apply by force.
    async fn apply(&self, collection: &str, object: &Value) -> Result<Value, kube::core::Status> {
        let name = object["metadata"]["name"].as_str().expect("a name");
        let path = format!("{}?fieldManager={MANAGER}&force=true", self.path(collection, name));
        self.call("PATCH", &path, "application/apply-patch+yaml", object).await
    }

    async fn merge(&self, collection: &str, name: &str, patch: Value) -> Value {
        let path = format!("{}?fieldManager=kubectl-edit", self.path(collection, name));
        self.call("PATCH", &path, "application/merge-patch+json", &patch).await.expect("an edit")
    }

    async fn get(&self, collection: &str, name: &str) -> Result<Value, kube::core::Status> {
        let request =
            Request::get(self.path(collection, name)).body(Vec::new()).expect("a request");
        match self.world.client().request::<Value>(request).await {
            Ok(value) => Ok(value),
            Err(kube::Error::Api(status)) => Err(*status),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    async fn delete(&self, name: &str, preconditions: Value) -> Result<Value, kube::core::Status> {
        let body = json!({"kind": "DeleteOptions", "apiVersion": "v1",
            "preconditions": preconditions});
        self.call("DELETE", &self.path("configmaps", name), "application/json", &body).await
    }
}

fn map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"team": "a"}}, "data": data})
}

fn deployment(name: &str, replicas: Option<u32>) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "web:1"}]},
            },
        },
    });
    if replicas.is_none() {
        object["spec"].as_object_mut().expect("a spec").remove("replicas");
    }
    object
}

/// The fields of our entry in managedFields.
fn owned(object: &Value) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut ours =
        entries.filter(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply");
    ours.next().map(|entry| entry["fieldsV1"].clone()).unwrap_or_default()
}

fn version(object: &Value) -> &Value {
    &object["metadata"]["resourceVersion"]
}

#[tokio::test]
async fn an_identical_apply_changes_nothing_not_even_the_resource_version() {
    let server = Server::new("no-op").await;
    for (collection, object) in [
        ("configmaps", map("one", &json!({"a": "1"}))),
        ("apps/v1/deployments", deployment("one", Some(0))),
    ] {
        server.apply(collection, &object).await.expect("it is created");
        // A Deployment's controller writes its status first.
        let mut last = Value::Null;
        loop {
            let now = server.get(collection, "one").await.expect("it is there");
            let is_seen = collection == "configmaps" || now["status"]["observedGeneration"] == 1;
            if is_seen && version(&now) == version(&last) {
                break;
            }
            last = now;
        }
        let again = server.apply(collection, &object).await.expect("it is applied");
        assert_eq!(version(&again), version(&last), "{collection}");
    }
}

#[tokio::test]
async fn whoever_changes_a_field_takes_exactly_that_field_out_of_our_entry() {
    let server = Server::new("ownership").await;
    server.apply("configmaps", &map("one", &json!({"a": "1", "b": "1"}))).await.expect("created");
    let web = server.apply("apps/v1/deployments", &deployment("web", Some(1))).await;
    let web = web.expect("created");

    let edited = server.merge("configmaps", "one", json!({"data": {"a": "2"}})).await;
    assert_eq!(owned(&edited)["f:data"], json!({"f:b": {}}));
    let removed =
        server.merge("configmaps", "one", json!({"metadata": {"labels": {"team": null}}})).await;
    assert!(owned(&removed)["f:metadata"].is_null(), "{removed:#}");
    assert_eq!(owned(&removed)["f:data"], json!({"f:b": {}}));
    // The same value again is no change.
    let same = server.merge("configmaps", "one", json!({"data": {"b": "1"}})).await;
    assert_eq!(owned(&same)["f:data"], json!({"f:b": {}}));

    let scale = server.path("apps/v1/deployments", "web/scale");
    server
        .call("PATCH", &scale, "application/merge-patch+json", &json!({"spec": {"replicas": 2}}))
        .await
        .expect("it is scaled");
    let scaled = server.get("apps/v1/deployments", "web").await.expect("it is there");
    let mut expected = owned(&web);
    expected["f:spec"].as_object_mut().expect("fields").remove("f:replicas");
    assert_eq!(owned(&scaled), expected);

    let image = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "main", "image": "web:2"}]}}}});
    let path = server.path("apps/v1/deployments", "web");
    let strategic = "application/strategic-merge-patch+json";
    let set = server.call("PATCH", &path, strategic, &image).await.expect("`set image`");
    let container = "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"main\"}";
    let fields = owned(&set).pointer(container).cloned().unwrap_or_default();
    assert_eq!(fields, json!({".": {}, "f:name": {}}), "all but the image");
}

#[tokio::test]
async fn an_apply_never_conflicts_with_itself_under_one_manager() {
    let server = Server::new("one-manager").await;
    let path = format!("{}?fieldManager={MANAGER}", server.path("configmaps", "one"));
    for value in ["one app", "another app"] {
        let object = map("one", &json!({"a": value}));
        let kind = "application/apply-patch+yaml";
        let answer = server.call("PATCH", &path, kind, &object).await.expect("no conflict");
        assert_eq!(answer["data"]["a"], value);
    }
}

#[tokio::test]
async fn an_apply_with_a_version_but_no_uid_creates_an_absent_object() {
    let server = Server::new("version-no-uid").await;
    let created = server.apply("configmaps", &map("one", &json!({"a": "1"}))).await.expect("made");
    server.delete("one", json!({})).await.expect("it is deleted");
    let mut object = map("one", &json!({"a": "1"}));
    object["metadata"]["resourceVersion"] = version(&created).clone();
    let answer = server.apply("configmaps", &object).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert!(server.get("configmaps", "one").await.is_ok(), "it is there again");
}

#[tokio::test]
async fn an_apply_with_a_uid_is_refused_when_that_incarnation_does_not_exist() {
    let server = Server::new("uid").await;
    let created = server.apply("configmaps", &map("one", &json!({"a": "1"}))).await.expect("made");
    let mut object = map("one", &json!({"a": "2"}));
    object["metadata"]["uid"] = created["metadata"]["uid"].clone();
    server.apply("configmaps", &object).await.expect("the right uid");

    server.delete("one", json!({})).await.expect("it is deleted");
    let absent = server.apply("configmaps", &object).await.expect_err("there is none");
    assert_eq!(absent.code, 409, "{absent:?}");
    assert!(absent.message.contains("uid mismatch"), "{}", absent.message);

    server.apply("configmaps", &map("one", &json!({"a": "1"}))).await.expect("made again");
    let other = server.apply("configmaps", &object).await.expect_err("another one");
    assert!(
        other.code == 409 || (other.code == 422 && other.message.contains("metadata.uid")),
        "{other:?}"
    );
    assert!(other.message.contains("uid"), "{}", other.message);
}

#[tokio::test]
async fn an_apply_without_a_field_that_it_owned_resets_it_and_a_patch_gives_it_up() {
    let server = Server::new("replicas").await;
    server.apply("apps/v1/deployments", &deployment("reset", Some(3))).await.expect("created");
    let reset = server.apply("apps/v1/deployments", &deployment("reset", None)).await;
    assert_eq!(reset.expect("applied")["spec"]["replicas"], 1, "the default, not what ran");

    let web = server.apply("apps/v1/deployments", &deployment("kept", Some(3))).await;
    let mut entries = web.expect("created")["metadata"]["managedFields"].clone();
    for entry in entries.as_array_mut().expect("entries") {
        if entry["manager"] == MANAGER {
            entry["fieldsV1"]["f:spec"].as_object_mut().expect("fields").remove("f:replicas");
        }
    }
    let patch = json!({"metadata": {"managedFields": entries}});
    let given_up = server.merge("apps/v1/deployments", "kept", patch).await;
    assert!(owned(&given_up)["f:spec"]["f:replicas"].is_null());
    let kept = server.apply("apps/v1/deployments", &deployment("kept", None)).await;
    assert_eq!(kept.expect("applied")["spec"]["replicas"], 3);
}

#[tokio::test]
async fn an_apply_of_an_undeclared_field_is_refused() {
    let server = Server::new("undeclared").await;
    let mut object = deployment("web", Some(0));
    object["spec"]["template"]["spec"]["containers"][0]["resource"] = json!({});
    let refused = server.apply("apps/v1/deployments", &object).await.expect_err("refused");
    assert!(refused.message.contains("field not declared in schema"), "{}", refused.message);
    assert!(server.get("apps/v1/deployments", "web").await.is_err(), "all of it is refused");
}

#[tokio::test]
async fn a_key_that_leaves_string_data_stays_in_a_secret_and_one_that_leaves_data_goes() {
    let server = Server::new("string-data").await;
    let secret = |field: &str, data: Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": field.to_lowercase()},
            field: data})
    };
    server.apply("secrets", &secret("stringData", json!({"a": "1", "b": "1"}))).await.expect("a");
    let left = server.apply("secrets", &secret("stringData", json!({"a": "1"}))).await.expect("b");
    assert_eq!(left["data"], json!({"a": "MQ==", "b": "MQ=="}));
    server.apply("secrets", &secret("data", json!({"a": "MQ==", "b": "MQ=="}))).await.expect("c");
    let gone = server.apply("secrets", &secret("data", json!({"a": "MQ=="}))).await.expect("d");
    assert_eq!(gone["data"], json!({"a": "MQ=="}));
}

#[tokio::test]
async fn a_delete_is_refused_when_uid_or_version_differs() {
    let server = Server::new("preconditions").await;
    let object = server.apply("configmaps", &map("one", &json!({"a": "1"}))).await.expect("made");
    let (uid, now) = (object["metadata"]["uid"].clone(), version(&object).clone());
    for wrong in [
        json!({"uid": "00000000-0000-0000-0000-000000000000", "resourceVersion": now}),
        json!({"uid": uid, "resourceVersion": "1"}),
    ] {
        let refused = server.delete("one", wrong).await.expect_err("refused");
        assert_eq!(refused.code, 409, "{refused:?}");
    }
    let right = json!({"uid": uid, "resourceVersion": now});
    server.delete("one", right).await.expect("it is deleted");
}

#[tokio::test]
async fn deleted_in_a_selected_watch_means_gone_or_unlabelled_with_the_old_labels() {
    let server = Server::new("selected-watch").await;
    server.apply("configmaps", &map("one", &json!({"a": "1"}))).await.expect("made");
    let created = server.apply("configmaps", &map("two", &json!({"a": "1"}))).await.expect("made");
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "ConfigMap"));
    let api: Api<DynamicObject> =
        Api::namespaced_with(server.world.client().clone(), &server.world.namespace, &kind);
    let parameters = WatchParams::default().labels("team=a").timeout(60);
    let since = version(&created).as_str().expect("a version");
    let mut events = Box::pin(api.watch_metadata(&parameters, since).await.expect("a watch"));
    server.merge("configmaps", "one", json!({"metadata": {"labels": {"team": null}}})).await;
    server.delete("two", json!({})).await.expect("it is deleted");
    for name in ["one", "two"] {
        let event = events.try_next().await.expect("an event").expect("the watch goes on");
        let WatchEvent::Deleted(object) = event else { panic!("not DELETED: {event:?}") };
        assert_eq!(object.metadata.name.as_deref(), Some(name));
        let labels = object.metadata.labels.unwrap_or_default();
        assert_eq!(labels.get("team").map(String::as_str), Some("a"), "the labels of before");
        // Metadata is enough to see who owns what.
        assert!(object.metadata.managed_fields.is_some_and(|fields| !fields.is_empty()));
    }
    assert!(server.get("configmaps", "one").await.is_ok(), "it only lost its label");
}

#[tokio::test]
async fn a_list_of_metadata_has_managed_fields_and_no_secret() {
    let server = Server::new("metadata").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
        "data": {"password": "Q0FOQVJZ"}});
    server.apply("secrets", &secret).await.expect("made");
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Secret"));
    let api: Api<DynamicObject> =
        Api::namespaced_with(server.world.client().clone(), &server.world.namespace, &kind);
    let found = api.get_metadata("keys").await.expect("it is there");
    assert!(found.metadata.managed_fields.as_ref().is_some_and(|fields| !fields.is_empty()));
    assert!(!serde_json::to_string(&found).expect("JSON").contains("Q0FOQVJZ"));
}

#[tokio::test]
async fn mutating_admission_changes_a_value_under_our_ownership() {
    let server = Server::new("admission").await;
    let name = format!("facts-{}", server.world.namespace);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                "operations": ["CREATE", "UPDATE"]}]},
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
                "[JSONPatch{op: \"replace\", path: \"/data/a\", value: \"mutated\"}]"}}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "matchResources": {"namespaceSelector": {"matchLabels": {
            "kubernetes.io/metadata.name": server.world.namespace}}}},
    });
    let root = "/apis/admissionregistration.k8s.io/v1";
    let collections = ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"];
    for (plural, object) in collections.iter().zip([&policy, &binding]) {
        server
            .call("POST", &format!("{root}/{plural}"), "application/json", object)
            .await
            .expect("it is accepted");
    }
    let object = map("one", &json!({"a": "sent"}));
    let stored = kargo_tests::world::wait::wait_for(
        "the policy is in force",
        kargo_tests::world::DEADLINE,
        async || {
            let stored = server.apply("configmaps", &object).await.expect("it is applied");
            Ok((stored["data"]["a"] == "mutated").then_some(stored))
        },
    )
    .await;
    assert_eq!(owned(&stored)["f:data"], json!({"f:a": {}}), "ours, with another value");
    for plural in collections {
        let path = format!("{root}/{plural}/{name}");
        server.call("DELETE", &path, "application/json", &json!({})).await.expect("deleted");
    }
}
