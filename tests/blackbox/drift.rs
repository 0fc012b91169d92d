//! Hand edits of what is in git are put back at once; what is not in git is left alone.

use std::time::{Duration, Instant};

use kargo_api::reasons::EventReason;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, INTERVAL, World};
use serde_json::{Value, json};

use crate::manifests::{KUSTOMIZATION, config_map, deployment, kustomization, push_config_maps};

#[tokio::test]
async fn every_way_to_take_a_field_away_is_undone() {
    let world = World::new("drift").await;
    let commit = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml", "map.yaml"])),
        ("k8s/web.yaml", &deployment("web", "web:1")),
        ("k8s/map.yaml", &config_map("map", "1")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;

    let image = "/spec/template/spec/containers/0/image";
    let app_label =
        format!("/metadata/labels/{}", kargo_api::names::APP_NAME_LABEL.replace('/', "~1"));
    // What somebody does with kubectl, the place where it shows, and what has to stand there again.
    let table: [(&[&str], &str, &str, Value); 6] = [
        (
            &["scale", "deployment/web", "--replicas=3"],
            "Deployment/web",
            "/spec/replicas",
            json!(1),
        ),
        (
            &["set", "image", "deployment/web", "main=web:2"],
            "Deployment/web",
            image,
            json!("web:1"),
        ),
        (
            &["patch", "configmap/map", "--type=merge", "--patch", r#"{"data":{"value":"2"}}"#],
            "ConfigMap/map",
            "/data/value",
            json!("1"),
        ),
        (
            &[
                "patch",
                "configmap/map",
                "--type=json",
                "--patch",
                r#"[{"op":"remove","path":"/data/value"}]"#,
            ],
            "ConfigMap/map",
            "/data/value",
            json!("1"),
        ),
        (&["delete", "configmap/map"], "ConfigMap/map", "/data/value", json!("1")),
        (
            &["label", "configmap/map", "kargo.krampoline.io/app-"],
            "ConfigMap/map",
            &app_label,
            json!("shop"),
        ),
    ];
    for (command, object, path, expected) in table {
        let (kind, name) = object.split_once('/').expect("Kind/name");
        world.run_kubectl(command).expect("kubectl can do that");
        let what = format!("has {expected} at {path} after `kubectl {}`", command.join(" "));
        world
            .wait_for_object(kind, name, &what, |object| object.pointer(path) == Some(&expected))
            .await;
    }
    wait_for("an Event tells of the repairs", DEADLINE, async || {
        let events = world.events("shop").await;
        let told = |(reason, note): &(String, String)| {
            reason == EventReason::DriftRepaired.as_str() && note.contains("ConfigMap/map")
        };
        let names_who = |(_, note): &(String, String)| {
            note.contains("Deployment/web: spec.replicas was changed by kubectl (scale)")
        };
        Ok((events.iter().any(told) && events.iter().any(names_who)).then_some(()))
    })
    .await;
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn a_deleted_object_is_back_long_before_the_next_poll() {
    let world = World::new("drift-speed").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", json!({"source": {"interval": "1h"}})).await;
    world.wait_until_deployed("shop", &commit).await;
    world.delete("ConfigMap", "web").await;
    let start = Instant::now();
    world.wait_for_object("ConfigMap", "web", "is back", |_| true).await;
    // A second on an idle machine; the tests share theirs with many others.
    assert!(start.elapsed() < INTERVAL, "it took {:?}", start.elapsed());
}

#[tokio::test]
async fn fields_that_are_not_in_git_belong_to_others() {
    let world = World::new("foreign-fields").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let edit = json!({
        "metadata": {"labels": {"team": "a"}, "annotations": {"note": "by hand"}},
        "data": {"other": "2"},
    });
    world.edit("ConfigMap", "web", edit).await;

    // They stay through silence, through a repair and through another commit.
    world.assert_quiet(Duration::from_secs(2)).await;
    world.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    let repaired = |object: &Value| object["data"]["value"] == "1";
    world.wait_for_object("ConfigMap", "web", "is put back", repaired).await;
    world.replace("k8s/web.yaml", "\"1\"", "\"3\"");
    let second = world.push("changed");
    world.wait_until_deployed("shop", &second).await;
    let object = world.object("ConfigMap", "web").await;
    assert_eq!(object["data"], json!({"value": "3", "other": "2"}));
    assert_eq!(object["metadata"]["labels"]["team"], "a");
    assert_eq!(object["metadata"]["annotations"]["note"], "by hand");
}
