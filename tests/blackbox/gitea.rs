//! A real forge: private repositories with a token and with a deploy key, webhooks that it signs itself, and what
//! people read when something happens to their repository there. None of it ever prunes anything.

use kargo_api::KargoApp;
use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::CurrentState;
use kargo_tests::gitea::key::Key;
use kargo_tests::gitea::{Forged, Gitea, User};
use kargo_tests::ports;
use kargo_tests::repository::Repository;
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::{Value, json};

use crate::manifests::{KUSTOMIZATION, config_map, kustomization};

/// A world, and a user of the forge who is named like its namespace.
async fn world(name: &str, flags: &[&str]) -> (World, User) {
    let mut world = World::without_controller(name).await;
    world.start_controller(&[&["--allow-credentials-in-clear"][..], flags].concat()).await;
    let gitea = Gitea::shared().await.unwrap_or_else(|error| panic!("no Gitea: {error:#}"));
    let user = gitea.create_user(&world.namespace).await.expect("a user");
    (world, user)
}

/// A repository on the forge, and a clone of it with one commit.
struct Project {
    forged: Forged,
    clone: Repository,
}

impl Project {
    async fn create(user: &User, is_private: bool) -> (Self, String) {
        let forged = user.create_repository("shop", is_private).await.expect("a repository");
        let mut clone = Repository::new(&forged.url()).expect("a clone");
        clone.set_password(Some(&user.password()));
        clone.write(KUSTOMIZATION, kustomization(&["web.yaml"])).expect("a file");
        clone.write("k8s/web.yaml", config_map("web", "1")).expect("a file");
        let commit = clone.commit_and_push("first").expect("a push");
        (Self { forged, clone }, commit)
    }

    fn push(&self, from: &str, to: &str) -> String {
        self.clone.replace("k8s/web.yaml", from, to).expect("a change");
        self.clone.commit_and_push("a change").expect("a push")
    }
}

async fn give(world: &World, name: &str, data: Value) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data,
    });
    world.objects.apply(&world.namespace, &secret).await.expect("a Secret");
}

async fn follow(world: &World, repo_url: &str, source: Value) {
    let mut spec = json!({"source": {"repoURL": repo_url}});
    for (key, value) in source.as_object().expect("an object") {
        spec["source"][key] = value.clone();
    }
    world.apply_app_with("shop", spec).await;
}

/// Waits until all of these words stand in the status, and sees that what is deployed stays.
async fn says(world: &World, what: &str, reason: Reason, words: &[&str], commit: &str) -> KargoApp {
    let app = world
        .wait_for_app("shop", what, |app| {
            app.has_reason(ConditionType::Rendered, reason)
                && words.iter().all(|word| app.story().contains(word))
        })
        .await;
    assert!(app.current_is(CurrentState::Succeeded, commit), "{:?}", app.current());
    assert_eq!(world.managed("ConfigMap").await, ["web"]);
    assert_eq!(world.deleted(), [""; 0]);
    app
}

#[tokio::test]
async fn a_private_repository_is_entered_with_a_token_until_it_is_revoked() {
    let (world, user) = world("gitea-token", &[]).await;
    let (project, first) = Project::create(&user, true).await;
    let token = user.create_token("deployer", &["read:repository"]).await.expect("a token");
    give(&world, "git", json!({"username": user.name, "password": token})).await;
    follow(&world, &project.forged.url(), json!({"secretRef": {"name": "git"}})).await;
    world.wait_until_deployed("shop", &first).await;

    user.revoke_token("deployer").await.expect("it is revoked");
    let words = ["wrong, expired or revoked", "spec.source.secretRef"];
    says(&world, "says that the token is bad", Reason::SourceUnavailable, &words, &first).await;

    let token = user.create_token("deployer-2", &["read:repository"]).await.expect("a token");
    give(&world, "git", json!({"username": user.name, "password": token})).await;
    let second = project.push("\"1\"", "\"2\"");
    world.wait_until_deployed("shop", &second).await;
}

#[tokio::test]
async fn a_private_repository_is_entered_with_a_deploy_key() {
    let (world, user) = world("gitea-key", &[]).await;
    let (project, first) = Project::create(&user, true).await;
    let gitea = Gitea::shared().await.expect("it runs");
    let key = Key::generate().expect("a key");
    let ours = |known_hosts: String| json!({"identity": key.private, "known_hosts": known_hosts});
    give(&world, "git", ours(gitea.known_hosts())).await;
    follow(&world, &project.forged.ssh_url(), json!({"secretRef": {"name": "git"}})).await;
    // Not added yet.
    world
        .wait_for_app("shop", "says that the key opens nothing", |app| {
            app.has_reason(ConditionType::Rendered, Reason::SourceUnavailable)
                && app.story().contains("deploy key")
        })
        .await;

    project.forged.add_deploy_key(&key).await.expect("a deploy key");
    world.wait_until_deployed("shop", &first).await;
    let second = project.push("\"1\"", "\"2\"");
    world.wait_until_deployed("shop", &second).await;

    // A server that is not the known one is not talked to.
    let other = Key::generate().expect("a key");
    let known_hosts = gitea.known_hosts();
    let (host, _) = known_hosts.split_once(' ').expect("a host and a key");
    give(&world, "git", ours(format!("{host} {}\n", other.public))).await;
    let words = ["shows a key that is not the known one"];
    says(&world, "says that the key changed", Reason::SourceUnavailable, &words, &second).await;
}

