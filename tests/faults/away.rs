//! F7, F16, F55: the API server is away for a while, knows us no more, or the disk is no use.

use std::fs;
use std::time::Duration;

use kargo_api::reasons::{ConditionType, Reason};
use kargo_tests::faults::{Fault, Scene, on, oracles};
use kargo_tests::manifests::push_config_maps;
use kargo_tests::world::app::AppExt as _;
use serde_json::{Value, json};

/// What happens while it is away, and that it is made up for.
async fn survives(name: &str, harm: impl FnOnce(&Scene)) {
    let mut scene = Scene::new(name).await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    harm(&scene);
    let expired = json!({"type": "ERROR", "object": {"kind": "Status", "code": 500,
        "status": "Failure", "reason": "InternalError", "message": "away"}});
    for target in ["configmaps", "kargoapps"] {
        scene.proxy.inject(target, &expired);
    }
    scene.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    let second = push_config_maps(&scene, &["web"]);
    // Long enough for several attempts of everything that tries again.
    tokio::time::sleep(Duration::from_secs(6)).await;
    scene.proxy.heal();
    let put_back = |object: &Value| object["data"]["value"] == "1";
    scene.wait_for_object("ConfigMap", "web", "is put back", put_back).await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "old").await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    oracles::clean(&mut scene, None).await.expect("the same process goes on");
    oracles::invariants(&scene, &["configmaps/old"]).expect("invariants");
    assert_eq!(oracles::counts(&scene)["configmaps/web"], (1, 0));
}

#[tokio::test]
async fn f7_a_token_that_is_refused_for_a_while_loses_nothing() {
    survives("unauthorized", |scene| drop(scene.proxy.add(on("*", "*"), Fault::Refuse(401)))).await;
}

#[tokio::test]
async fn f16_an_api_server_without_its_etcd_is_waited_for() {
    survives("no-etcd", |scene| drop(scene.proxy.add(on("*", "*"), Fault::Refuse(500)))).await;
}

#[tokio::test]
async fn f16_an_api_server_that_is_down_is_waited_for() {
    survives("no-server", |scene| drop(scene.proxy.add(on("*", "*"), Fault::Cut))).await;
}

#[tokio::test]
async fn f55_a_cache_that_is_away_for_a_while_is_named_and_used_again() {
    let mut scene = Scene::new("no-cache").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let cache = scene.settings(&[]).cache;
    // The volume goes away, and nothing can be written where it was.
    let away = cache.with_extension("away");
    fs::rename(&cache, &away).expect("the folder can be moved");
    fs::write(&cache, "no folder").expect("a file");
    let second = push_config_maps(&scene, &["web"]);
    scene.sync("shop").await;
    scene
        .wait_for_app("shop", "says that it cannot fetch", |app| {
            !app.is(ConditionType::Rendered)
                && !app.has_reason(ConditionType::Rendered, Reason::Loading)
        })
        .await;
    scene.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    let put_back = |object: &Value| object["data"]["value"] == "1";
    scene.wait_for_object("ConfigMap", "web", "is put back all the same", put_back).await;
    assert_eq!(scene.deleted(), [""; 0]);
    fs::remove_file(&cache).expect("the file can be removed");
    fs::rename(&away, &cache).expect("the folder is there again");
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "old").await;
    oracles::clean(&mut scene, None).await.expect("clean");
}
