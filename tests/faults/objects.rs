//! F26, F42, F43, F52, F53: objects and commits that are hard to swallow. Only they fail.

use std::fmt::Write as _;
use std::time::Duration;

use kargo_api::reasons::{ConditionType, Reason};
use kargo_tests::faults::{Scene, oracles};
use kargo_tests::manifests::{
    KUSTOMIZATION, config_map, deployment, kustomization, push_config_maps,
};
use kargo_tests::world::app::AppExt as _;
use serde_json::{Value, json};

#[tokio::test]
async fn f26_a_commit_that_breaks_changes_nothing_and_holds_up_nobody() {
    let mut scene = Scene::new("broken-file").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    let other = scene.create_namespace("other").await;
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let writes = oracles::counts(&scene);
    scene.write("good/kustomization.yaml", &kustomization(&["web.yaml"]));
    scene.write("good/web.yaml", &config_map("web", "2"));
    scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["new.yaml", "web.yaml"])),
        ("k8s/new.yaml", &config_map("new", "1")),
        ("k8s/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: web\n"),
    ]);
    scene.sync("shop").await;
    let app = scene
        .wait_for_app("shop", "names file and line", |app| {
            app.has_reason(ConditionType::Rendered, Reason::RenderFailed)
        })
        .await;
    assert!(app.story().contains("k8s/web.yaml:4"), "{}", app.story());
    let good = json!({"source": {"path": "good"}, "targetNamespace": other});
    scene.apply_app_with("good", good).await;
    let commit = scene.repository.head().expect("a commit");
    scene.wait_until_deployed("good", &commit).await;
    assert_eq!(oracles::counts(&scene), writes, "all of a commit, or nothing");
    oracles::clean(&mut scene, None).await.expect("clean");
}

#[tokio::test]
async fn f42_lists_whose_keys_are_defaulted_are_taken_and_then_left_alone() {
    let scene = Scene::new("odd-lists").await;
    let service = |port: u32| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: dns\nspec:\n  selector: {{app: web}}\n  ports:\n  - {{name: udp, port: {port}, protocol: UDP}}\n  - {{name: tcp, port: {port}, protocol: TCP}}\n  - {{name: web, port: 80}}\n"
        )
    };
    let first = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["dns.yaml", "web.yaml"])),
        ("k8s/dns.yaml", &service(53)),
        ("k8s/web.yaml", &deployment("web", "web:1")),
    ]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("it is not drift");

    // A port changes its number under the same name.
    let second = scene.push_files(&[("k8s/dns.yaml", &service(5353))]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    let dns = scene.object("Service", "dns").await;
    let ports: Vec<&Value> =
        dns["spec"]["ports"].as_array().into_iter().flatten().map(|port| &port["port"]).collect();
    assert_eq!(ports, [&json!(5353), &json!(5353), &json!(80)]);
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("it is not drift");
}

#[tokio::test]
async fn f42_a_doubled_key_is_taken_or_is_one_named_error_that_is_not_tried_for_ever() {
    let scene = Scene::new("doubled").await;
    let doubled = deployment("web", "web:1").replace(
        "        image: web:1\n",
        "        image: web:1\n        env:\n        - {name: A, value: \"1\"}\n        - {name: A, value: \"2\"}\n",
    );
    scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["map.yaml", "web.yaml"])),
        ("k8s/map.yaml", &config_map("map", "1")),
        ("k8s/web.yaml", &doubled),
    ]);
    scene.apply_app("shop").await;
    let app = scene
        .wait_for_app("shop", "is done with it", |app| {
            app.is(ConditionType::Ready)
                || app.has_reason(ConditionType::Applied, Reason::ApplyFailed)
        })
        .await;
    assert!(scene.find("ConfigMap", "map").await.is_some());
    if app.is(ConditionType::Ready) {
        let web = scene.object("Deployment", "web").await;
        let variables = &web["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(*variables, json!([{"name": "A", "value": "2"}]), "the last one wins");
        return;
    }
    for expected in ["Deployment/web", "k8s/web.yaml:", "env"] {
        assert!(app.story().contains(expected), "no {expected} in: {}", app.story());
    }
    let attempts = || {
        let recorded = scene.proxy.recorded().into_iter();
        recorded.filter(|recorded| recorded.call.to_string() == "patch deployments web").count()
    };
    let before = attempts();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(attempts() - before <= 1, "nothing changes before somebody corrects it");
}

