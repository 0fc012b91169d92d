//! What people say about single objects by annotations.

use std::time::Duration;

use kargo_api::reasons::{ConditionType, EventReason, Reason};
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::{Value, json};

use crate::manifests::{KUSTOMIZATION, config_map, deployment, kustomization, push_config_maps};

fn with_annotation(text: &str, annotation: &str) -> String {
    text.replacen("metadata:\n", &format!("metadata:\n  annotations: {{{annotation}}}\n"), 1)
}

#[tokio::test]
async fn an_object_that_is_not_reconciled_is_neither_created_nor_changed_nor_deleted() {
    let world = World::new("left-alone").await;
    let first = push_config_maps(&world, &["a", "b", "c"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;

    // By hand on the live object: neither drift, nor a commit, nor its leaving git touches it.
    let annotation =
        json!({"metadata": {"annotations": {"kargo.krampoline.io/reconcile": "disabled"}}});
    world.edit("ConfigMap", "b", annotation).await;
    world.edit("ConfigMap", "b", json!({"data": {"value": "by hand"}})).await;
    world.assert_quiet(Duration::from_secs(1)).await;
    world.replace("k8s/b.yaml", "\"1\"", "\"2\"");
    // In git: it is not even created.
    world.write(
        "k8s/d.yaml",
        &with_annotation(&config_map("d", "1"), "kargo.krampoline.io/reconcile: disabled"),
    );
    world.write(KUSTOMIZATION, &kustomization(&["a.yaml", "b.yaml", "c.yaml", "d.yaml"]));
    let second = world.push("two that are left alone");
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.object("ConfigMap", "b").await["data"]["value"], "by hand");
    assert!(world.find("ConfigMap", "d").await.is_none());

    world.write(KUSTOMIZATION, &kustomization(&["a.yaml", "d.yaml"]));
    let third = world.push("b and c leave");
    world.wait_until_deployed("shop", &third).await;
    world.wait_until_gone("ConfigMap", "c").await;
    assert_eq!(world.object("ConfigMap", "b").await["data"]["value"], "by hand");
    assert_eq!(world.deleted(), ["configmaps/c"]);
}

#[tokio::test]
async fn an_object_that_is_applied_once_is_created_and_then_left_to_others() {
    let world = World::new("once").await;
    let once = |name: &str, value: &str| {
        with_annotation(&config_map(name, value), "kargo.krampoline.io/apply: once")
    };
    let there = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "there"}, "data": {"value": "theirs"}});
    world.objects.create(&world.namespace, there).await.expect("it is created");
    let first = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["new.yaml", "there.yaml"])),
        ("k8s/new.yaml", &once("new", "1")),
        ("k8s/there.yaml", &once("there", "1")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    assert_eq!(world.object("ConfigMap", "there").await["data"]["value"], "theirs");
    world.edit("ConfigMap", "new", json!({"data": {"value": "by hand"}})).await;
    let second = world.push_files(&[("k8s/new.yaml", &once("new", "2"))]);
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.object("ConfigMap", "new").await["data"]["value"], "by hand");
    world.delete("ConfigMap", "new").await;
    let is_back = |object: &Value| object["data"]["value"] == "2";
    world.wait_for_object("ConfigMap", "new", "is created again", is_back).await;
}

#[tokio::test]
async fn a_field_that_cannot_be_changed_is_explained_and_recreated_only_where_git_says_so() {
    let world = World::new("recreate").await;
    let first = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml"])),
        ("k8s/web.yaml", &deployment("web", "web:1")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let before = world.object("Deployment", "web").await;
    let other = deployment("web", "web:1").replace("app: web", "app: other");
    world.push_files(&[("k8s/web.yaml", &other)]);
    let app = world
        .wait_for_app("shop", "is refused", |app| {
            app.has_reason(ConditionType::Ready, Reason::ApplyFailed)
        })
        .await;
    assert!(app.story().contains("spec.selector"), "{}", app.story());
    assert!(app.story().contains("kargo.krampoline.io/recreate: allowed"), "{}", app.story());
    assert_eq!(world.deleted(), [""; 0]);

    let allowed = with_annotation(&other, "kargo.krampoline.io/recreate: allowed");
    let third = world.push_files(&[("k8s/web.yaml", &allowed)]);
    world.wait_until_deployed("shop", &third).await;
    let after = world.object("Deployment", "web").await;
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["spec"]["selector"]["matchLabels"]["app"], "other");
    assert_eq!(world.deleted(), ["deployments/web"]);
    let uid = before["metadata"]["uid"].as_str().expect("a uid");
    let events = world.events("shop").await;
    let told = events.iter().find(|(reason, _)| reason == EventReason::Recreated.as_str());
    let (_, note) = told.expect("an Event");
    for part in ["Deployment/web", uid, "spec.selector", &third] {
        assert!(note.contains(part), "{part} is missing in {note}");
    }
}

/// The pods go on, and so does what they have stored.
#[tokio::test]
async fn a_stateful_set_is_recreated_around_its_pods() {
    let world = World::new("recreate-stateful").await;
    let stateful = |size: &str| {
        format!(
            "apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: db
  annotations: {{kargo.krampoline.io/recreate: allowed}}
spec:
  serviceName: db
  selector:
    matchLabels:
      app: db
  template:
    metadata:
      labels:
        app: db
    spec:
      containers:
      - name: main
        image: db
  volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes:
      - ReadWriteOnce
      resources:
        requests:
          storage: {size}
"
        )
    };
    let first = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["db.yaml"])),
        ("k8s/db.yaml", &stateful("1Gi")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let uid = |object: Value| object["metadata"]["uid"].clone();
    let pod = uid(world.object("Pod", "db-0").await);
    let claim = uid(world.object("PersistentVolumeClaim", "data-db-0").await);
    let second = world.push_files(&[("k8s/db.yaml", &stateful("2Gi"))]);
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.deleted(), ["statefulsets/db"]);
    assert_eq!(uid(world.object("Pod", "db-0").await), pod);
    assert_eq!(uid(world.object("PersistentVolumeClaim", "data-db-0").await), claim);
}
