//! F5: lists that fail half way, or that say nothing is there.

use std::time::Duration;

use kargo_tests::faults::{Fault, Scene, on, oracles};
use kargo_tests::manifests::push_config_maps;
use kargo_tests::world::DEADLINE;
use serde_json::json;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Deploys, restarts with these faults in place, and expects that nothing was taken for missing.
async fn restarts_with(name: &str, faults: impl FnOnce(&Scene)) {
    let mut scene = Scene::new(name).await;
    let commit = push_config_maps(&scene, &NAMES);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    let before = oracles::end_state(&scene).await.expect("a state");
    let counts = oracles::counts(&scene);
    scene.controller().kill().expect("it runs");
    faults(&scene);
    scene.controller().restart().expect("it starts again");
    scene.controller().wait_until_ready(DEADLINE).await.expect("it is ready");
    scene.wait_until_deployed("shop", &commit).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    scene.proxy.heal();
    assert_eq!(oracles::end_state(&scene).await.expect("a state"), before);
    assert_eq!(oracles::counts(&scene), counts);
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f5_page_two_fails() {
    restarts_with("page-two", |scene| {
        // The second request of a list in pages is the one that fails, twice.
        scene.proxy.add(on("list", "configmaps").nth(2), Fault::Refuse(500));
        scene.proxy.add(on("list", "configmaps").nth(3), Fault::Refuse(504));
        scene.proxy.add(on("list", "configmaps"), Fault::Query("limit", 2));
    })
    .await;
}

#[tokio::test]
async fn f5_the_rest_of_a_list_has_expired() {
    restarts_with("continue-expires", |scene| {
        scene.proxy.add(on("list", "configmaps").nth(2), Fault::Refuse(410));
        scene.proxy.add(on("list", "configmaps"), Fault::Query("limit", 2));
    })
    .await;
}

#[tokio::test]
async fn f5_a_list_with_nothing_in_it_deletes_nothing() {
    restarts_with("empty-list", |scene| {
        let empty = Fault::edit(|list| list["items"] = json!([]));
        scene.proxy.add(on("list", "configmaps"), empty);
    })
    .await;
}

#[tokio::test]
async fn f5_no_list_of_kargo_apps_is_no_reason_to_let_go_of_anything() {
    let mut scene = Scene::new("no-apps").await;
    let commit = push_config_maps(&scene, &NAMES);
    scene.apply_app_with("shop", json!({"deletionPolicy": "Delete"})).await;
    scene.wait_until_deployed("shop", &commit).await;
    let before = oracles::end_state(&scene).await.expect("a state");
    scene.controller().kill().expect("it runs");
    let empty = Fault::edit(|list| list["items"] = json!([]));
    scene.proxy.add(on("list", "kargoapps"), empty);
    scene.controller().restart().expect("it starts again");
    scene.controller().wait_until_ready(DEADLINE).await.expect("it is ready");
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    assert_eq!(oracles::end_state(&scene).await.expect("a state"), before);
    // Healed, the same process sees the app again and keeps its objects.
    scene.crash_and_wait().await;
    scene.wait_until_deployed("shop", &commit).await;
    assert_eq!(oracles::end_state(&scene).await.expect("a state"), before);
    assert_eq!(scene.deleted(), [""; 0]);
}
