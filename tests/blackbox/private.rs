//! Repositories that ask for a password: what the author is told, and where the password never shows.

use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::DesiredState;
use kargo_tests::git_server::Password;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::{REPOSITORY, World};
use serde_json::{Value, json};

use crate::manifests::push_config_maps;

const TOKEN: &str = "CANARY-3f1c9a-token";

async fn private_world(name: &str, flags: &[&str]) -> (World, String) {
    let mut world = World::without_controller(name).await;
    let commit = push_config_maps(&world, &["web"]);
    let password = Password { user: "deployer".to_owned(), password: TOKEN.to_owned() };
    world.git.set_password(REPOSITORY, Some(password));
    world.start_controller(flags).await;
    (world, commit)
}

fn secret(token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "git"},
        "stringData": {"username": "deployer", "password": token},
    })
}

#[tokio::test]
async fn each_step_to_a_private_repository_is_explained() {
    let (mut world, commit) = private_world("private", &["--allow-credentials-in-clear"]).await;
    world.apply_app("shop").await;
    let says = async |what: &str, reason: Reason, expected: &str| {
        let app = world
            .wait_for_app("shop", what, |app| {
                app.has_reason(ConditionType::Rendered, reason) && app.story().contains(expected)
            })
            .await;
        assert_eq!(
            app.status.and_then(|status| status.desired).map(|desired| desired.state),
            Some(DesiredState::Failed)
        );
    };
    says("asks for a token", Reason::SourceUnavailable, "spec.source.secretRef").await;

    world.apply_app_with("shop", json!({"source": {"secretRef": {"name": "git"}}})).await;
    says(
        "misses the Secret",
        Reason::InvalidSpec,
        "Secret git, which spec.source.secretRef names, does not exist",
    )
    .await;

    world.objects.apply(&world.namespace, &secret("wrong")).await.expect("a Secret");
    says("says that the token is wrong", Reason::SourceUnavailable, "wrong, expired or revoked")
        .await;

    // A changed Secret is used without a change of the KargoApp.
    world.objects.apply(&world.namespace, &secret(TOKEN)).await.expect("a Secret");
    let app = world.wait_until_deployed("shop", &commit).await;
    let shown = serde_json::to_string(&app).expect("JSON");
    let events = format!("{:?}", world.events("shop").await);
    let log = world.controller().log_tail(usize::MAX);
    for text in [shown, events, log] {
        assert!(!text.contains(TOKEN), "the token is in: {text}");
    }
}

#[tokio::test]
async fn a_token_does_not_travel_over_plain_http() {
    let (world, _) = private_world("private-http", &[]).await;
    world.objects.apply(&world.namespace, &secret(TOKEN)).await.expect("a Secret");
    world.apply_app_with("shop", json!({"source": {"secretRef": {"name": "git"}}})).await;
    let app = world
        .wait_for_app("shop", "says why the token is not sent", |app| app.story().contains("https"))
        .await;
    assert!(!app.story().contains(TOKEN));
}
