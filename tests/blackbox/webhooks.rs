//! A forge that says that there was a push: Kargo deploys it at once, whatever the interval. Who cannot sign causes
//! nothing, and learns nothing.

use std::time::Duration;

use kargo_tests::ports;
use kargo_tests::webhook::Sender;
use kargo_tests::world::wait::{assert_for, wait_for};
use kargo_tests::world::{DEADLINE, REPOSITORY, World};
use serde_json::{Value, json};

use crate::manifests::push_config_maps;

const CANARY: &str = "CANARY-7c2e51-webhook";

/// How long nothing must happen.
const QUIET: Duration = Duration::from_secs(3);

/// A world whose controller takes webhooks.
async fn world(name: &str, flags: &[&str]) -> (World, Sender) {
    let mut world = World::without_controller(name).await;
    let [port] = ports::free().expect("a port");
    let listen = format!("--webhook-listen=127.0.0.1:{port}");
    world.start_controller(&[&[listen.as_str()][..], flags].concat()).await;
    (world, Sender::to(port).expect("a client"))
}

fn secret(token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hook"},
        "stringData": {"token": token},
    })
}

/// An app that nobody would poll before the test is over.
fn hourly() -> Value {
    json!({"source": {"interval": "1h", "webhookSecretRef": {"name": "hook"}}})
}

