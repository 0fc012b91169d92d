//! What leaves git leaves the cluster, and nothing else does.

use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::{Value, json};

use crate::manifests::{KUSTOMIZATION, config_map, deployment, kustomization, push_config_maps};

const GENERATOR: &str =
    "resources:\n- web.yaml\nconfigMapGenerator:\n- name: settings\n  files:\n  - settings.conf\n";

/// A Deployment that mounts the generated `ConfigMap` `settings`.
fn deployment_with_settings() -> String {
    deployment("web", "web")
        + "        volumeMounts:
        - name: settings
          mountPath: /etc/web
      volumes:
      - name: settings
        configMap:
          name: settings
"
}

fn mounted_settings(deployment: &Value) -> &str {
    deployment
        .pointer("/spec/template/spec/volumes/0/configMap/name")
        .and_then(Value::as_str)
        .expect("the Deployment mounts a ConfigMap")
}

#[tokio::test]
async fn a_changed_generated_config_map_replaces_the_old_one_after_the_rollout() {
    let world = World::new("generated").await;
    let first = world.push_files(&[
        (KUSTOMIZATION, GENERATOR),
        ("k8s/web.yaml", &deployment_with_settings()),
        ("k8s/settings.conf", "인사 = 안녕하세요\n"),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let old = mounted_settings(&world.object("Deployment", "web").await).to_owned();
    assert!(old.starts_with("settings-"), "{old}");
    assert_eq!(world.managed("ConfigMap").await, [old.as_str()]);
    let content = world.object("ConfigMap", &old).await["data"]["settings.conf"].clone();
    assert_eq!(content, "인사 = 안녕하세요\n");

    let second = world.push_files(&[("k8s/settings.conf", "인사 = 반갑습니다\n")]);
    world.wait_until_deployed("shop", &second).await;
    let new = mounted_settings(&world.object("Deployment", "web").await).to_owned();
    assert_ne!(new, old);
    world.wait_until_gone("ConfigMap", &old).await;
    assert_eq!(world.managed("ConfigMap").await, [new.as_str()]);

    // The order, by the API server's own account.
    let writes: Vec<(String, String)> = world
        .writes()
        .into_iter()
        .map(|event| (event.verb.clone(), event.object().name))
        .filter(|(_, name)| *name == old || *name == new)
        .collect();
    let position = |verb: &str, name: &str| {
        writes.iter().rposition(|(other, of)| other == verb && of == name).unwrap_or_else(|| {
            panic!("there is no {verb} of {name} among {writes:?}");
        })
    };
    assert!(position("patch", &new) < position("delete", &old), "{writes:?}");
}

#[tokio::test]
async fn a_key_of_string_data_that_leaves_git_leaves_the_cluster() {
    let secret = |rest: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\nstringData:\n  stays: 하나\n{rest}"
        )
    };
    let world = World::new("string-data").await;
    let first = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["keys.yaml"])),
        ("k8s/keys.yaml", &secret("  goes: two\n")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let live = world.object("Secret", "keys").await;
    assert_eq!(live["data"], json!({"stays": "7ZWY64KY", "goes": "dHdv"}));

    let second = world.push_files(&[("k8s/keys.yaml", &secret(""))]);
    world.wait_until_deployed("shop", &second).await;
    let live = world.object("Secret", "keys").await;
    assert_eq!(live["data"], json!({"stays": "7ZWY64KY"}));
}

#[tokio::test]
async fn a_field_that_leaves_git_leaves_the_object() {
    let world = World::new("field-leaves").await;
    let text = config_map("web", "1");
    let first = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml"])),
        ("k8s/web.yaml", &format!("{text}  other: \"2\"\n")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let second = world.push_files(&[("k8s/web.yaml", &text)]);
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.object("ConfigMap", "web").await["data"], json!({"value": "1"}));
}

#[tokio::test]
async fn without_prune_everything_stays() {
    let world = World::new("no-prune").await;
    let first = push_config_maps(&world, &["old", "web"]);
    world.apply_app_with("shop", json!({"sync": {"prune": false}})).await;
    world.wait_until_deployed("shop", &first).await;
    let second = push_config_maps(&world, &["web"]);
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.managed("ConfigMap").await, ["old", "web"]);
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn an_object_may_ask_to_stay() {
    let world = World::new("prune-disabled").await;
    let keep = config_map("old", "1").replace(
        "  name: old\n",
        "  name: old\n  annotations:\n    kargo.krampoline.io/prune: disabled\n",
    );
    let first = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml", "old.yaml"])),
        ("k8s/web.yaml", &config_map("web", "1")),
        ("k8s/old.yaml", &keep),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let second = world.push_files(&[(KUSTOMIZATION, &kustomization(&["web.yaml"]))]);
    world.wait_until_deployed("shop", &second).await;
    assert!(world.find("ConfigMap", "old").await.is_some());
    assert_eq!(world.deleted(), [""; 0]);
}

/// Good, then broken, then another good one without X, all within one poll.
#[tokio::test]
async fn what_left_git_by_way_of_a_broken_commit_is_pruned_exactly_once() {
    let world = World::new("good-broken-good").await;
    let first = push_config_maps(&world, &["old", "web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    world.push_files(&[("k8s/web.yaml", "data:\n\tx: y\n")]);
    world.remove("k8s/old.yaml");
    let third = push_config_maps(&world, &["web"]);
    world.wait_until_deployed("shop", &third).await;
    world.wait_until_gone("ConfigMap", "old").await;
    assert_eq!(world.deleted(), ["configmaps/old"]);
}

/// A pod that restarts reads its configuration again; it must still be there.
#[tokio::test]
async fn a_config_map_that_a_pod_still_mounts_waits_for_it() {
    let world = World::new("in-use").await;
    let first = push_config_maps(&world, &["settings", "unused", "web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"}, "spec": {
        "containers": [{"name": "main", "image": "i"}],
        "volumes": [{"name": "settings", "configMap": {"name": "settings"}}]}});
    world.objects.apply(&world.namespace, &pod).await.expect("it is accepted");

    let second = push_config_maps(&world, &["web"]);
    world.wait_until_gone("ConfigMap", "unused").await;
    let app = world
        .wait_for_app("shop", "says what waits", |app| {
            app.story().contains("still used by Pod reader")
        })
        .await;
    assert!(app.is_deployed(&second), "{}", app.story());
    assert!(world.find("ConfigMap", "settings").await.is_some());
    world.delete("Pod", "reader").await;
    world.wait_until_gone("ConfigMap", "settings").await;
    assert_eq!(world.deleted(), ["configmaps/unused", "configmaps/settings"]);
}
