//! Git that cannot be asked, and commits that lack what the app asks for. None of it is ever an
//! empty desired state: what is deployed stays and is kept.

use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::{CurrentState, DesiredState};
use kargo_tests::git_server::{Behaviour, Password};
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::{REPOSITORY, World};
use serde_json::json;

use crate::manifests::{KUSTOMIZATION, config_map, kustomization, push_config_maps};

#[tokio::test]
async fn a_missing_branch_is_answered_with_those_there_are() {
    let world = World::new("missing-branch").await;
    push_config_maps(&world, &["web"]);
    for branch in ["develop", "feature/cart"] {
        world.repository.switch(branch).expect("a branch");
        world.repository.push().expect("a push");
    }
    world.apply_app_with("shop", json!({"source": {"branch": "mian"}})).await;
    let app = world
        .wait_for_app("shop", "says that the branch is missing", |app| {
            app.has_reason(ConditionType::Rendered, Reason::BranchMissing)
        })
        .await;
    for expected in ["mian", "main", "develop", "feature/cart"] {
        assert!(app.story().contains(expected), "no {expected} in: {}", app.story());
    }
}

#[tokio::test]
async fn a_branch_that_goes_takes_nothing_with_it() {
    let world = World::new("branch-goes").await;
    let commit = push_config_maps(&world, &["web", "api"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    world.repository.switch("develop").expect("a branch");
    world.repository.push().expect("a push");
    world.repository.delete_branch("main").expect("it can be deleted");
    let app = world
        .wait_for_app("shop", "says that the branch is missing", |app| {
            app.has_reason(ConditionType::Rendered, Reason::BranchMissing)
        })
        .await;
    assert!(app.current_is(CurrentState::Succeeded, &commit), "{:?}", app.current());
    assert_eq!(world.managed("ConfigMap").await, ["api", "web"]);
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn a_missing_folder_is_named_and_takes_nothing_with_it() {
    let world = World::new("missing-folder").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    world.repository.git(&["mv", "k8s", "kubernetes"]).expect("a renamed folder");
    let renamed = world.push("renamed");
    let app = world
        .wait_for_app("shop", "says that the folder is missing", |app| {
            app.desired_is(DesiredState::Failed, &renamed)
        })
        .await;
    assert!(app.story().contains("k8s"), "{}", app.story());
    assert_eq!(world.managed("ConfigMap").await, ["web"]);
    assert_eq!(world.deleted(), [""; 0]);

    world.apply_app_with("shop", json!({"source": {"path": "kubernetes"}})).await;
    world.wait_until_deployed("shop", &renamed).await;
}

#[tokio::test]
async fn a_missing_file_is_named_with_the_nearest_that_there_is() {
    let world = World::new("missing-file").await;
    let commit = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["backend.yaml", "frontenn.yaml"])),
        ("k8s/backend.yaml", &config_map("backend", "1")),
        ("k8s/frontend.yaml", &config_map("frontend", "1")),
    ]);
    world.apply_app("shop").await;
    let app = world
        .wait_for_app("shop", "says that the file is missing", |app| {
            app.desired_is(DesiredState::Failed, &commit)
        })
        .await;
    let story = app.story();
    for expected in ["k8s/kustomization.yaml:3:", "frontenn.yaml", "frontend.yaml"] {
        assert!(story.contains(expected), "no {expected} in: {story}");
    }
    assert_eq!(world.managed("ConfigMap").await, [""; 0], "all of a commit, or nothing");
}

#[tokio::test]
async fn git_down_does_not_stop_the_keeping_and_shows() {
    let mut world = World::new("git-down").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;

    world.git.stop();
    let app = world
        .wait_for_app("shop", "says that git cannot be asked", |app| {
            app.has_reason(ConditionType::Rendered, Reason::SourceUnavailable)
        })
        .await;
    assert!(app.current_is(CurrentState::Succeeded, &commit), "{:?}", app.current());
    world.edit("ConfigMap", "web", json!({"data": {"value": "by hand"}})).await;
    world
        .wait_for_object("ConfigMap", "web", "is put back while git is down", |object| {
            object["data"]["value"] == "1"
        })
        .await;

    // Also after a restart, when nothing is known of the desired state.
    world.controller().restart().expect("it starts again");
    world.controller().wait_until_ready(kargo_tests::world::DEADLINE).await.expect("it is ready");
    world
        .wait_for_app("shop", "still says so", |app| {
            app.has_reason(ConditionType::Rendered, Reason::SourceUnavailable)
        })
        .await;
    assert_eq!(world.managed("ConfigMap").await, ["web"]);

    world.git.restart().expect("it comes up again");
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let commit = world.push("git is up again");
    world.wait_until_deployed("shop", &commit).await;
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn errors_of_the_git_server_are_errors_and_not_an_empty_repository() {
    let world = World::new("git-errors").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let is_unavailable = |app: &kargo_api::KargoApp| {
        app.has_reason(ConditionType::Rendered, Reason::SourceUnavailable)
    };

    for status in [500, 404] {
        world.git.set_behaviour(REPOSITORY, Behaviour::Fails(status));
        world.wait_for_app("shop", "says that git fails", is_unavailable).await;
        world.git.set_behaviour(REPOSITORY, Behaviour::Works);
        world.wait_until_deployed("shop", &commit).await;
    }
    let password = Password { user: "kim".to_owned(), password: "s3cret".to_owned() };
    world.git.set_password(REPOSITORY, Some(password));
    world.wait_for_app("shop", "says that a password is needed", is_unavailable).await;
    world.git.set_password(REPOSITORY, None);
    world.wait_until_deployed("shop", &commit).await;
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn a_git_server_that_never_answers_delays_no_other_app() {
    let world = World::new("git-hangs").await;
    let commit = push_config_maps(&world, &["web"]);
    let stuck = world.git.create_repository("team-b/stuck.git").expect("a repository");
    world.git.set_behaviour("team-b/stuck.git", Behaviour::Hangs);
    for name in ["stuck-1", "stuck-2", "stuck-3", "stuck-4"] {
        world.apply_app_with(name, json!({"source": {"repoURL": stuck}})).await;
    }
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
}