#[tokio::test]
async fn a_webhook_that_the_forge_signs_deploys_a_push() {
    let [port] = ports::free().expect("a port");
    let listen = format!("--webhook-listen=127.0.0.1:{port}");
    let (mut world, user) = world("gitea-webhook", &[&listen]).await;
    let (project, first) = Project::create(&user, false).await;
    let hourly = json!({"interval": "1h", "webhookSecretRef": {"name": "hook"}});
    give(&world, "hook", json!({"token": "known to both"})).await;
    follow(&world, &project.forged.url(), hourly).await;
    world.wait_until_deployed("shop", &first).await;

    let url = format!("http://127.0.0.1:{port}/hooks/gitea");
    project.forged.add_webhook(&url, "known to both").await.expect("a webhook");
    let second = project.push("\"1\"", "\"2\"");
    world.wait_until_deployed("shop", &second).await;

    // Over SSH it is the same repository.
    let key = Key::generate().expect("a key");
    project.forged.add_deploy_key(&key).await.expect("a deploy key");
    let known_hosts = Gitea::shared().await.expect("it runs").known_hosts();
    give(&world, "git", json!({"identity": key.private, "known_hosts": known_hosts})).await;
    let source = json!({
        "interval": "1h",
        "webhookSecretRef": {"name": "hook"},
        "secretRef": {"name": "git"},
    });
    follow(&world, &project.forged.ssh_url(), source).await;
    world.wait_for_app("shop", "is looked at again", |app| app.is_deployed(&second)).await;
    let third = project.push("\"2\"", "\"3\"");
    world.wait_until_deployed("shop", &third).await;
    let (_, metrics) = world.controller().get("/metrics").await.expect("metrics");
    assert!(metrics.contains(r#"{provider="gitea",result="queued"}"#), "{metrics}");
    assert!(!metrics.contains("unauthorised"), "{metrics}");
}

#[tokio::test]
async fn branches_that_go_are_named_with_those_that_are_there() {
    let (world, user) = world("gitea-branches", &[]).await;
    let (project, first) = Project::create(&user, false).await;
    project.clone.switch("release").expect("a branch");
    project.clone.push().expect("a push");
    follow(&world, &project.forged.url(), json!({"branch": "release"})).await;
    world.wait_until_deployed("shop", &first).await;

    project.forged.delete_branch("release").await.expect("it is deleted");
    let words = ["has no branch `release`", "`main` (the default)", "spec.source.branch"];
    says(&world, "names the branches", Reason::BranchMissing, &words, &first).await;

    follow(&world, &project.forged.url(), json!({"branch": "main"})).await;
    world.wait_until_deployed("shop", &first).await;
    project.forged.rename_branch("main", "trunk").await.expect("it is renamed");
    let words = ["has no branch `main`", "`trunk` (the default)", "spec.source.branch"];
    says(&world, "names the new default", Reason::BranchMissing, &words, &first).await;

    follow(&world, &project.forged.url(), json!({"branch": "trunk"})).await;
    world.wait_until_deployed("shop", &first).await;
}

#[tokio::test]
async fn a_repository_that_becomes_private_asks_for_credentials() {
    let (world, user) = world("gitea-private", &[]).await;
    let (mut project, first) = Project::create(&user, false).await;
    follow(&world, &project.forged.url(), json!({})).await;
    world.wait_until_deployed("shop", &first).await;

    project.forged.edit(json!({"private": true})).await.expect("it is private");
    let words = ["private", "spec.source.secretRef"];
    says(&world, "asks for credentials", Reason::SourceUnavailable, &words, &first).await;

    project.forged.edit(json!({"private": false})).await.expect("it is public");
    let second = project.push("\"1\"", "\"2\"");
    world.wait_until_deployed("shop", &second).await;
}

#[tokio::test]
async fn a_repository_that_is_renamed_is_followed_where_the_forge_leads() {
    let (world, user) = world("gitea-renamed", &[]).await;
    let (mut project, first) = Project::create(&user, false).await;
    follow(&world, &project.forged.url(), json!({})).await;
    world.wait_until_deployed("shop", &first).await;

    project.forged.edit(json!({"name": "store"})).await.expect("it is renamed");
    let second = project.push("\"1\"", "\"2\"");
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn an_archived_repository_stays_deployed() {
    let (world, user) = world("gitea-archived", &[]).await;
    let (mut project, _) = Project::create(&user, false).await;
    let second = project.push("\"1\"", "\"2\"");
    project.forged.edit(json!({"archived": true})).await.expect("it is archived");
    follow(&world, &project.forged.url(), json!({})).await;
    world.wait_until_deployed("shop", &second).await;
}

#[tokio::test]
async fn a_repository_that_is_emptied_is_no_empty_desired_state() {
    let (world, user) = world("gitea-emptied", &[]).await;
    let (project, first) = Project::create(&user, false).await;
    follow(&world, &project.forged.url(), json!({})).await;
    world.wait_until_deployed("shop", &first).await;

    project.forged.begin_anew().await.expect("it is empty");
    let words = ["has no commit"];
    says(&world, "says that it is empty", Reason::BranchMissing, &words, &first).await;

    project.clone.push().expect("a push");
    world.wait_until_deployed("shop", &first).await;
}

#[tokio::test]
async fn a_repository_that_is_not_there_may_be_private() {
    let (world, user) = world("gitea-missing", &[]).await;
    let (project, first) = Project::create(&user, false).await;
    follow(&world, &project.forged.url(), json!({})).await;
    world.wait_until_deployed("shop", &first).await;
    let url = project.forged.url().replace("/shop.git", "/nowhere.git");
    follow(&world, &url, json!({})).await;
    let words =
        ["it is private, or it does not exist", "Check the address", "spec.source.secretRef"];
    says(&world, "says both possibilities", Reason::SourceUnavailable, &words, &first).await;
}
