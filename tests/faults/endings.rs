//! F35, F36, F46 to F48: deletions that are denied, stuck, or that come at a bad moment.

use std::time::Duration;

use kargo_api::reasons::{ConditionType, EventReason, Reason};
use kargo_tests::faults::{Fault, Gate, Scene, on, oracles};
use kargo_tests::manifests::push_config_maps;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, World};
use serde_json::{Value, json};

/// Somebody's finalizer, which nobody takes off.
async fn hold_back(world: &World, name: &str) {
    let finalizers = json!({"metadata": {"finalizers": ["tests.example.com/wait"]}});
    world.edit("ConfigMap", name, finalizers).await;
}

/// Takes it off.
async fn let_go(world: &World, name: &str) {
    world.edit("ConfigMap", name, json!({"metadata": {"finalizers": null}})).await;
}

#[tokio::test]
async fn f35_an_object_with_somebodys_finalizer_is_waited_for() {
    let scene = Scene::new("finalizer").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    hold_back(&scene, "old").await;
    let second = push_config_maps(&scene, &["web"]);
    scene.sync("shop").await;
    let is_going = |object: &Value| object["metadata"]["deletionTimestamp"].is_string();
    scene.wait_for_object("ConfigMap", "old", "is going", is_going).await;
    scene.wait_until_deployed("shop", &second).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(3)).await.expect("it does not spin");
    let object = scene.object("ConfigMap", "old").await;
    assert_eq!(object["metadata"]["finalizers"], json!(["tests.example.com/wait"]));
    let_go(&scene, "old").await;
    scene.wait_until_gone("ConfigMap", "old").await;
    assert_eq!(oracles::counts(&scene)["configmaps/old"], (1, 1));
}

#[tokio::test]
async fn f35_an_object_of_git_that_cannot_go_and_come_back_is_named_in_time() {
    let scene = Scene::new("stuck-going").await;
    let first = push_config_maps(&scene, &["api", "web"]);
    scene.apply_app_with("shop", json!({"sync": {"timeout": "5s"}})).await;
    scene.wait_until_deployed("shop", &first).await;
    hold_back(&scene, "web").await;
    scene.delete("ConfigMap", "web").await;
    scene.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = scene.push("changed");
    scene.sync("shop").await;
    scene
        .wait_for_app("shop", "names the object that is going", |app| {
            app.story().contains("ConfigMap/web") && !app.is(ConditionType::Ready)
        })
        .await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("it does not spin");
    let_go(&scene, "web").await;
    scene.wait_until_deployed("shop", &second).await;
    let object = scene.object("ConfigMap", "web").await;
    assert_eq!(object["data"]["value"], "2");
}

#[tokio::test]
async fn f36_a_denied_deletion_is_named_tried_again_and_holds_up_no_other() {
    let scene = Scene::new("denied-delete").await;
    let first = push_config_maps(&scene, &["a", "b", "c", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let denied = scene.proxy.add(on("delete", "configmaps").named("a"), Fault::Refuse(403));
    push_config_maps(&scene, &["web"]);
    scene.sync("shop").await;
    for name in ["b", "c"] {
        scene.wait_until_gone("ConfigMap", name).await;
    }
    let app = scene
        .wait_for_app("shop", "names what could not be deleted", |app| {
            app.story().contains("ConfigMap/a")
        })
        .await;
    assert!(!app.is(ConditionType::Ready) || app.story().contains("deleted"), "{}", app.story());
    let events = scene.events("shop").await;
    assert!(
        events.iter().any(|(reason, _)| reason == EventReason::PruneFailed.as_str()),
        "{events:?}"
    );
    denied.remove();
    scene.sync("shop").await;
    scene.wait_until_gone("ConfigMap", "a").await;
    assert_eq!(scene.deleted().len(), 3);
}

#[tokio::test]
async fn f36_a_deletion_that_hangs_holds_up_no_other() {
    let scene = Scene::new("slow-delete").await;
    let first = push_config_maps(&scene, &["a", "b", "c", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let gate = Gate::closed();
    scene.proxy.add(on("delete", "configmaps").named("a"), Fault::Hold(gate.clone()));
    push_config_maps(&scene, &["web"]);
    scene.sync("shop").await;
    for name in ["b", "c"] {
        scene.wait_until_gone("ConfigMap", name).await;
    }
    assert!(scene.find("ConfigMap", "a").await.is_some());
    // Not even the deadline of the call had to pass.
    let events = scene.events("shop").await;
    assert!(events.iter().all(|(reason, _)| reason != EventReason::PruneFailed.as_str()));
    gate.open();
    scene.wait_until_gone("ConfigMap", "a").await;
}

#[tokio::test]
async fn f36_admission_denies_one_of_many() {
    let scene = Scene::new("admission").await;
    let name = format!("deny-{}", scene.namespace);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                "operations": ["CREATE", "UPDATE", "DELETE"]}]},
            "validations": [{"expression": "request.name != 'denied'",
                "message": "the policy of the tests does not like this name"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {
                "kubernetes.io/metadata.name": scene.namespace}}}},
    });
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    for object in [&policy, &binding] {
        scene.objects.apply("", object).await.expect("it is accepted");
    }
    let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "denied"}});
    wait_for("the policy is in force", DEADLINE, async || {
        let denied = scene.objects.apply(&scene.namespace, &probe).await.is_err();
        Ok(denied.then_some(()))
    })
    .await;

    let names: Vec<String> = (0..20).map(|number| format!("map-{number}")).collect();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.extend(["denied", "web"]);
    push_config_maps(&scene, &all);
    scene.sync("shop").await;
    let app = scene
        .wait_for_app("shop", "names the denied one", |app| {
            app.has_reason(ConditionType::Applied, Reason::ApplyFailed)
        })
        .await;
    assert!(app.story().contains("ConfigMap/denied"), "{}", app.story());
    assert!(app.story().contains("does not like this name"), "{}", app.story());
    for name in &names {
        assert!(scene.find("ConfigMap", name).await.is_some(), "{name} is missing");
    }
    assert_eq!(scene.deleted(), [""; 0], "no prune in a run that was refused");
    scene.objects.delete("", "ValidatingAdmissionPolicyBinding", &name).await.expect("deleted");
    scene.objects.delete("", "ValidatingAdmissionPolicy", &name).await.expect("deleted");
    scene.sync("shop").await;
    scene.wait_until_gone("ConfigMap", "old").await;
}

