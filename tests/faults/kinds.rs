//! F8, F34, F39, F57: kinds that come, change, break and go.

use std::time::Duration;

use kargo_api::reasons::{ConditionType, Reason};
use kargo_tests::faults::{Fault, Scene, on, oracles};
use kargo_tests::manifests::{KUSTOMIZATION, config_map, kustomization, push_config_maps};
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, World};
use serde_json::{Value, json};

/// A group of its own for each world: definitions belong to all of a cluster.
struct Widgets {
    group: String,
}

impl Widgets {
    fn of(world: &World) -> Self {
        Self { group: format!("{}.example.com", world.namespace) }
    }

    /// The definition; each version with whether it is served. The last one is stored.
    fn definition(&self, versions: &[(&str, bool)]) -> Value {
        let stored = versions.last().map_or("v1", |(name, _)| *name);
        let versions: Vec<Value> = versions
            .iter()
            .map(|(name, served)| {
                json!({"name": name, "served": served, "storage": *name == stored,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}}})
            })
            .collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("widgets.{}", self.group),
                "annotations": {"kargo.krampoline.io/prune": "disabled"}},
            "spec": {"group": self.group, "scope": "Namespaced", "versions": versions,
                "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"}},
        })
    }

    fn widget(&self, version: &str, size: u32) -> String {
        let group = &self.group;
        format!(
            "apiVersion: {group}/{version}\nkind: Widget\nmetadata:\n  name: one\nspec:\n  size: {size}\n"
        )
    }

    /// A widget as `kubectl get --raw` shows it; `None` if it is not there.
    async fn get(&self, world: &World, version: &str) -> Option<Value> {
        let path =
            format!("/apis/{}/{version}/namespaces/{}/widgets/one", self.group, world.namespace);
        let request = axum::http::Request::get(path).body(Vec::new()).expect("a request");
        world.client().request(request).await.ok()
    }

    async fn wait(&self, world: &World, version: &str, size: u32) -> Value {
        wait_for(&format!("the widget has size {size}"), DEADLINE, async || {
            let widget = self.get(world, version).await;
            Ok(widget.filter(|widget| widget["spec"]["size"] == size))
        })
        .await
    }

    async fn define(&self, world: &World, versions: &[(&str, bool)]) {
        world.objects.apply("", &self.definition(versions)).await.expect("it is accepted");
    }

    /// A cluster that is used again shall not keep it.
    async fn remove(&self, world: &World) {
        let name = format!("widgets.{}", self.group);
        let _ = world.objects.delete("", "CustomResourceDefinition", &name).await;
    }
}

#[tokio::test]
async fn f34_a_definition_and_its_objects_in_one_commit() {
    let mut scene = Scene::new("crd-and-objects").await;
    let widgets = Widgets::of(&scene);
    let definition = widgets.definition(&[("v1", true)]).to_string();
    let commit = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["one.yaml", "definition.yaml", "web.yaml"])),
        ("k8s/definition.yaml", &definition),
        ("k8s/one.yaml", &widgets.widget("v1", 1)),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    widgets.wait(&scene, "v1", 1).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    oracles::clean(&mut scene, None).await.expect("clean");
    widgets.remove(&scene).await;
}

#[tokio::test]
async fn f34_a_kind_that_never_comes_holds_up_nothing_else() {
    let scene = Scene::new("crd-never").await;
    let widgets = Widgets::of(&scene);
    scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["one.yaml", "web.yaml"])),
        ("k8s/one.yaml", &widgets.widget("v1", 1)),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    scene.apply_app("shop").await;
    scene.wait_for_object("ConfigMap", "web", "is applied", |_| true).await;
    let app = scene
        .wait_for_app("shop", "names the kind", |app| {
            app.has_reason(ConditionType::Applied, Reason::ApplyFailed)
        })
        .await;
    assert!(app.story().contains("Widget"), "{}", app.story());
    // Only writes are counted: definitions of other tests come and go on the same cluster, and each of
    // them has discovery read again.
    let calls = || {
        let recorded = scene.proxy.recorded().into_iter();
        let counts = |verb: &str| !matches!(verb, "get" | "list" | "watch");
        recorded
            .filter(|recorded| counts(&recorded.call.verb) && recorded.call.target != "leases")
            .count()
    };
    let before = calls();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let calls = calls() - before;
    assert!(calls < 10, "{calls} writes for a kind that is not there");
    widgets.define(&scene, &[("v1", true)]).await;
    widgets.wait(&scene, "v1", 1).await;
    widgets.remove(&scene).await;
}

#[tokio::test]
async fn f39_another_version_of_the_same_object_is_the_same_object() {
    let scene = Scene::new("crd-version").await;
    let widgets = Widgets::of(&scene);
    widgets.define(&scene, &[("v1alpha1", true), ("v1", true)]).await;
    let first = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["one.yaml", "web.yaml"])),
        ("k8s/one.yaml", &widgets.widget("v1alpha1", 1)),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let before = widgets.wait(&scene, "v1", 1).await;
    let second = scene.push_files(&[("k8s/one.yaml", &widgets.widget("v1", 2))]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    let after = widgets.wait(&scene, "v1", 2).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(scene.deleted(), [""; 0]);
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    widgets.remove(&scene).await;
}