#[tokio::test]
async fn a_signed_delivery_deploys_a_push_and_others_do_nothing() {
    let (mut world, sender) = world("webhook", &[]).await;
    world.objects.apply(&world.namespace, &secret(CANARY)).await.expect("a Secret");
    let first = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", hourly()).await;
    world.wait_until_deployed("shop", &first).await;
    let url = world.repository.url().to_owned();

    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = world.push("a push");
    world.git.reset_traffic(REPOSITORY);
    let elsewhere = "https://git.example/somewhere/else";
    for (repository, secret, expected) in [
        (url.as_str(), None, 401),
        (&url, Some("a guess"), 401),
        (elsewhere, Some("a guess"), 401),
        (elsewhere, Some(CANARY), 401),
    ] {
        let status = sender.say(repository, "1", secret).await.expect("an answer");
        assert_eq!(status, expected, "{repository} {secret:?}");
    }
    assert_for("git is not asked", QUIET, async || Ok(world.git.traffic(REPOSITORY).requests == 0))
        .await;

    assert_eq!(sender.say(&url, "1", Some(CANARY)).await.expect("an answer"), 202);
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(sender.say(&url, "1", Some(CANARY)).await.expect("an answer"), 200, "a replay");

    let (_, metrics) = world.controller().get("/metrics").await.expect("metrics");
    for (labels, count) in [
        (r#"kargo_webhook_requests_total{provider="github",result="queued"}"#, 1),
        (r#"kargo_webhook_requests_total{provider="github",result="repeated"}"#, 1),
        (r#"kargo_webhook_requests_total{provider="github",result="unauthorised"}"#, 4),
        ("kargo_webhook_triggers_total", 1),
    ] {
        assert!(metrics.contains(&format!("{labels} {count}\n")), "no {labels} {count}: {metrics}");
    }
    let shown = serde_json::to_string(&world.app("shop").await).expect("JSON");
    let events = format!("{:?}", world.events("shop").await);
    let log = world.controller().log_tail(usize::MAX);
    for text in [shown, events, log, metrics] {
        assert!(!text.contains(CANARY), "the secret is in: {text}");
    }
}

#[tokio::test]
async fn the_secret_of_the_installation_speaks_for_apps_without_one() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, "of the installation\n").expect("it can be written");
    let flag = format!("--webhook-secret-file={}", file.path().display());
    let (world, sender) = world("webhook-installation", &[&flag]).await;
    world.objects.apply(&world.namespace, &secret("of the app")).await.expect("a Secret");
    let first = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", json!({"source": {"interval": "1h"}})).await;
    world.wait_until_deployed("shop", &first).await;
    let url = world.repository.url().to_owned();
    let say = async |text: &str, secret: &str| {
        sender.say(&url, text, Some(secret)).await.expect("an answer")
    };

    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = world.push("a push");
    assert_eq!(say("1", "of the app").await, 401);
    assert_eq!(say("1", "of the installation").await, 202);
    world.wait_until_deployed("shop", &second).await;

    // An app with a secret of its own takes no other.
    world.apply_app_with("shop", hourly()).await;
    wait_for("the secret of the app counts", DEADLINE, async || {
        Ok((say("2", "of the app").await != 401).then_some(()))
    })
    .await;
    assert_eq!(say("3", "of the installation").await, 204);
    // Nobody watches this one, which only those are told who know the secret.
    let elsewhere = "https://git.example/somewhere/else";
    let status = sender.say(elsewhere, "4", Some("of the installation")).await;
    assert_eq!(status.expect("an answer"), 204);
}

#[tokio::test]
async fn a_missing_secret_is_told_to_the_app_and_counts_when_it_comes() {
    let (world, sender) = world("webhook-secret", &[]).await;
    let first = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", hourly()).await;
    world.wait_until_deployed("shop", &first).await;
    let url = world.repository.url().to_owned();
    assert_eq!(sender.say(&url, "1", Some("late")).await.expect("an answer"), 401);
    wait_for("an Event says what is missing", DEADLINE, async || {
        let events = format!("{:?}", world.events("shop").await);
        let told = events.contains("WebhookSecretUnusable")
            && events
                .contains("Secret hook, which spec.source.webhookSecretRef names, does not exist");
        Ok(told.then_some(()))
    })
    .await;

    world.objects.apply(&world.namespace, &secret("late")).await.expect("a Secret");
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = world.push("a push");
    wait_for("the new Secret counts", DEADLINE, async || {
        let status = sender.say(&url, "2", Some("late")).await?;
        Ok((status == 202).then_some(()))
    })
    .await;
    world.wait_until_deployed("shop", &second).await;
}

#[tokio::test]
async fn a_storm_for_one_repository_does_not_delay_another() {
    let (world, sender) = world("webhook-storm", &[]).await;
    world.objects.apply(&world.namespace, &secret("known to both")).await.expect("a Secret");
    let first = push_config_maps(&world, &["web"]);
    let loud = world.git.create_repository("team-b/loud.git").expect("a repository");
    world.apply_app_with("shop", hourly()).await;
    let mut noise = hourly();
    noise["source"]["repoURL"] = json!(loud);
    world.apply_app_with("loud", noise).await;
    world.wait_until_deployed("shop", &first).await;
    world.wait_for_app("loud", "was looked at", |app| app.status.is_some()).await;
    let url = world.repository.url().to_owned();

    world.git.reset_traffic("team-b/loud.git");
    let start = std::time::Instant::now();
    let storm = async {
        for wave in 0..40 {
            let said =
                (0..25).map(|number| {
                    let (sender, loud) = (&sender, &loud);
                    async move {
                        sender.say(loud, &format!("{wave}-{number}"), Some("known to both")).await
                    }
                });
            let statuses: Vec<_> = futures::future::join_all(said).await;
            assert!(statuses.iter().all(|each| matches!(each, Ok(202))), "{statuses:?}");
        }
    };
    let push = async {
        world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
        let second = world.push("a push amid the storm");
        assert_eq!(sender.say(&url, "1", Some("known to both")).await.expect("an answer"), 202);
        world.wait_until_deployed("shop", &second).await;
    };
    tokio::join!(storm, push);
    // Once at its begin and once in each window of two seconds; each look is two requests at most.
    let windows = start.elapsed().as_secs() / 2 + 2;
    let asked = world.git.traffic("team-b/loud.git").requests;
    assert!((1..=2 * windows).contains(&asked), "{asked} requests in {windows} windows");
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "2");
}
