//! The story that the demo tells.

use kargo_api::reasons::ConditionType;
use kargo_api::reasons::{EventReason, Reason};
use kargo_api::status::{CurrentState, DesiredState, HealthSummary};
use kargo_tests::sample;
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::{Value, json};

async fn reasons(world: &World) -> Vec<String> {
    world.events("shop").await.into_iter().map(|(reason, _)| reason).collect()
}

fn has(reasons: &[String], reason: EventReason) -> bool {
    reasons.iter().any(|each| each == reason.as_str())
}

#[tokio::test]
async fn from_the_first_push_to_the_last() {
    let world = World::new("story").await;

    // Deployed and healthy.
    world.repository.copy(&sample::krampoline(), ".").expect("the sample is there");
    let first = world.push("the sample");
    world.apply_app("shop").await;
    let app = world.wait_until_deployed("shop", &first).await;
    let status = app.status.clone().expect("it has a status");
    assert_eq!(status.health, Some(HealthSummary::Healthy));
    let counts = status.objects.expect("objects are counted");
    assert_eq!(usize::try_from(counts.desired).ok(), Some(sample::KRAMPOLINE_OBJECTS));
    assert_eq!(counts.healthy, counts.desired);
    assert!(first.starts_with(&status.short_revision.expect("a revision for the column")));
    assert_eq!(world.managed("Deployment").await, ["backend", "frontend", "nginx"]);
    assert_eq!(world.managed("StatefulSet").await, ["mariadb"]);
    assert_eq!(world.managed("Service").await, ["backend", "frontend", "mariadb", "nginx"]);
    assert_eq!(world.managed("Ingress").await, ["shop"]);
    assert_eq!(world.managed("ConfigMap").await.len(), 2);
    assert!(has(&reasons(&world).await, EventReason::Deployed));

    // Redeployed by a push.
    world.replace("k8s/frontend.yaml", "bakery/frontend", "bakery/frontend:2");
    let second = world.push("a new image");
    world.wait_until_deployed("shop", &second).await;
    let frontend = world.object("Deployment", "frontend").await;
    let image = frontend.pointer("/spec/template/spec/containers/0/image");
    assert_eq!(image, Some(&json!("registry.example.com/bakery/frontend:2")));

    // A hand edit is put back.
    let replicas = |object: &Value| object["spec"]["replicas"].clone();
    world.edit("Deployment", "backend", json!({"spec": {"replicas": 5}})).await;
    world
        .wait_for_object("Deployment", "backend", "has one replica again", |object| {
            replicas(object) == 1
        })
        .await;
    let old = world.object("Service", "backend").await;
    world.delete("Service", "backend").await;
    world
        .wait_for_object("Service", "backend", "is there again", |object| {
            object["metadata"]["uid"] != old["metadata"]["uid"]
        })
        .await;
    assert!(world.deleted().is_empty(), "putting back deletes nothing: {:?}", world.deleted());

    // What left git is pruned.
    world.remove("k8s/ingress.yaml");
    world.replace("k8s/kustomization.yaml", "- ingress.yaml\n", "");
    let third = world.push("without the Ingress");
    world.wait_until_deployed("shop", &third).await;
    world.wait_until_gone("Ingress", "shop").await;
    assert_eq!(world.deleted(), ["ingresses/shop"]);

    // A broken push is explained, and the last good state stays.
    world.replace("k8s/backend.yaml", "    spec:\n", "\t spec:\n");
    let fourth = world.push("a tab");
    let app = world
        .wait_for_app("shop", "explains the broken push", |app| {
            app.desired_is(DesiredState::Failed, &fourth)
        })
        .await;
    assert!(app.current_is(CurrentState::Succeeded, &third), "{:?}", app.current());
    assert!(app.has_reason(ConditionType::Rendered, Reason::RenderFailed), "{app:?}");
    assert!(app.story().contains("k8s/backend.yaml:14:1"), "{}", app.story());
    assert_eq!(world.managed("Deployment").await, ["backend", "frontend", "nginx"]);

    // And repaired by the next one.
    world.replace("k8s/backend.yaml", "\t spec:\n", "    spec:\n");
    let fifth = world.push("no tab");
    world.wait_until_deployed("shop", &fifth).await;

    let reasons = reasons(&world).await;
    for reason in [EventReason::DriftRepaired, EventReason::Pruned, EventReason::RenderFailed] {
        assert!(has(&reasons, reason), "no Event {reason} among {reasons:?}");
    }
    assert_eq!(world.deleted(), ["ingresses/shop"]);
}