#[tokio::test]
async fn f46_an_app_with_deletion_policy_delete_goes_while_git_is_down() {
    let mut scene = Scene::new("delete-git-down").await;
    let commit = push_config_maps(&scene, &["a", "web"]);
    scene.apply_app_with("shop", json!({"deletionPolicy": "Delete"})).await;
    scene.wait_until_deployed("shop", &commit).await;
    scene.git.stop();
    // Also for a process that has never seen its commit.
    scene.controller().restart().expect("it starts again");
    scene.delete_app("shop").await;
    scene.wait_until_gone("KargoApp", "shop").await;
    for name in ["a", "web"] {
        scene.wait_until_gone("ConfigMap", name).await;
    }
    oracles::invariants(&scene, &["configmaps/a", "configmaps/web"]).expect("invariants");
}

#[tokio::test]
async fn f46_an_app_goes_with_its_namespace() {
    let scene = Scene::new("namespace-goes").await;
    let commit = push_config_maps(&scene, &["a", "web"]);
    scene.apply_app_with("shop", json!({"deletionPolicy": "Delete"})).await;
    scene.wait_until_deployed("shop", &commit).await;
    scene.objects.delete("", "Namespace", &scene.namespace).await.expect("it is deleted");
    scene.wait_until_gone("Namespace", &scene.namespace).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
}

#[tokio::test]
async fn f47_deleted_and_recreated_at_once_the_objects_stay() {
    let scene = Scene::new("recreated").await;
    let commit = push_config_maps(&scene, &["a", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    let before = scene.object("ConfigMap", "web").await["metadata"]["uid"].clone();
    for _ in 0..3 {
        scene.delete_app("shop").await;
        scene.apply_app("shop").await;
    }
    scene.wait_until_deployed("shop", &commit).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    scene.wait_until_deployed("shop", &commit).await;
    assert_eq!(scene.object("ConfigMap", "web").await["metadata"]["uid"], before);
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f48_kargos_own_namespace_goes_and_comes_back() {
    let mut scene = Scene::new("own-namespace").await;
    let commit = push_config_maps(&scene, &["a", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    let before = oracles::end_state(&scene).await.expect("a state");
    // What is lost with it: the record of the kinds in use.
    let record = kargo_api::names::INVENTORY_CONFIG_MAP;
    scene.objects.delete(&scene.system_namespace, "ConfigMap", record).await.expect("deleted");
    let second = push_config_maps(&scene, &["web"]);
    scene.crash_and_wait().await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "a").await;
    let after = oracles::end_state(&scene).await.expect("a state");
    assert_eq!(after["ConfigMap/web"], before["ConfigMap/web"]);
    oracles::invariants(&scene, &["configmaps/a"]).expect("invariants");
    let found = scene.objects.get(&scene.system_namespace, "ConfigMap", record).await;
    assert!(found.expect("an answer").is_some(), "the record is made anew");
}
