//! What operators rely on: health, metrics, logs, a clean stop, and silence.

use std::time::Duration;

use kargo_api::names::SYNC_REQUESTED_ANNOTATION;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::{DEADLINE, INTERVAL, REPOSITORY, World};
use serde_json::{Value, json};

use crate::manifests::push_config_maps;

/// A stop may take this long, and not longer.
const STOP: Duration = Duration::from_secs(5);

#[tokio::test]
async fn it_answers_health_readiness_and_metrics() {
    let mut world = World::new("http").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    for path in ["/healthz", "/readyz"] {
        let (status, _) = world.controller().get(path).await.expect("an answer");
        assert_eq!(status, 200, "{path}");
    }
    let (status, metrics) = world.controller().get("/metrics").await.expect("an answer");
    assert_eq!(status, 200);
    assert!(metrics.lines().any(|line| line.starts_with("# HELP kargo_")), "{metrics}");
    assert!(metrics.lines().any(|line| line.starts_with("kargo_")), "{metrics}");
    let (status, _) = world.controller().get("/nothing").await.expect("an answer");
    assert_eq!(status, 404);
}

#[tokio::test]
async fn it_stops_in_time_when_it_is_told_to() {
    let mut world = World::new("sigterm").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let (status, took) = world.controller().terminate(STOP).await.expect("it ends");
    assert!(status.success(), "{status} after {took:?}");

    // Also in the middle of its work.
    world.controller().restart().expect("it starts again");
    push_config_maps(&world, &["a", "b", "c"]);
    world.controller().wait_until_ready(DEADLINE).await.expect("it is ready");
    let (status, took) = world.controller().terminate(STOP).await.expect("it ends");
    assert!(status.success(), "{status} after {took:?}");
}

#[tokio::test]
async fn when_nothing_changes_nothing_is_written_and_nothing_fetched() {
    let world = World::new("quiet").await;
    let commit = push_config_maps(&world, &["web", "api"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    world.git.reset_traffic(REPOSITORY);
    world.assert_quiet(INTERVAL * 2 + Duration::from_secs(1)).await;
    let traffic = world.git.traffic(REPOSITORY);
    assert!(traffic.requests > 0, "git was asked: {traffic:?}");
    assert_eq!(traffic.fetches, 0, "nothing was fetched: {traffic:?}");
}

#[tokio::test]
async fn a_commit_that_does_not_touch_the_folder_writes_no_object() {
    let world = World::new("elsewhere").await;
    let first = push_config_maps(&world, &["web", "api"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let before = world.writes().len();
    let second = world.push_files(&[("README.md", "# shop\n")]);
    world.wait_until_deployed("shop", &second).await;
    let resources: Vec<String> =
        world.writes()[before..].iter().map(|event| event.object().resource).collect();
    assert!(!resources.contains(&"configmaps".to_owned()), "{resources:?}");
}

#[tokio::test]
async fn a_sync_can_be_asked_for() {
    let world = World::new("sync-request").await;
    let first = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", json!({"source": {"interval": "1h"}})).await;
    world.wait_until_deployed("shop", &first).await;
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = world.push("changed");
    world.annotate_app("shop", SYNC_REQUESTED_ANNOTATION, "now").await;
    world.wait_until_deployed("shop", &second).await;
}

#[tokio::test]
async fn logs_are_text_or_json_and_never_hold_a_secret() {
    let canary = "CANARY-6b1f0f0a";
    for format in ["text", "json"] {
        let mut world = World::without_controller(&format!("log-{format}")).await;
        world.start_controller(&["--log-format", format]).await;
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\nstringData:\n  password: {canary}\n"
        );
        let broken =
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: Keys_Two\nstringData:\n  password: ";
        world.push_files(&[
            ("k8s/kustomization.yaml", "resources:\n- keys.yaml\n- broken.yaml\n"),
            ("k8s/keys.yaml", &secret),
            ("k8s/broken.yaml", &format!("{broken}{canary}\n")),
        ]);
        world.apply_app("shop").await;
        world.wait_for_object("Secret", "keys", "is applied", |_| true).await;
        let app = world
            .wait_for_app("shop", "names the refused Secret", |app| {
                app.story().contains("Keys_Two")
            })
            .await;
        let log = world.controller().log().expect("a log");
        assert!(log.contains("shop"), "it says what it does: {log}");
        if format == "json" {
            for line in log.lines() {
                let entry: Value = serde_json::from_str(line).expect("each line is JSON");
                assert!(entry["level"].is_string(), "{line}");
            }
        }
        let events = world.events("shop").await;
        // As it is, and as it would stand in `data`.
        for hidden in [canary, "Q0FOQVJZLTZiMWYwZjBh"] {
            assert!(!log.contains(hidden), "the log holds a secret");
            assert!(!format!("{app:?}").contains(hidden), "the status holds a secret");
            assert!(!format!("{events:?}").contains(hidden), "an Event holds a secret");
        }
    }
}
