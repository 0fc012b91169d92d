//! Where objects go.

use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::json;

use crate::manifests::{KUSTOMIZATION, config_map};

#[tokio::test]
async fn a_namespace_that_nobody_makes_is_created_and_stays() {
    let world = World::new("creates").await;
    let wanted = format!("{}-wanted", world.namespace);
    let commit = world.push_files(&[
        (KUSTOMIZATION, &format!("namespace: {wanted}\nresources:\n- web.yaml\n")),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    world.apply_app_with("shop", json!({"deletionPolicy": "Delete"})).await;
    world.wait_until_deployed("shop", &commit).await;
    let map = world.objects.get(&wanted, "ConfigMap", "web").await.expect("an answer");
    assert!(map.is_some());
    let namespace = world.object("Namespace", &wanted).await;
    let labels = namespace["metadata"]["labels"].as_object().expect("labels");
    let ours: Vec<&String> =
        labels.keys().filter(|key| key.starts_with("kargo.krampoline.io/")).collect();
    assert!(ours.is_empty(), "it is shared, and carries no owner: {ours:?}");

    world.delete_app("shop").await;
    world.wait_until_gone("KargoApp", "shop").await;
    assert!(world.object("Namespace", &wanted).await["metadata"]["deletionTimestamp"].is_null());
    assert_eq!(world.deleted(), ["configmaps/web"]);
}

#[tokio::test]
async fn without_create_namespace_a_missing_one_is_an_error() {
    let world = World::new("creates-not").await;
    let wanted = format!("{}-wanted", world.namespace);
    world.push_files(&[
        (KUSTOMIZATION, &format!("namespace: {wanted}\nresources:\n- web.yaml\n")),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    world.apply_app_with("shop", json!({"sync": {"createNamespace": false}})).await;
    world
        .wait_for_app("shop", "names the missing namespace", |app| {
            app.current().is_some() && app.story().contains(&wanted)
        })
        .await;
    assert!(world.find("Namespace", &wanted).await.is_none());
}

#[tokio::test]
async fn the_target_namespace_of_the_app_wins_over_the_repository() {
    let world = World::new("target").await;
    let target = world.create_namespace("target").await;
    let commit = world.push_files(&[
        (KUSTOMIZATION, "namespace: somewhere-else\nresources:\n- web.yaml\n"),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    world.apply_app_with("shop", json!({"targetNamespace": target})).await;
    world.wait_until_deployed("shop", &commit).await;
    let map = world.objects.get(&target, "ConfigMap", "web").await.expect("an answer");
    assert!(map.is_some());
    assert!(world.find("Namespace", "somewhere-else").await.is_none());
}

#[tokio::test]
async fn an_object_without_a_namespace_goes_to_that_of_its_app() {
    let world = World::new("own").await;
    let elsewhere = world.create_namespace("elsewhere").await;
    let named = config_map("named", "1")
        .replace("  name: named\n", &format!("  name: named\n  namespace: {elsewhere}\n"));
    let commit = world.push_files(&[
        (KUSTOMIZATION, "resources:\n- plain.yaml\n- named.yaml\n"),
        ("k8s/plain.yaml", &config_map("plain", "1")),
        ("k8s/named.yaml", &named),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    assert_eq!(world.managed("ConfigMap").await, ["plain"]);
    let named = world.objects.get(&elsewhere, "ConfigMap", "named").await.expect("an answer");
    assert!(named.is_some());
}
