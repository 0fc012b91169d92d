//! What of a repository is deployed: the tip of a branch, what a tag names, or one commit and no other.

use kargo_api::reasons::{ConditionType, EventReason, Reason};
use kargo_api::status::CurrentState;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, REPOSITORY, World};
use serde_json::json;

use crate::manifests::{KUSTOMIZATION, kustomization, push_config_maps};

#[tokio::test]
async fn a_tag_is_deployed_and_followed_when_it_is_moved() {
    let world = World::new("tag").await;
    let first = push_config_maps(&world, &["web"]);
    world.repository.tag("v1").expect("a tag");
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = world.push("not released yet");
    world.apply_app_with("shop", json!({"source": {"tag": "v1"}})).await;
    let app = world.wait_until_deployed("shop", &first).await;
    assert!(app.story().contains("of tag v1"), "{}", app.story());
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "1");

    world.repository.tag("v1").expect("the tag is moved");
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "2");
}

#[tokio::test]
async fn a_missing_tag_is_answered_with_those_there_are() {
    let world = World::new("missing-tag").await;
    push_config_maps(&world, &["web"]);
    world.repository.tag("v1.0").expect("a tag");
    world.apply_app_with("shop", json!({"source": {"tag": "v2.0"}})).await;
    let app = world
        .wait_for_app("shop", "says that the tag is missing", |app| {
            app.has_reason(ConditionType::Rendered, Reason::BranchMissing)
        })
        .await;
    for expected in ["`v2.0`", "`v1.0`", "spec.source.tag"] {
        assert!(app.story().contains(expected), "no {expected} in: {}", app.story());
    }
}

#[tokio::test]
async fn a_pinned_app_says_so_and_stays_where_it_is() {
    let world = World::new("pinned").await;
    let first = push_config_maps(&world, &["web"]);
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = world.push("newer");
    world.apply_app_with("shop", json!({"source": {"revision": first}})).await;
    let app = world.wait_until_deployed("shop", &first).await;
    assert!(app.message().contains("pinned"), "{}", app.message());
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "1");
    assert_eq!(world.git.traffic(REPOSITORY).polls, 0, "a commit is not looked for");

    // Unpinned, it follows `main` again.
    let unpinned = json!({"spec": {"source": {"revision": null}}});
    world.edit("KargoApp", "shop", unpinned).await;
    let app = world.wait_until_deployed("shop", &second).await;
    assert!(!app.story().contains("pinned"), "{}", app.story());
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_named() {
    let world = World::new("missing-commit").await;
    push_config_maps(&world, &["web"]);
    let nowhere = "0123456789abcdef0123456789abcdef01234567";
    world.apply_app_with("shop", json!({"source": {"revision": nowhere}})).await;
    world
        .wait_for_app("shop", "says that the commit is missing", |app| {
            app.has_reason(ConditionType::Rendered, Reason::SourceUnavailable)
                && app.story().contains(nowhere)
        })
        .await;
}

#[tokio::test]
async fn a_forced_push_is_followed_and_said() {
    let world = World::new("forced-push").await;
    let first = push_config_maps(&world, &["web", "api", "db", "cache", "mail"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let plain = world.push("a plain push");
    world.wait_until_deployed("shop", &plain).await;
    world.replace("k8s/web.yaml", "\"2\"", "\"3\"");
    let forced = world.repository.force_push("rewritten").expect("a push");
    world.wait_until_deployed("shop", &forced).await;
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "3");
    let notes = wait_for("an Event about the forced push", DEADLINE, async || {
        let mut events = world.events("shop").await;
        events.retain(|(reason, _)| reason == EventReason::ForcePushed.as_str());
        Ok((!events.is_empty()).then_some(events))
    })
    .await;
    assert_eq!(notes.len(), 1, "the plain push was none: {notes:?}");
    for expected in [&plain[..7], &forced[..7], "Branch main"] {
        assert!(notes[0].1.contains(expected), "no {expected} in: {notes:?}");
    }

    // The rule about many deletions holds for another history too.
    world.write(KUSTOMIZATION, &kustomization(&["web.yaml"]));
    let smaller = world.repository.force_push("another history").expect("a push");
    world
        .wait_for_app("shop", "holds the deletions", |app| {
            app.current_is(CurrentState::Held, &smaller)
                && app.has_reason(ConditionType::Held, Reason::PruneHeld)
        })
        .await;
    assert_eq!(world.deleted(), [""; 0]);
}
