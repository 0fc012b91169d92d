//! What remains of a deleted `KargoApp`.

use std::time::Duration;

use kargo_api::names::INSTALLATION_LABEL;
use kargo_tests::world::World;
use kargo_tests::world::wait::assert_for;
use serde_json::{Value, json};

use crate::manifests::{KUSTOMIZATION, claim, config_map, kustomization, push_config_maps};

#[tokio::test]
async fn by_default_the_workloads_stay() {
    let world = World::new("orphan").await;
    let commit = push_config_maps(&world, &["web", "api"]);
    world.apply_app("shop").await;
    let app = world.wait_until_deployed("shop", &commit).await;
    assert_eq!(app.metadata.finalizers.unwrap_or_default(), [""; 0]);

    world.delete_app("shop").await;
    world.wait_until_gone("KargoApp", "shop").await;
    let stay = async || Ok(world.find("ConfigMap", "web").await.is_some());
    assert_for("the ConfigMap web is there", Duration::from_secs(3), stay).await;
    for name in ["web", "api"] {
        assert_eq!(world.object("ConfigMap", name).await["data"]["value"], "1");
    }
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn objects_that_nobody_manages_any_more_lose_our_marks_and_nothing_else() {
    let world = World::new("orphan-marks").await;
    let commit = push_config_maps(&world, &["web", "api"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    world.delete_app("shop").await;
    let label = format!("/metadata/labels/{}", INSTALLATION_LABEL.replace('/', "~1"));
    for name in ["web", "api"] {
        let unmarked = |object: &Value| object.pointer(&label).is_none();
        let object =
            world.wait_for_object("ConfigMap", name, "has lost our labels", unmarked).await;
        assert_eq!(object["data"]["value"], "1", "only the marks go, not the data");
    }
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn without_a_controller_a_kargo_app_can_be_deleted_too() {
    let mut world = World::new("orphan-stopped").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    world.controller().kill().expect("it runs");
    world.delete_app("shop").await;
    world.wait_until_gone("KargoApp", "shop").await;
    assert!(world.find("ConfigMap", "web").await.is_some());
}

#[tokio::test]
async fn delete_takes_the_workloads_but_no_claim() {
    let world = World::new("delete").await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        world.write(&format!("k8s/{name}.yaml"), &config_map(name, "1"));
    }
    let files = ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "claim.yaml"];
    let commit = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&files)),
        ("k8s/claim.yaml", &claim("data", "{}")),
    ]);
    world.apply_app_with("shop", json!({"deletionPolicy": "Delete"})).await;
    world.wait_until_deployed("shop", &commit).await;

    world.delete_app("shop").await;
    world.wait_until_gone("KargoApp", "shop").await;
    for name in names {
        world.wait_until_gone("ConfigMap", name).await;
    }
    let claim = world.object("PersistentVolumeClaim", "data").await;
    assert!(claim["metadata"]["deletionTimestamp"].is_null());
}

#[tokio::test]
async fn an_app_that_is_made_again_takes_its_objects_back() {
    let world = World::new("made-again").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let before = world.object("ConfigMap", "web").await;
    world.delete_app("shop").await;
    world.wait_until_gone("KargoApp", "shop").await;
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let after = world
        .wait_for_object("ConfigMap", "web", "carries our marks", |object| {
            object["metadata"]["labels"][INSTALLATION_LABEL].is_string()
        })
        .await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
}
