//! F9 to F12: watches that break, stall, lie about the past, or leave things out.

use std::time::Duration;

use kargo_tests::faults::{Fault, Gate, Scene, on, oracles};
use kargo_tests::manifests::push_config_maps;
use kargo_tests::world::World;
use serde_json::{Value, json};

async fn drift_is_repaired(world: &World, value: &str) {
    world.edit("ConfigMap", "web", json!({"data": {"value": value}})).await;
    let put_back = |object: &Value| object["data"]["value"] == "1";
    world.wait_for_object("ConfigMap", "web", "is put back", put_back).await;
}

#[tokio::test]
async fn f9_a_watch_that_is_cut_again_and_again_still_shows_drift() {
    let scene = Scene::new("watch-cut").await;
    let commit = push_config_maps(&scene, &["web"]);
    scene.proxy.add(on("event", "configmaps").every(2), Fault::Cut);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    for round in 0..4 {
        drift_is_repaired(&scene, &format!("by hand {round}")).await;
    }
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f10_a_watch_that_has_expired_is_opened_anew() {
    let scene = Scene::new("watch-410").await;
    let commit = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    let expired = json!({"type": "ERROR", "object": {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
        "reason": "Expired", "message": "too old resource version",
    }});
    for target in ["configmaps", "kargoapps"] {
        assert!(scene.proxy.inject(target, &expired) > 0, "nobody watches {target}");
    }
    drift_is_repaired(&scene, "by hand").await;
    // The same as an HTTP status: the version that is asked for is refused for a while.
    scene.proxy.add(on("watch", "configmaps").first(3), Fault::Refuse(410));
    scene.proxy.inject("configmaps", &expired);
    drift_is_repaired(&scene, "by hand again").await;
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f10_a_watch_that_fell_silent_is_made_up_for_when_it_ends() {
    let mut scene = Scene::without_controller("watch-silent").await;
    // A few seconds instead of the minutes that a watch lasts.
    let short = scene.proxy.add(on("watch", "configmaps"), Fault::Query("timeoutSeconds", 4));
    scene.start_controller(&[]).await;
    let commit = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    // Nothing comes any more, until the watch is opened again.
    let silent = scene.proxy.add(on("event", "configmaps"), Fault::Drop);
    scene.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    silent.reached().await;
    short.remove();
    let gate = Gate::closed();
    let opened = scene.proxy.add(on("watch", "configmaps").first(1), Fault::Hold(gate.clone()));
    opened.reached().await;
    silent.remove();
    gate.open();
    let put_back = |object: &Value| object["data"]["value"] == "1";
    scene.wait_for_object("ConfigMap", "web", "is put back", put_back).await;
}

#[tokio::test]
async fn f11_events_of_the_past_delete_nothing_of_the_present() {
    let mut scene = Scene::new("time-travel").await;
    let first = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    // Deleted and put back: another incarnation.
    let old = scene.object("ConfigMap", "web").await;
    scene.delete("ConfigMap", "web").await;
    let is_new = |object: &Value| object["metadata"]["uid"] != old["metadata"]["uid"];
    let new = scene.wait_for_object("ConfigMap", "web", "is back", is_new).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");

    // All that was ever sent comes once more, as from an API server that is behind.
    let writes = scene.writes().len();
    for event in scene.proxy.events("configmaps") {
        scene.proxy.inject("configmaps", &event);
    }
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    let now = scene.object("ConfigMap", "web").await;
    assert_eq!(now["metadata"]["uid"], new["metadata"]["uid"]);
    assert_eq!(scene.deleted(), [""; 0]);
    let wrote = scene.writes().len() - writes;
    assert!(wrote < 10, "{wrote} writes because of old events");
    oracles::clean(&mut scene, None).await.expect("clean");
    drift_is_repaired(&scene, "by hand").await;
}

#[tokio::test]
async fn f11_a_list_of_the_past_prunes_nothing_of_the_present() {
    let mut scene = Scene::new("old-list").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let (old, web) =
        (scene.object("ConfigMap", "old").await, scene.object("ConfigMap", "web").await);
    let past = json!({
        "kind": "ConfigMapList", "apiVersion": "v1",
        "metadata": {"resourceVersion": old["metadata"]["resourceVersion"]},
        "items": [old.clone(), web],
    });
    // Since then `old` was deleted and recreated, by somebody who does not know Kargo.
    scene.controller().kill().expect("it runs");
    scene.delete("ConfigMap", "old").await;
    scene.wait_until_gone("ConfigMap", "old").await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "old"}, "data": {"made": "by somebody"}});
    scene.objects.apply(&scene.namespace, &theirs).await.expect("it is created");
    let second = push_config_maps(&scene, &["web"]);
    scene.proxy.add(on("list", "configmaps").nth(1), Fault::Answer(past));
    scene.controller().restart().expect("it starts again");
    scene.wait_until_deployed("shop", &second).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(3)).await.expect("quiet");
    assert_eq!(scene.object("ConfigMap", "old").await["data"]["made"], "by somebody");
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f12_what_was_never_seen_does_not_matter() {
    let scene = Scene::new("unseen").await;
    let first = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    // Held back: a deletion, a creation by somebody else and a change of it. The watch shows the
    // end only.
    let gate = Gate::closed();
    let held = scene.proxy.add(on("event", "configmaps"), Fault::Hold(gate.clone()));
    scene.delete("ConfigMap", "web").await;
    held.reached().await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "web"}, "data": {"made": "by somebody"}});
    scene.objects.apply(&scene.namespace, &theirs).await.expect("it is created");
    scene.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = scene.push("changed");
    scene.sync("shop").await;
    gate.open();
    held.remove();
    scene.wait_until_deployed("shop", &second).await;
    let object = scene.object("ConfigMap", "web").await;
    assert_eq!(object["data"], json!({"value": "2", "made": "by somebody"}));
}

#[tokio::test]
async fn f12_an_object_recreated_behind_a_silent_watch_is_taken_over_all_the_same() {
    let scene = Scene::new("stale-uid").await;
    let first = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let gate = Gate::closed();
    let held = scene.proxy.add(on("event", "configmaps"), Fault::Hold(gate));
    scene.delete("ConfigMap", "web").await;
    held.reached().await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}});
    scene.objects.apply(&scene.namespace, &theirs).await.expect("it is created");
    scene.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = scene.push("changed");
    scene.sync("shop").await;
    // The watch says nothing, but the API server's answer to the apply tells enough.
    let changed = |object: &Value| object["data"]["value"] == "2";
    scene.wait_for_object("ConfigMap", "web", "has the new value", changed).await;
    held.remove();
    scene
        .wait_for_app("shop", "is deployed", |app| {
            kargo_tests::world::app::AppExt::is_deployed(app, &second)
        })
        .await;
    assert_eq!(scene.deleted(), [""; 0]);
}

#[tokio::test]
async fn f12_an_object_deleted_behind_a_silent_watch_is_made_again_all_the_same() {
    let scene = Scene::new("stale-gone").await;
    let first = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let gate = Gate::closed();
    let held = scene.proxy.add(on("event", "configmaps"), Fault::Hold(gate));
    scene.delete("ConfigMap", "web").await;
    held.reached().await;
    scene.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = scene.push("changed");
    scene.sync("shop").await;
    let changed = |object: &Value| object["data"]["value"] == "2";
    scene.wait_for_object("ConfigMap", "web", "has the new value", changed).await;
    scene.wait_until_deployed("shop", &second).await;
}
