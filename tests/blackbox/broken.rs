//! Commits that cannot be deployed, or not all of them: each is explained where it is wrong, and
//! costs nobody what was there before.

use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::{CurrentState, DesiredState};
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::json;

use crate::manifests::{KUSTOMIZATION, config_map, kustomization, push_config_maps};

#[tokio::test]
async fn what_does_not_render_is_explained_with_file_line_and_column() {
    let web = "k8s/web.yaml";
    // What is pushed in place of a good file, and what the explanation has to say.
    let table = [
        (
            web,
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n\tvalue: x\n",
            vec!["k8s/web.yaml:6:1"],
        ),
        (
            web,
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n name: y\n",
            vec!["k8s/web.yaml:5:"],
        ),
        (
            web,
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nkind: Secret\n",
            vec!["k8s/web.yaml:5:", "kind"],
        ),
        (web, "FROM nginx\nCOPY . /srv\n", vec!["k8s/web.yaml"]),
        (web, "apiVersion: v1\nkind: ConfigMap\n", vec!["k8s/web.yaml", "name"]),
        (KUSTOMIZATION, "", vec!["k8s/kustomization.yaml"]),
        (
            KUSTOMIZATION,
            "resourcess:\n- web.yaml\n",
            vec!["k8s/kustomization.yaml:1:", "resources"],
        ),
        (KUSTOMIZATION, "resources: web.yaml\n", vec!["k8s/kustomization.yaml:1:"]),
        (
            KUSTOMIZATION,
            "resources:\n- web.yaml\n- web.yaml\n",
            vec!["ConfigMap/web", "k8s/web.yaml"],
        ),
    ];
    let world = World::new("does-not-render").await;
    let good = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &good).await;

    for (path, text, expected) in table {
        let before = world.repository.read(path).expect("the good file");
        let broken = world.push_files(&[(path, text)]);
        let app = world
            .wait_for_app("shop", &format!("explains {text:?}"), |app| {
                app.desired_is(DesiredState::Failed, &broken)
            })
            .await;
        for expected in expected {
            assert!(app.story().contains(expected), "no {expected} in: {}", app.story());
        }
        assert!(app.has_reason(ConditionType::Rendered, Reason::RenderFailed), "{app:?}");
        assert!(app.current_is(CurrentState::Succeeded, &good), "{:?}", app.current());
        world.write(path, &before);
    }
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "1");
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn a_folder_without_a_kustomization_file_is_told_what_to_write() {
    let world = World::new("no-kustomization").await;
    let commit = world.push_files(&[("k8s/web.yaml", &config_map("web", "1"))]);
    world.apply_app("shop").await;
    let app = world
        .wait_for_app("shop", "says what to write", |app| {
            app.desired_is(DesiredState::Failed, &commit)
        })
        .await;
    for expected in ["kustomization.yaml", "web.yaml"] {
        assert!(app.story().contains(expected), "no {expected} in: {}", app.story());
    }
    assert_eq!(world.managed("ConfigMap").await, [""; 0]);
}

/// An app that has `old` and `web`, and a commit that drops `old`, changes `web` and adds
/// `refused`, which cannot be applied: `web` is changed, `old` stays until all is well.
async fn one_bad_object_among_good_ones(name: &str, refused: &str, expected: &[&str]) {
    let world = World::new(name).await;
    let first = push_config_maps(&world, &["old", "web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;

    world.remove("k8s/old.yaml");
    let second = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml", "refused.yaml"])),
        ("k8s/web.yaml", &config_map("web", "2")),
        ("k8s/refused.yaml", refused),
    ]);
    let app = world
        .wait_for_app("shop", "names what was refused", |app| {
            app.current_is(CurrentState::Failed, &second)
                && app.has_reason(ConditionType::Applied, Reason::ApplyFailed)
        })
        .await;
    for expected in expected {
        assert!(app.story().contains(expected), "no {expected} in: {}", app.story());
    }
    assert!(!app.is(ConditionType::Ready));
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "2");
    assert_eq!(world.managed("ConfigMap").await, ["old", "web"], "nothing is pruned");

    world.remove("k8s/refused.yaml");
    let third = world.push_files(&[(KUSTOMIZATION, &kustomization(&["web.yaml"]))]);
    world.wait_until_deployed("shop", &third).await;
    world.wait_until_gone("ConfigMap", "old").await;
    assert_eq!(world.deleted(), ["configmaps/old"]);
}

#[tokio::test]
async fn an_unknown_kind_is_named_and_the_others_are_applied() {
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: knob\n";
    one_bad_object_among_good_ones("unknown-kind", widget, &["Widget", "example.com/v1"]).await;
}

#[tokio::test]
async fn an_invalid_object_is_named_and_the_others_are_applied() {
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: shop\nspec:\n  ports:\n  - port: 123456\n";
    one_bad_object_among_good_ones("invalid-object", service, &["Service/shop", "123456"]).await;
}

#[tokio::test]
async fn a_field_that_the_schema_does_not_have_is_named() {
    let map =
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: shop\nspec:\n  porst:\n  - port: 80\n";
    one_bad_object_among_good_ones("unknown-field", map, &["Service/shop", "porst"]).await;
}

/// No node has this label, so this pod stays pending.
const HOMELESS_POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: homeless
spec:
  nodeSelector:
    disk: golden
  containers:
  - name: main
    image: web
";

#[tokio::test]
async fn what_does_not_come_up_in_time_is_named() {
    let world = World::new("time-out").await;
    let first = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", json!({"sync": {"timeout": "3s"}})).await;
    world.wait_until_deployed("shop", &first).await;
    let second = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml", "pod.yaml"])),
        ("k8s/pod.yaml", HOMELESS_POD),
    ]);
    let app = world
        .wait_for_app("shop", "says that it took too long", |app| {
            app.current_is(CurrentState::Failed, &second)
                && app.has_reason(ConditionType::Healthy, Reason::TimedOut)
        })
        .await;
    assert!(app.story().contains("Pod/homeless"), "{}", app.story());

    // The next commit is not held up by it.
    let third = world.push_files(&[(KUSTOMIZATION, &kustomization(&["web.yaml"]))]);
    world.wait_until_deployed("shop", &third).await;
    world.wait_until_gone("Pod", "homeless").await;
}
