//! F44, F45, F58 to F60, F64: whose objects they are, and that nothing of it goes wrong.

use std::time::Duration;

use kargo_api::KargoApp;
use kargo_api::names::{APP_NAME_LABEL, INSTALLATION_LABEL};
use kargo_api::reasons::{ConditionType, Reason};
use kargo_tests::faults::{Fault, Gate, Scene, on, oracles};
use kargo_tests::git_server::Behaviour;
use kargo_tests::manifests::{KUSTOMIZATION, config_map, kustomization, push_config_maps};
use kargo_tests::repository::Repository;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::{DEADLINE, World};
use serde_json::{Value, json};

/// The repository of the second app.
const OTHER: &str = "team-b/other.git";

fn is_refused(app: &KargoApp) -> bool {
    app.has_reason(ConditionType::Ready, Reason::ClaimedByOther)
}

/// A second repository that renders these `ConfigMap`s.
fn other_repository(world: &World, names: &[&str]) -> Repository {
    let url = world.git.create_repository(OTHER).expect("a repository");
    let repository = Repository::new(&url).expect("a clone");
    push_other(&repository, names);
    repository
}

fn push_other(repository: &Repository, names: &[&str]) -> String {
    let files: Vec<String> = names.iter().map(|name| format!("{name}.yaml")).collect();
    for (name, file) in names.iter().zip(&files) {
        repository.write(&format!("k8s/{file}"), config_map(name, "other")).expect("a file");
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    repository.write(KUSTOMIZATION, kustomization(&files)).expect("a file");
    repository.commit_and_push("other").expect("a push")
}

/// An app that owns `shared`, and one of another repository that wants it too.
async fn two_apps(scene: &Scene) -> Repository {
    let first = push_config_maps(scene, &["one", "shared"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let other = other_repository(scene, &["shared", "two"]);
    scene.apply_app_with("other", json!({"source": {"repoURL": other.url()}})).await;
    scene.wait_for_app("other", "is refused", is_refused).await;
    other
}

async fn uid(scene: &Scene, name: &str) -> Value {
    scene.object("ConfigMap", name).await["metadata"]["uid"].clone()
}

#[tokio::test]
async fn f44_a_hand_over_while_the_new_owner_cannot_apply() {
    let scene = Scene::new("hand-over-denied").await;
    let other = two_apps(&scene).await;
    let before = uid(&scene, "shared").await;
    // From now on the new owner's applies are refused; the old one lets go.
    scene.proxy.add(on("patch", "configmaps").named("shared"), Fault::Refuse(503));
    let second = push_config_maps(&scene, &["one"]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(1)).await.expect("quiet");
    assert_eq!(uid(&scene, "shared").await, before);
    scene.proxy.heal();
    let commit = other.head().expect("a commit");
    scene.wait_until_deployed("other", &commit).await;
    let shared = scene.object("ConfigMap", "shared").await;
    assert_eq!(shared["metadata"]["uid"], before);
    assert_eq!(shared["data"]["value"], "other");
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f44_a_hand_over_to_an_app_that_is_broken_by_then() {
    let scene = Scene::new("hand-over-broken").await;
    let other = two_apps(&scene).await;
    let before = uid(&scene, "shared").await;
    other.write(KUSTOMIZATION, "resources:\n- nothing.yaml\n").expect("a file");
    let broken = other.commit_and_push("broken").expect("a push");
    scene.sync("other").await;
    scene
        .wait_for_app("other", "is broken", |app| {
            app.desired().and_then(|desired| desired.revision.as_deref()) == Some(&broken)
                && app.has_reason(ConditionType::Rendered, Reason::RenderFailed)
        })
        .await;
    let second = push_config_maps(&scene, &["one"]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    scene
        .wait_for_object("ConfigMap", "shared", "belongs to the other app", |object| {
            object["metadata"]["labels"][APP_NAME_LABEL] == "other"
        })
        .await;
    assert_eq!(uid(&scene, "shared").await, before, "its last good commit has it");
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f64_a_restart_while_the_git_of_the_one_that_wants_it_is_down() {
    let mut scene = Scene::new("wanted-by-a-silent-one").await;
    two_apps(&scene).await;
    let before = uid(&scene, "shared").await;
    scene.controller().kill().expect("it runs");
    scene.git.set_behaviour(OTHER, Behaviour::Fails(500));
    let second = push_config_maps(&scene, &["one"]);
    scene.controller().restart().expect("it starts again");
    scene.controller().wait_until_ready(DEADLINE).await.expect("it is ready");
    scene.wait_until_deployed("shop", &second).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(3)).await.expect("quiet");
    assert_eq!(uid(&scene, "shared").await, before);
    assert_eq!(scene.deleted(), [""; 0]);
    scene.git.set_behaviour(OTHER, Behaviour::Works);
    scene.sync("other").await;
    scene
        .wait_for_object("ConfigMap", "shared", "belongs to the other app", |object| {
            object["metadata"]["labels"][APP_NAME_LABEL] == "other"
        })
        .await;
    assert_eq!(uid(&scene, "shared").await, before);
}

#[tokio::test]
async fn f45_a_claim_that_cannot_be_stored_holds_up_nobody_else() {
    let scene = Scene::new("claim-not-stored").await;
    let first = push_config_maps(&scene, &["one", "shared"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let third = scene.create_namespace("third").await;
    scene.apply_app_with("third", json!({"targetNamespace": third})).await;
    scene.wait_until_deployed("third", &first).await;
    // Its refused claim never becomes durable.
    scene.proxy.add(on("patch", "kargoapps/status").named("other"), Fault::Refuse(500));
    let other = other_repository(&scene, &["shared", "two"]);
    scene.apply_app_with("other", json!({"source": {"repoURL": other.url()}})).await;
    scene.wait_for_object("ConfigMap", "two", "is applied", |_| true).await;
    push_config_maps(&scene, &["shared"]);
    scene.sync("third").await;
    let gone = async || {
        let found = scene.objects.get(&third, "ConfigMap", "one").await?;
        Ok(found.is_none().then_some(()))
    };
    kargo_tests::world::wait::wait_for("the third app has pruned", DEADLINE, gone).await;
}

#[tokio::test]
async fn f49_f60_marks_that_were_forged_or_broken_delete_nothing() {
    let mut scene = Scene::new("broken-marks").await;
    let first = push_config_maps(&scene, &["a", "b", "c", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    scene.controller().kill().expect("it runs");
    // Somebody writes into etcd, or lets a script run: labels of another app, an identity of
    // another object, fields that nobody owns.
    let labels = |value: &str| json!({"metadata": {"labels": {APP_NAME_LABEL: value}}});
    scene.edit("ConfigMap", "a", labels("nobody")).await;
    let identity = json!({"metadata": {"annotations": {
        kargo_api::names::IDENTITY_ANNOTATION: "somebody else's"}}});
    scene.edit("ConfigMap", "b", identity).await;
    let strip = json!({"metadata": {"managedFields": [{}]}});
    scene.edit("ConfigMap", "c", strip).await;
    let second = push_config_maps(&scene, &["web"]);
    scene.controller().restart().expect("it starts again");
    scene.wait_until_deployed("shop", &second).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    for name in ["a", "b", "c"] {
        assert!(scene.find("ConfigMap", name).await.is_some(), "{name} was deleted");
    }
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f58_a_namespace_that_leaves_git_stays_with_what_is_in_it() {
    let scene = Scene::new("namespace-leaves").await;
    let namespace = format!("{}-inner", scene.namespace);
    let manifest = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n");
    let first = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml", "namespace.yaml"])),
        ("k8s/web.yaml", &config_map("web", "1")),
        ("k8s/namespace.yaml", &manifest),
    ]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}});
    scene.objects.apply(&namespace, &theirs).await.expect("it is created");
    let second = scene.push_files(&[(KUSTOMIZATION, &kustomization(&["web.yaml"]))]);
    scene.sync("shop").await;
    let app = scene.wait_until_deployed("shop", &second).await;
    assert!(app.story().contains(&format!("Namespace/{namespace}")), "{}", app.story());
    assert!(
        scene.objects.get(&namespace, "ConfigMap", "theirs").await.expect("an answer").is_some()
    );
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f59_an_app_may_not_touch_the_installation_that_deploys_it() {
    let scene = Scene::new("own-installation").await;
    let system = scene.system_namespace.clone();
    let own = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n  namespace: {system}\n",
        kargo_api::names::INVENTORY_CONFIG_MAP
    );
    let commit = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml", "own.yaml"])),
        ("k8s/web.yaml", &config_map("web", "1")),
        ("k8s/own.yaml", &own),
    ]);
    scene.apply_app("shop").await;
    let app = scene
        .wait_for_app("shop", "is told", |app| {
            app.desired().and_then(|desired| desired.revision.as_deref()) == Some(&commit)
                && !app.story().is_empty()
        })
        .await;
    assert!(app.story().contains("Kargo's own installation"), "{}", app.story());
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("no loop");
    let inventory = scene
        .objects
        .get(&system, "ConfigMap", kargo_api::names::INVENTORY_CONFIG_MAP)
        .await
        .expect("an answer");
    let labels = inventory.map(|object| object["metadata"]["labels"][INSTALLATION_LABEL].clone());
    assert!(labels.is_none_or(|label| label.is_null()), "it was taken over");
}

#[tokio::test]
async fn f11_a_kargo_app_that_cannot_be_read_keeps_what_it_has() {
    let mut scene = Scene::new("unreadable").await;
    let other = two_apps(&scene).await;
    let before = uid(&scene, "shared").await;
    // As after a downgrade, or with something in etcd that nobody wrote on purpose.
    let spoil = |item: &mut Value| {
        if item["metadata"]["name"] == "shop" {
            item["spec"] = json!({"source": 7});
        }
    };
    let list = Fault::edit(move |list| {
        list["items"].as_array_mut().into_iter().flatten().for_each(spoil);
    });
    scene.proxy.add(on("list", "kargoapps"), list);
    scene
        .proxy
        .add(on("event", "kargoapps"), Fault::edit(move |event| spoil(&mut event["object"])));
    let expired = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410,
        "status": "Failure", "reason": "Expired", "message": "too old"}});
    scene.proxy.inject("kargoapps", &expired);
    let third = push_other(&other, &["shared", "three", "two"]);
    scene.wait_for_object("ConfigMap", "three", "is applied", |_| true).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    let shared = scene.object("ConfigMap", "shared").await;
    assert_eq!(shared["metadata"]["labels"][APP_NAME_LABEL], "shop", "it was given away");

    // The same for a process that never saw it readable.
    scene.controller().restart().expect("it starts again");
    scene.controller().wait_until_ready(DEADLINE).await.expect("it is ready");
    scene
        .wait_for_app("other", "is refused", |app| {
            is_refused(app)
                && app.desired().and_then(|desired| desired.revision.as_deref()) == Some(&third)
        })
        .await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    let shared = scene.object("ConfigMap", "shared").await;
    assert_eq!(shared["metadata"]["uid"], before);
    assert_eq!(shared["metadata"]["labels"][APP_NAME_LABEL], "shop", "it was given away");
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f12_an_answer_about_a_deleted_app_is_not_about_its_successor() {
    let scene = Scene::new("successor").await;
    let commit = push_config_maps(&scene, &["web"]);
    let gate = Gate::closed();
    let held = scene.proxy.add(
        on("patch", "kargoapps/status").named("shop").first(1),
        Fault::HoldAnswer(gate.clone()),
    );
    scene.apply_app("shop").await;
    held.reached().await;
    scene.delete_app("shop").await;
    scene.wait_until_gone("KargoApp", "shop").await;
    scene.apply_app("shop").await;
    scene.wait_for_app("shop", "is there again", |_| true).await;
    gate.open();
    scene.wait_until_deployed("shop", &commit).await;
}
