//! What people see with kubectl.

use kargo_tests::cluster::stages::ADDRESS_ANNOTATION;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, World};

use crate::manifests::{KUSTOMIZATION, kustomization, load_balancer, push_config_maps};

#[tokio::test]
async fn kubectl_can_wait_for_it() {
    let world = World::new("kubectl-wait").await;
    push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    let wait = ["wait", "--for=condition=Ready", "kargoapp/shop", "--timeout=60s"];
    let answer = world.run_kubectl(&wait).expect("it becomes Ready");
    assert_eq!(answer.trim(), "kargoapp.kargo.krampoline.io/shop condition met");
}

#[tokio::test]
async fn the_table_shows_both_states_health_and_the_message() {
    let world = World::new("kubectl-get").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    let app = world.wait_until_deployed("shop", &commit).await;
    let table = world.run_kubectl(&["get", "kargoapps"]).expect("a table");
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        lines.next().expect("a header"),
        ["NAME", "DESIRED", "CURRENT", "REVISION", "HEALTH", "URL", "AGE"]
    );
    let row = lines.next().expect("a row");
    assert_eq!(row[..3], ["shop", "Succeeded", "Succeeded"]);
    assert!(commit.starts_with(row[3]) && row[3].len() >= 7, "{row:?}");
    assert_eq!(row[4], "Healthy");

    let wide = world.run_kubectl(&["get", "ka", "--output=wide"]).expect("a table");
    let message = app.status.and_then(|status| status.message).expect("a message");
    assert!(wide.contains("MESSAGE") && wide.contains(&message), "{wide}");
}

#[tokio::test]
async fn explain_reads_like_documentation() {
    let world = World::without_controller("kubectl-explain").await;
    // The API server publishes the schema of a new definition a little later.
    let spec = wait_for("kubectl explains kargoapp.spec", DEADLINE, async || {
        world.run_kubectl(&["explain", "kargoapp.spec"]).map(Some)
    })
    .await;
    for field in ["source", "targetNamespace", "sync", "deletionPolicy"] {
        assert!(spec.contains(field), "no {field} in: {spec}");
    }
    assert!(!spec.contains("<no description>") && !spec.contains("<empty>"), "{spec}");
    for field in ["source", "sync"] {
        let path = format!("kargoapp.spec.{field}");
        let text = world.run_kubectl(&["explain", &path]).expect("an explanation");
        assert!(!text.contains("<no description>") && !text.contains("<empty>"), "{text}");
    }
}

#[tokio::test]
async fn external_addresses_are_shown_and_their_lack_holds_nothing_back() {
    let world = World::new("addresses").await;
    let first = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["waiting.yaml"])),
        ("k8s/waiting.yaml", &load_balancer("waiting", "{}")),
    ]);
    world.apply_app("shop").await;
    let app = world.wait_until_deployed("shop", &first).await;
    assert_eq!(app.status.expect("a status").urls, [""; 0]);

    let annotation = format!("{{{ADDRESS_ANNOTATION}: 203.0.113.7}}");
    let second = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["waiting.yaml", "web.yaml"])),
        ("k8s/web.yaml", &load_balancer("web", &annotation)),
    ]);
    world.wait_until_deployed("shop", &second).await;
    world
        .wait_for_app("shop", "shows the address", |app| {
            let url = app.status.as_ref().and_then(|status| status.url.as_deref());
            url.is_some_and(|url| url.contains("203.0.113.7"))
        })
        .await;
}
