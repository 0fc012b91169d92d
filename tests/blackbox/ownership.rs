//! One owner for each object, and no other object is ever taken for ours.

use kargo_api::reasons::{ConditionType, Reason};
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::json;

use crate::manifests::{config_map, kustomization, push_config_maps};

/// Two folders that both render `shared`, and one object of their own.
fn push_two_claims(world: &World) -> String {
    for (folder, own) in [("one", "first"), ("two", "second")] {
        let files = kustomization(&["shared.yaml", "own.yaml"]);
        world.write(&format!("{folder}/kustomization.yaml"), &files);
        world.write(&format!("{folder}/shared.yaml"), &config_map("shared", own));
        world.write(&format!("{folder}/own.yaml"), &config_map(own, "1"));
    }
    world.push("two folders")
}

#[tokio::test]
async fn the_second_app_that_renders_an_object_is_refused_with_the_name_of_the_first() {
    let world = World::new("two-claims").await;
    let commit = push_two_claims(&world);
    world.apply_app_with("first", json!({"source": {"path": "one"}})).await;
    world.wait_until_deployed("first", &commit).await;
    world.apply_app_with("second", json!({"source": {"path": "two"}})).await;
    let owner = format!("{}/first", world.namespace);
    let app = world
        .wait_for_app("second", "is refused", |app| {
            let status = app.status.clone().unwrap_or_default();
            status.refused_claims.iter().any(|claim| claim.owner == owner)
        })
        .await;
    assert!(app.story().contains(&owner), "{}", app.story());
    assert!(!app.is(ConditionType::Ready), "{app:?}");
    assert!(app.has_reason(ConditionType::Ready, Reason::ClaimedByOther), "{app:?}");
    let shared = world.object("ConfigMap", "shared").await;
    assert_eq!(shared["data"]["value"], "first");
    assert_eq!(shared["metadata"]["labels"]["kargo.krampoline.io/app"], "first");

    // The refused app goes: nothing of the first is touched.
    world.delete_app("second").await;
    world.wait_until_gone("KargoApp", "second").await;
    assert!(world.app("first").await.is_deployed(&commit));
    assert!(world.find("ConfigMap", "shared").await.is_some());
    assert!(!world.deleted().contains(&"configmaps/shared".to_owned()));
}

#[tokio::test]
async fn an_object_that_the_first_app_gives_up_goes_to_the_second_without_a_delete() {
    let world = World::new("hand-over").await;
    let commit = push_two_claims(&world);
    world.apply_app_with("first", json!({"source": {"path": "one"}})).await;
    world.wait_until_deployed("first", &commit).await;
    world.apply_app_with("second", json!({"source": {"path": "two"}})).await;
    world
        .wait_for_app("second", "is refused", |app| {
            app.has_reason(ConditionType::Ready, Reason::ClaimedByOther)
        })
        .await;
    let before = world.object("ConfigMap", "shared").await;

    world.write("one/kustomization.yaml", &kustomization(&["own.yaml"]));
    let handed_over = world.push("the first gives it up");
    world.wait_until_deployed("first", &handed_over).await;
    let app = world.wait_until_deployed("second", &handed_over).await;
    assert!(app.status.expect("a status").refused_claims.is_empty());
    let after = world.object("ConfigMap", "shared").await;
    assert_eq!(after["data"]["value"], "second");
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"], "it was deleted in between");
    assert!(!world.deleted().contains(&"configmaps/shared".to_owned()));
}

/// A backup tool writes objects back with everything that they had, into another namespace.
#[tokio::test]
async fn a_copy_with_all_its_metadata_in_another_namespace_is_never_pruned() {
    let world = World::new("backup-copy").await;
    let first = push_config_maps(&world, &["old", "web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;

    let elsewhere = world.create_namespace("restored").await;
    for name in ["old", "web"] {
        let mut copy = world.object("ConfigMap", name).await;
        let metadata = copy["metadata"].as_object_mut().expect("metadata");
        assert!(metadata.contains_key("managedFields"), "a copy with all its metadata");
        for key in ["resourceVersion", "uid", "creationTimestamp"] {
            metadata.remove(key);
        }
        metadata.insert("namespace".to_owned(), json!(elsewhere));
        world.objects.create(&elsewhere, copy).await.expect("a copy can be made");
    }

    let second = push_config_maps(&world, &["web"]);
    world.wait_until_deployed("shop", &second).await;
    world.wait_until_gone("ConfigMap", "old").await;
    for name in ["old", "web"] {
        let copy = world.objects.get(&elsewhere, "ConfigMap", name).await.expect("an answer");
        assert!(copy.is_some(), "the copy of {name} is gone");
    }
    assert_eq!(world.deleted(), ["configmaps/old"]);
}

/// An operator that copies the labels of an object to those that it makes.
#[tokio::test]
async fn an_object_with_our_labels_that_we_did_not_apply_is_left_alone() {
    let world = World::new("copied-labels").await;
    let first = push_config_maps(&world, &["old", "web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let labels = world.object("ConfigMap", "old").await["metadata"]["labels"].clone();
    let child = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "child", "labels": labels},
        "data": {"made": "by an operator"},
    });
    world.objects.apply(&world.namespace, &child).await.expect("it is accepted");
    let second = push_config_maps(&world, &["web"]);
    world.wait_until_deployed("shop", &second).await;
    world.wait_until_gone("ConfigMap", "old").await;
    assert_eq!(world.object("ConfigMap", "child").await["data"]["made"], "by an operator");
    assert_eq!(world.deleted(), ["configmaps/old"]);
}
