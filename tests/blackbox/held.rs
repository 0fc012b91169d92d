//! Deletions that wait for somebody's consent.

use std::time::Duration;

use kargo_api::names::CONFIRM_PRUNE_ANNOTATION;
use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::CurrentState;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::assert_for;
use kargo_tests::world::{INTERVAL, World};
use serde_json::json;

use crate::manifests::{KUSTOMIZATION, claim, config_map, push_config_maps};

#[tokio::test]
async fn an_empty_kustomization_file_deletes_nothing() {
    let world = World::new("empty-file").await;
    let first = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", json!({"sync": {"allowEmpty": true}})).await;
    world.wait_until_deployed("shop", &first).await;
    let second = world.push_files(&[(KUSTOMIZATION, "")]);
    world
        .wait_for_app("shop", "says that the file is empty", |app| {
            app.desired().is_some_and(|desired| desired.revision.as_deref() == Some(&second))
                && app.has_reason(ConditionType::Rendered, Reason::RenderFailed)
        })
        .await;
    assert_eq!(world.managed("ConfigMap").await, ["web"]);
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn the_last_object_is_held_until_an_empty_set_is_allowed() {
    let world = World::new("last-object").await;
    let first = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let second = world.push_files(&[(KUSTOMIZATION, "namePrefix: x-\nresources: []\n")]);
    let app = world
        .wait_for_app("shop", "holds the deletion of everything", |app| {
            app.is(ConditionType::Held)
                && app.desired().and_then(|desired| desired.revision.as_deref()) == Some(&second)
        })
        .await;
    assert!(app.has_reason(ConditionType::Held, Reason::NothingDesired), "{app:?}");
    assert!(app.story().contains("allowEmpty"), "{}", app.story());
    assert_eq!(world.managed("ConfigMap").await, ["web"]);

    world.apply_app_with("shop", json!({"sync": {"allowEmpty": true}})).await;
    world.wait_until_gone("ConfigMap", "web").await;
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.deleted(), ["configmaps/web"]);
}

#[tokio::test]
async fn more_than_half_is_held_until_exactly_that_commit_is_confirmed() {
    let world = World::new("blast-radius").await;
    let all = ["a", "b", "c", "d", "e", "f", "g"];
    let first = push_config_maps(&world, &all);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;

    let second = push_config_maps(&world, &["a", "b"]);
    let app = world
        .wait_for_app("shop", "holds the deletion of five of seven", |app| {
            app.is(ConditionType::Held) && app.current_is(CurrentState::Held, &second)
        })
        .await;
    let held = app.condition(ConditionType::Held).expect("the condition");
    assert_eq!(held.reason, Reason::PruneHeld.as_str());
    for name in ["c", "d", "e", "f", "g"] {
        assert!(held.message.contains(&format!("ConfigMap/{name}")), "{}", held.message);
    }
    assert!(app.story().contains(&second), "it says what to confirm: {}", app.story());

    // Consent to something else is no consent.
    world.annotate_app("shop", CONFIRM_PRUNE_ANNOTATION, &first).await;
    let period = INTERVAL + Duration::from_secs(2);
    assert_for("all are there", period, async || {
        Ok(world.managed("ConfigMap").await.len() == all.len())
    })
    .await;

    world.annotate_app("shop", CONFIRM_PRUNE_ANNOTATION, &second).await;
    world.wait_until_deployed("shop", &second).await;
    world.wait_until_gone("ConfigMap", "g").await;
    assert_eq!(world.managed("ConfigMap").await, ["a", "b"]);
    let mut deleted = world.deleted();
    deleted.sort();
    assert_eq!(deleted, ["c", "d", "e", "f", "g"].map(|name| format!("configmaps/{name}")));
}

#[tokio::test]
async fn what_is_held_can_also_come_back() {
    let world = World::new("comes-back").await;
    let first = push_config_maps(&world, &["a", "b", "c", "d", "e"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    push_config_maps(&world, &["a"]);
    world.wait_for_app("shop", "holds", |app| app.is(ConditionType::Held)).await;
    let third = push_config_maps(&world, &["a", "b", "c", "d", "e"]);
    let app = world.wait_until_deployed("shop", &third).await;
    assert!(!app.is(ConditionType::Held));
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn a_claim_and_a_namespace_are_kept_without_their_own_consent() {
    let world = World::new("precious").await;
    let namespace = format!("{}-precious", world.namespace);
    let first = world.push_files(&[
        (KUSTOMIZATION, "resources:\n- web.yaml\n- namespace.yaml\n- claim.yaml\n"),
        ("k8s/web.yaml", &config_map("web", "1")),
        (
            "k8s/namespace.yaml",
            &format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n"),
        ),
        ("k8s/claim.yaml", &claim("data", "{}")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let second = world.push_files(&[(KUSTOMIZATION, "resources:\n- web.yaml\n")]);
    let app = world.wait_until_deployed("shop", &second).await;
    for expected in ["PersistentVolumeClaim/data".to_owned(), format!("Namespace/{namespace}")] {
        assert!(app.story().contains(&expected), "no {expected} in: {}", app.story());
    }
    assert_eq!(world.deleted(), [""; 0]);

    // Consent of its own, given while it is in git, is enough.
    let consent = "{kargo.krampoline.io/prune: allowed}";
    let third = world.push_files(&[
        (KUSTOMIZATION, "resources:\n- web.yaml\n- namespace.yaml\n- claim.yaml\n"),
        ("k8s/claim.yaml", &claim("data", consent)),
    ]);
    world.wait_until_deployed("shop", &third).await;
    let fourth = world.push_files(&[(KUSTOMIZATION, "resources:\n- web.yaml\n- namespace.yaml\n")]);
    world.wait_until_deployed("shop", &fourth).await;
    world.wait_until_gone("PersistentVolumeClaim", "data").await;
    assert_eq!(world.deleted(), ["persistentvolumeclaims/data"]);
}
