//! Commits that wait: for a request, for another app, for the end of a suspension.

use std::time::Duration;

use kargo_api::names::SYNC_REQUESTED_ANNOTATION;
use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::{CurrentState, Outcome};
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::assert_for;
use serde_json::json;

use crate::manifests::{KUSTOMIZATION, config_map, kustomization, push_config_maps};

fn push_value(world: &World, value: &str) -> String {
    world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml"])),
        ("k8s/web.yaml", &config_map("web", value)),
    ])
}

#[tokio::test]
async fn manual_mode_deploys_on_request_and_keeps_what_it_deployed() {
    let mut world = World::new("manual").await;
    let first = push_value(&world, "1");
    world.apply_app_with("shop", json!({"sync": {"mode": "Manual"}})).await;
    let app = world
        .wait_for_app("shop", "waits to be asked", |app| {
            app.has_reason(ConditionType::Ready, Reason::WaitsForRequest)
        })
        .await;
    assert!(app.story().contains("kubectl annotate kargoapp shop"), "{}", app.story());
    assert!(world.find("ConfigMap", "web").await.is_none());

    world.annotate_app("shop", SYNC_REQUESTED_ANNOTATION, "1").await;
    let app = world.wait_until_deployed("shop", &first).await;
    let status = app.status.expect("a status");
    assert_eq!(status.last_handled_sync.as_deref(), Some("1"));
    assert_eq!(status.history[0].outcome, Outcome::Succeeded);

    let second = push_value(&world, "2");
    world
        .wait_for_app("shop", "has seen the second commit", |app| {
            app.desired().and_then(|desired| desired.revision.as_deref()) == Some(&second)
        })
        .await;
    world.controller().restart().expect("it starts again");
    world.delete("ConfigMap", "web").await;
    let restored = world.wait_for_object("ConfigMap", "web", "is back", |_| true).await;
    assert_eq!(restored["data"]["value"], "1");
    world
        .wait_for_app("shop", "still has the first commit", |app| {
            app.current_is(CurrentState::Succeeded, &first)
                && app.has_reason(ConditionType::Ready, Reason::WaitsForRequest)
        })
        .await;

    world.annotate_app("shop", SYNC_REQUESTED_ANNOTATION, "2").await;
    let app = world.wait_until_deployed("shop", &second).await;
    let history = app.status.expect("a status").history;
    let revisions: Vec<&str> = history.iter().map(|entry| entry.revision.as_str()).collect();
    assert_eq!(revisions, [&second, &first]);
}

#[tokio::test]
async fn a_suspended_app_is_left_alone_until_it_is_not_any_more() {
    let world = World::new("suspended").await;
    let first = push_value(&world, "1");
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    world.apply_app_with("shop", json!({"suspend": true})).await;
    world
        .wait_for_app("shop", "is suspended", |app| {
            app.has_reason(ConditionType::Ready, Reason::Suspended)
        })
        .await;
    world.delete("ConfigMap", "web").await;
    let second = push_value(&world, "2");
    world
        .wait_for_app("shop", "has seen the second commit", |app| {
            app.desired().and_then(|desired| desired.revision.as_deref()) == Some(&second)
        })
        .await;
    assert_for("nothing is put back", Duration::from_secs(1), async || {
        Ok(world.find("ConfigMap", "web").await.is_none())
    })
    .await;
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &second).await;
}

#[tokio::test]
async fn an_app_waits_for_those_it_depends_on() {
    let world = World::new("depends-on").await;
    let commit = world.push_files(&[
        ("shop/kustomization.yaml", &kustomization(&["web.yaml"])),
        ("shop/web.yaml", &config_map("web", "1")),
        ("database/kustomization.yaml", "configMapGenerator:\n- name: db\n  files: [missing]\n"),
    ]);
    world
        .apply_app_with(
            "shop",
            json!({"source": {"path": "shop"}, "dependsOn": [{"name": "database"}]}),
        )
        .await;
    world.apply_app_with("database", json!({"source": {"path": "database"}})).await;
    world
        .wait_for_app("shop", "waits for the database", |app| {
            app.has_reason(ConditionType::Ready, Reason::WaitsForDependency)
        })
        .await;
    assert!(world.find("ConfigMap", "web").await.is_none());
    let fixed = world.push_files(&[
        ("database/kustomization.yaml", &kustomization(&["db.yaml"])),
        ("database/db.yaml", &config_map("db", "1")),
    ]);
    assert_ne!(fixed, commit);
    world.wait_until_deployed("database", &fixed).await;
    world.wait_until_deployed("shop", &fixed).await;
}

#[tokio::test]
async fn without_self_heal_a_hand_edit_is_said_and_stays_until_somebody_asks() {
    let world = World::new("no-self-heal").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", json!({"sync": {"selfHeal": false}})).await;
    world.wait_until_deployed("shop", &commit).await;
    world.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    let app =
        world.wait_for_app("shop", "says what differs", |app| app.is(ConditionType::Drifted)).await;
    assert!(app.story().contains("ConfigMap/web"), "{}", app.story());
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "by hand");
    world.annotate_app("shop", SYNC_REQUESTED_ANNOTATION, "1").await;
    world
        .wait_for_object("ConfigMap", "web", "is as git has it", |object| {
            object["data"]["value"] != "by hand"
        })
        .await;
    world.wait_until_deployed("shop", &commit).await;
}