#[tokio::test]
async fn f43_an_object_without_its_managed_fields_is_made_ours_again() {
    let scene = Scene::new("fields-stripped").await;
    let first = push_config_maps(&scene, &["web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    let before = scene.object("ConfigMap", "web").await;
    scene.edit("ConfigMap", "web", json!({"metadata": {"managedFields": [{}]}})).await;
    let owned = |object: &Value| {
        let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
        entries.clone().any(|entry| entry["manager"] == "kargo" && entry["operation"] == "Apply")
    };
    let after = scene.wait_for_object("ConfigMap", "web", "is owned again", owned).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["data"], before["data"]);
}

#[tokio::test]
async fn f43_a_big_object_is_deployed_and_one_that_is_too_big_is_named() {
    let scene = Scene::new("big").await;
    let big = |name: &str, bytes: usize| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  text: {}\n",
            "x".repeat(bytes)
        )
    };
    scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["big.yaml", "huge.yaml", "web.yaml"])),
        ("k8s/big.yaml", &big("big", 1_000_000)),
        ("k8s/huge.yaml", &big("huge", 1_200_000)),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    scene.apply_app("shop").await;
    let app = scene
        .wait_for_app("shop", "names the one that is too big", |app| {
            app.has_reason(ConditionType::Applied, Reason::ApplyFailed)
        })
        .await;
    assert!(app.story().contains("ConfigMap/huge"), "{}", app.story());
    assert!(app.story().len() < 20_000, "an error of {} bytes", app.story().len());
    let object = scene.object("ConfigMap", "big").await;
    let annotations = &object["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/last-applied-configuration"].is_null());
    assert!(scene.find("ConfigMap", "web").await.is_some());
}

#[tokio::test]
async fn f43_many_objects_in_one_app() {
    let mut scene = Scene::new("many").await;
    let all = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-";
    let text = (0..1000).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{all}{number}\n---");
        text
    });
    let commit = scene
        .push_files(&[(KUSTOMIZATION, &kustomization(&["all.yaml"])), ("k8s/all.yaml", &text)]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &commit).await;
    assert_eq!(scene.managed("ConfigMap").await.len(), 1000);
    let status = serde_json::to_string(&scene.app("shop").await.status).expect("JSON");
    assert!(status.len() < 10_000, "a status of {} bytes", status.len());
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    let writes = |scene: &Scene| {
        let writes = scene.writes().into_iter();
        writes.filter(|event| event.object().resource != "leases").count()
    };
    let before = writes(&scene);
    scene.crash_and_wait().await;
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    assert_eq!(writes(&scene), before, "a restart writes nothing but its Lease");
}

#[tokio::test]
async fn f52_poison_in_live_objects_hurts_nobody() {
    let mut scene = Scene::new("poison").await;
    let first = push_config_maps(&scene, &["old", "web"]);
    scene.apply_app("shop").await;
    scene.wait_until_deployed("shop", &first).await;
    // Whatever is legal: long annotations, control characters, keys that look like paths.
    let poison = json!({
        "metadata": {
            "annotations": {
                "a/b": "\u{0}\u{1b}[31m\u{202e}", "long": "y".repeat(200_000), "empty": "",
                "kargo.krampoline.io/digest.x": "~1~0", "json": "{\"a\":",
            },
            "labels": {"odd": "", "kargo.krampoline.io.example/app": "x"},
        },
        "data": {"a.b_c-d": "\u{feff}", "0": "null"},
        "binaryData": {"bytes": "//79AA=="},
    });
    scene.edit("ConfigMap", "web", poison).await;
    scene.crash_and_wait().await;
    let second = push_config_maps(&scene, &["web", "new"]);
    scene.sync("shop").await;
    scene.wait_until_deployed("shop", &second).await;
    scene.wait_until_gone("ConfigMap", "old").await;
    let web = scene.object("ConfigMap", "web").await;
    assert_eq!(web["metadata"]["annotations"]["json"], "{\"a\":", "it is left alone");
    oracles::becomes_quiet(&scene, Duration::from_secs(2)).await.expect("quiet");
    oracles::clean(&mut scene, None).await.expect("clean");
    oracles::invariants(&scene, &["configmaps/old"]).expect("invariants");
}

#[tokio::test]
async fn f53_a_quota_that_is_used_up_is_named_and_heals() {
    let scene = Scene::new("quota").await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {"count/secrets": "0"}}});
    scene.objects.apply(&scene.namespace, &quota).await.expect("a quota");
    let is_set = |quota: &Value| quota["status"]["hard"]["count/secrets"].is_string();
    scene.wait_for_object("ResourceQuota", "few", "is in force", is_set).await;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\n";
    let commit = scene.push_files(&[
        (KUSTOMIZATION, &kustomization(&["keys.yaml", "web.yaml"])),
        ("k8s/keys.yaml", secret),
        ("k8s/web.yaml", &config_map("web", "1")),
    ]);
    scene.apply_app("shop").await;
    let app = scene
        .wait_for_app("shop", "names the Secret", |app| {
            app.has_reason(ConditionType::Applied, Reason::ApplyFailed)
        })
        .await;
    assert!(app.story().contains("Secret/keys"), "{}", app.story());
    assert!(scene.find("ConfigMap", "web").await.is_some(), "the others are applied");
    scene.delete("ResourceQuota", "few").await;
    scene.wait_until_deployed("shop", &commit).await;
}