#[tokio::test]
async fn f57_a_version_that_git_uses_is_not_served_any_more() {
    let scene = Scene::new("crd-version-goes").await;
    let widgets = Widgets::of(&scene);
    widgets.define(&scene, &[("v1alpha1", true), ("v1", true)]).await;
    let first = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["one.yaml", "web.yaml"])),
        ("k8s/one.yaml", &widgets.widget("v1alpha1", 1)),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let before = widgets.wait(&scene, "v1", 1).await;
    widgets.define(&scene, &[("v1alpha1", false), ("v1", true)]).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(3)).await.expect("quiet");
    assert_eq!(scene.deleted(), [""; 0], "it is the same object in another version");
    // It can only not be put back any more, and that is said where it stands.
    let path = format!("/apis/{}/v1/namespaces/{}/widgets/one", widgets.group, scene.namespace);
    let request = axum::http::Request::patch(path)
        .header("content-type", "application/merge-patch+json")
        .body(br#"{"spec":{"size":1,"by":null},"metadata":{"labels":{"kargo.krampoline.io/app":"x"}}}"#.to_vec());
    let _: Value = scene.client().request(request.expect("a request")).await.expect("an edit");
    scene
        .wait_for_app("shop", "names the version", |app| {
            app.story().contains("v1alpha1") && app.story().contains("k8s/one.yaml:1")
        })
        .await;
    let after = widgets.wait(&scene, "v1", 1).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(scene.deleted(), [""; 0]);
    // The others are kept all the same, and git has the last word.
    scene.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    let put_back = |object: &Value| object["data"]["value"] == "1";
    scene.wait_for_object("ConfigMap", "web", "is put back", put_back).await;
    let second = scene.push_files(&[("k8s/one.yaml", &widgets.widget("v1", 2))]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    let after = widgets.wait(&scene, "v1", 2).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    widgets.remove(&scene).await;
}

#[tokio::test]
async fn f8_a_kind_whose_objects_cannot_be_read_is_not_gone() {
    let mut scene = Scene::new("conversion-down").await;
    let widgets = Widgets::of(&scene);
    widgets.define(&scene, &[("v1", true)]).await;
    let other = scene.create_namespace("other").await;
    let first = scene.push_files(&[
        ("one/kustomization.yaml", &kustomization(&["one.yaml", "web.yaml"])),
        ("one/one.yaml", &widgets.widget("v1", 1)),
        ("one/web.yaml", &config_map("web", "1")),
        ("two/kustomization.yaml", &kustomization(&["web.yaml"])),
        ("two/web.yaml", &config_map("web", "1")),
    ]);
    scene.apply_app_with("shop", json!({"source": {"path": "one"}})).await;
    scene.wait_until_deployed("shop", &first).await;
    let before = widgets.wait(&scene, "v1", 1).await;
    scene.controller().kill().expect("it runs");
    // What a conversion webhook that is down does to every list of its kind.
    for verb in ["list", "watch"] {
        scene.proxy.add(on(verb, "widgets"), Fault::Refuse(500));
    }
    scene.controller().restart().expect("it starts again");
    scene.controller().wait_until_ready(DEADLINE).await.expect("one kind does not hold it up");
    scene
        .apply_app_with("good", json!({"source": {"path": "two"}, "targetNamespace": other}))
        .await;
    scene.wait_until_deployed("good", &first).await;
    let second = scene.push_files(&[("one/kustomization.yaml", &kustomization(&["web.yaml"]))]);
    scene.sync("shop").await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    let after = widgets.get(&scene, "v1").await.expect("it is there");
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(scene.deleted(), [""; 0]);
    scene.proxy.heal();
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    wait_for("the widget is pruned", DEADLINE, async || {
        Ok(widgets.get(&scene, "v1").await.is_none().then_some(()))
    })
    .await;
    assert_eq!(scene.deleted(), ["widgets/one"]);
    widgets.remove(&scene).await;
}

#[tokio::test]
async fn f8_discovery_that_is_partly_down_makes_nothing_unknown() {
    let mut scene = Scene::new("discovery-down").await;
    let first = push_config_maps(&scene, &["a", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let broken = json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": format!("v1.{}.broken.example.com", scene.namespace)},
        "spec": {"group": format!("{}.broken.example.com", scene.namespace), "version": "v1",
            "insecureSkipTLSVerify": true, "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": {"name": "nobody", "namespace": scene.namespace}},
    });
    let path = "/apis/apiregistration.k8s.io/v1/apiservices";
    let request = axum::http::Request::post(path)
        .header("content-type", "application/json")
        .body(broken.to_string().into_bytes());
    let created: Value =
        scene.client().request(request.expect("a request")).await.expect("it is created");
    scene.crash_and_wait().await;
    let second = push_config_maps(&scene, &["web"]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "a").await;
    let name = created["metadata"]["name"].as_str().unwrap_or_default();
    let request =
        axum::http::Request::delete(format!("{path}/{name}")).body(Vec::new()).expect("a request");
    let _: Value = scene.client().request(request).await.expect("it is deleted");
}

#[tokio::test]
async fn f8_an_older_answer_of_discovery_does_not_replace_a_newer_one() {
    let scene = Scene::new("discovery-order").await;
    let widgets = Widgets::of(&scene);
    let commit = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["one.yaml"])),
        ("k8s/one.yaml", &widgets.widget("v1", 1)),
    ]);
    scene.apply_app("shop").await;
    scene.wait_for_app("shop", "names the kind", |app| app.story().contains("Widget")).await;
    // Answers that were given before the kind came arrive after those that know it.
    let gate = kargo_tests::faults::Gate::closed();
    let old = scene.proxy.add(on("get", "/apis").first(1), Fault::HoldAnswer(gate.clone()));
    old.reached().await;
    widgets.define(&scene, &[("v1", true)]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.open();
    scene.wait_until_deployed("shop", &commit).await;
    widgets.wait(&scene, "v1", 1).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    assert!(scene.app("shop").await.is_deployed(&commit));
    widgets.remove(&scene).await;
}
