//! F4: connections that are cut, or that fall silent.

use std::time::Duration;

use kargo_tests::faults::{Fault, Scene, on, oracles};
use kargo_tests::manifests::push_config_maps;
use serde_json::json;

#[tokio::test]
async fn f4_answers_that_are_cut_are_asked_for_again_and_count_once() {
    let mut scene = Scene::new("cuts").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    // Without an answer, after the effect, and in the middle of the answer's body.
    scene.proxy.add(on("patch", "configmaps").named("web").nth(1), Fault::Cut);
    scene.proxy.add(on("patch", "configmaps").named("web").nth(1), Fault::CutAfter);
    scene.proxy.add(on("patch", "configmaps").named("old").nth(1), Fault::CutBody(20));
    scene.proxy.add(on("patch", "kargoapps/status").every(2).first(2), Fault::CutAfter);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let second = push_config_maps(&scene, &["web"]);
    let lost = scene.proxy.add(on("delete", "configmaps").first(1), Fault::CutAfter);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "old").await;
    lost.reached().await;
    oracles::becomes_quiet(&scene, Duration::from_secs(3)).await.expect("quiet");
    let counts = oracles::counts(&scene);
    assert_eq!(counts["configmaps/web"], (1, 0));
    assert_eq!(counts["configmaps/old"], (1, 1));
    oracles::invariants(&scene, &["configmaps/old"]).expect("invariants");
    oracles::clean(&mut scene, None).await.expect("clean");
}

#[tokio::test]
async fn f4_a_list_that_is_cut_in_the_middle_is_no_list() {
    let mut scene = Scene::new("cut-list").await;
    let first = push_config_maps(&scene, &["a", "b", "c", "old"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let writes = scene.writes().len();
    scene.controller().kill().expect("it runs");
    let cut = scene.proxy.add(on("list", "configmaps").first(3), Fault::CutBody(900));
    scene.controller().restart().expect("it starts again");
    cut.reached().await;
    scene.controller().wait_until_ready(kargo_tests::world::DEADLINE).await.expect("ready");
    scene.wait_until_deployed("shop", &first).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    let touched: Vec<String> = scene.writes()[writes..]
        .iter()
        .filter(|event| event.object().resource == "configmaps")
        .map(|event| event.request_uri.clone())
        .collect();
    assert_eq!(touched, [""; 0], "what was not in half a list was not missing");
}

#[tokio::test]
async fn f4_a_call_that_is_never_answered_has_a_deadline_and_delays_no_other_app() {
    let scene = Scene::new("black-hole").await;
    let other = scene.create_namespace("other").await;
    let commit = push_config_maps(&scene, &["web"]);
    let silent = scene.proxy.add(on("patch", "configmaps").named("web").nth(1), Fault::Swallow);
    scene.apply_app("shop").await;
    silent.reached().await;
    scene.apply_app_with("good", json!({"targetNamespace": other})).await;
    scene.wait_until_deployed("good", &commit).await;
    assert!(scene.find("ConfigMap", "web").await.is_none(), "the first one still waits");
    scene.wait_until_deployed("shop", &commit).await;
}

#[tokio::test]
async fn f4_a_controller_that_is_cut_off_for_a_while_goes_on() {
    let mut scene = Scene::new("partition").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let files = scene.controller().open_files().expect("a number");
    scene.proxy.partition();
    scene.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    let second = push_config_maps(&scene, &["web"]);
    tokio::time::sleep(kargo_tests::world::INTERVAL).await;
    scene.proxy.heal();
    scene
        .wait_for_object("ConfigMap", "web", "is put back", |object| object["data"]["value"] == "1")
        .await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "old").await;
    oracles::invariants(&scene, &["configmaps/old"]).expect("invariants");
    oracles::files_come_back(&mut scene, files).await.expect("files come back");
}
