//! F1, F2, F6: the API server answers, and says no.

use std::time::Duration;

use kargo_api::reasons::{ConditionType, Reason};
use kargo_tests::faults::{Attached, Fault, Scene, on, oracles};
use kargo_tests::manifests::{
    KUSTOMIZATION, config_map, deployment, kustomization, push_config_maps,
};
use kargo_tests::world::app::AppExt as _;
use serde_json::json;

#[tokio::test]
async fn f1_every_second_write_of_status_and_finalizer_conflicts() {
    let scene = Scene::new("conflicts").await;
    let conflicts = ["kargoapps", "kargoapps/status"]
        .map(|target| scene.proxy.add(on("patch", target).every(2), Fault::Refuse(409)));
    let first = push_config_maps(&scene, &["web", "old"]);
    scene.apply_app_with("shop", json!({"deletionPolicy": "Delete"})).await;
    scene.wait_until_deployed("shop", &first).await;
    let second = push_config_maps(&scene, &["web"]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    scene.delete_app("shop").await;
    scene.wait_until_gone("KargoApp", "shop").await;
    let hits: u32 = conflicts.iter().map(Attached::hits).sum();
    assert!((2..20).contains(&hits), "{hits} conflicts");
    oracles::invariants(&scene, &["configmaps/old", "configmaps/web"]).expect("invariants");
}

#[tokio::test]
async fn f2_too_many_requests_is_answered_by_patience() {
    /// What a minute would show too: the number of requests while all are refused.
    const WINDOW: Duration = Duration::from_secs(8);
    let mut scene = Scene::new("too-many").await;
    let first = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let second = push_config_maps(&scene, &["web", "api"]);
    let before = scene.proxy.recorded().len();
    scene.proxy.add(on("*", "*"), Fault::TooMany(1));
    tokio::time::sleep(WINDOW).await;
    let requests = scene.proxy.recorded().len() - before;
    assert!(requests < 60, "a storm of {requests} requests in {WINDOW:?}");
    scene.proxy.heal();
    scene.wait_until_deployed("shop", &second).await;
    oracles::clean(&mut scene, None).await.expect("clean");
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f6_one_kind_is_forbidden_and_allowed_again() {
    let mut scene = Scene::new("forbidden").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    // Not even to look at it.
    scene.proxy.add(on("*", "deployments"), Fault::Refuse(403));
    let second = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml", "new.yaml", "app.yaml"])),
        ("k8s/new.yaml", &config_map("new", "1")),
        ("k8s/app.yaml", &deployment("app", "web:1")),
    ]);
    scene.sync("shop").await;
    let app = scene
        .wait_for_app("shop", "names the kind", |app| {
            app.has_reason(ConditionType::Applied, Reason::ApplyFailed)
        })
        .await;
    assert!(app.story().contains("Deployment"), "{}", app.story());
    scene.wait_for_object("ConfigMap", "new", "is applied all the same", |_| true).await;
    assert_eq!(scene.deleted(), [""; 0], "no prune in a run that was refused");

    scene.proxy.heal();
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "old").await;
    oracles::invariants(&scene, &["configmaps/old"]).expect("invariants");
    oracles::clean(&mut scene, None).await.expect("clean");
}

#[tokio::test]
async fn f6_a_kind_that_cannot_be_listed_after_a_restart_is_not_gone() {
    let mut scene = Scene::new("unlistable").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    scene.controller().kill().expect("it runs");
    let second = push_config_maps(&scene, &["web"]);
    scene.proxy.add(on("list", "configmaps"), Fault::Refuse(403));
    scene.proxy.add(on("watch", "configmaps"), Fault::Refuse(403));
    scene.controller().restart().expect("it starts again");
    scene.wait_for_app("shop", "names the kind", |app| app.story().contains("ConfigMap")).await;
    assert_eq!(scene.deleted(), [""; 0]);
    scene.proxy.heal();
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "old").await;
    oracles::invariants(&scene, &["configmaps/old"]).expect("invariants");
}
