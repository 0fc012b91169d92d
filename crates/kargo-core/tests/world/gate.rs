//! What a rendered commit waits for before it is deployed, while the one before it is kept.

use std::time::Duration;

use kargo_api::{DeletionPolicy, SyncMode, names, spec::AppReference, status::CurrentState};
use serde_json::json;

use crate::support::{Sim, config_map, id, key, url};

fn condition(sim: &Sim, app: &str, kind: &str) -> String {
    sim.condition(app, kind)
        .map(|(status, reason)| format!("{status} {reason}"))
        .unwrap_or_default()
}

fn value(sim: &Sim, name: &str) -> String {
    let object = sim.server.get(&id("ConfigMap", name));
    object.map_or("-".to_owned(), |object| object["data"]["key"].as_str().unwrap_or("").to_owned())
}

/// Asks for a deployment.
fn ask(sim: &mut Sim, app: &str, when: &str) {
    sim.change_app(app, |app| {
        let annotations = app.metadata.annotations.get_or_insert_default();
        annotations.insert(names::SYNC_REQUESTED_ANNOTATION.to_owned(), when.to_owned());
    });
}

fn manual(objects: impl IntoIterator<Item = serde_json::Value>) -> Sim {
    let mut sim = Sim::new();
    sim.push("shop", objects);
    sim.change_app("shop", |app| app.spec.sync.mode = SyncMode::Manual);
    sim.settle();
    sim
}

#[test]
fn by_hand_nothing_is_deployed_before_somebody_asks() {
    let mut sim = manual([config_map("a", "1")]);
    sim.advance(Duration::from_hours(1));
    assert_eq!(value(&sim, "a"), "-");
    assert_eq!(condition(&sim, "shop", "Ready"), "False WaitsForRequest");
    assert_eq!(condition(&sim, "shop", "Rendered"), "True Rendered");
    ask(&mut sim, "shop", "now");
    sim.settle();
    assert_eq!(value(&sim, "a"), "1");
    assert!(sim.is_ready("shop"));
    assert_eq!(sim.status("shop").last_handled_sync.as_deref(), Some("now"));
}

#[test]
fn by_hand_a_request_deploys_what_git_has_at_that_moment_and_nothing_after_it() {
    let mut sim = manual([config_map("a", "1")]);
    sim.push("shop", [config_map("a", "2")]);
    ask(&mut sim, "shop", "now");
    sim.settle();
    sim.push("shop", [config_map("a", "3")]);
    sim.advance(Duration::from_hours(1));
    assert_eq!(value(&sim, "a"), "2");
    assert_eq!(condition(&sim, "shop", "Ready"), "False WaitsForRequest");
    assert_eq!(
        sim.status("shop").current.map(|current| current.state),
        Some(CurrentState::Succeeded)
    );
}

#[test]
fn by_hand_what_is_deployed_is_kept_also_after_a_restart() {
    let mut sim = manual([config_map("a", "1")]);
    ask(&mut sim, "shop", "now");
    sim.settle();
    sim.push("shop", [config_map("a", "2")]);
    sim.settle();
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.writes, [], "{}", sim.story());
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("by hand"));
    sim.settle();
    assert_eq!(value(&sim, "a"), "1", "{}", sim.story());
}

#[test]
fn by_hand_a_commit_that_changes_nothing_needs_no_request() {
    let mut sim = manual([config_map("a", "1")]);
    ask(&mut sim, "shop", "now");
    sim.settle();
    let commit = sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert!(sim.is_ready("shop"));
    assert_eq!(sim.status("shop").current.and_then(|current| current.revision), Some(commit));
}

/// I1: what a commit that waits has must not be deleted in between.
#[test]
fn what_waits_is_not_pruned() {
    let mut sim = manual([config_map("a", "1"), config_map("b", "1"), config_map("c", "1")]);
    ask(&mut sim, "shop", "1");
    sim.settle();
    sim.push("shop", [config_map("a", "1")]);
    let leaving = ["b", "c"].map(|name| id("ConfigMap", name));
    sim.server.denied_deletes.extend(leaving);
    ask(&mut sim, "shop", "2");
    sim.settle();
    sim.push("shop", [config_map("a", "1"), config_map("b", "2")]);
    sim.settle();
    sim.server.denied_deletes.clear();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.deletions(), ["ConfigMap/c"], "{}", sim.story());
}

#[test]
fn a_suspended_app_writes_nothing_and_goes_on_where_it_stopped() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.change_app("shop", |app| app.spec.suspend = true);
    sim.settle();
    assert_eq!(condition(&sim, "shop", "Ready"), "False Suspended");
    sim.forget_writes();
    sim.push("shop", [config_map("a", "2")]);
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("by hand"));
    sim.server.remove(&id("ConfigMap", "b"));
    sim.advance(Duration::from_hours(1));
    assert_eq!((sim.applies(), sim.deletions().len()), (0, 0));
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert_eq!((sim.applies(), sim.deletions().len()), (0, 0), "{}", sim.story());
    sim.change_app("shop", |app| app.spec.suspend = false);
    sim.settle();
    assert_eq!(value(&sim, "a"), "2");
    assert!(sim.is_ready("shop"));
}

#[test]
fn a_suspended_app_that_is_deleted_leaves_its_objects() {
    let mut sim = Sim::new();
    sim.push("shop", [config_map("a", "1")]);
    sim.change_app("shop", |app| app.spec.deletion_policy = DeletionPolicy::Delete);
    sim.settle();
    sim.change_app("shop", |app| app.spec.suspend = true);
    sim.settle();
    sim.delete_app("shop");
    sim.advance(Duration::from_mins(10));
    assert_eq!((sim.deletions(), value(&sim, "a")), (Vec::new(), "1".to_owned()));
    assert!(!sim.server.apps.contains_key(&key("shop")));
}

fn depend(sim: &mut Sim, app: &str, on: &[&str]) {
    sim.change_app(app, |app| {
        app.spec.depends_on =
            on.iter().map(|name| AppReference { name: (*name).to_owned() }).collect();
    });
}

#[test]
fn an_app_waits_until_those_it_depends_on_are_ready() {
    let mut sim = Sim::new();
    sim.push("shop", [config_map("a", "1")]);
    depend(&mut sim, "shop", &["database"]);
    sim.advance(Duration::from_mins(1));
    assert_eq!(condition(&sim, "shop", "Ready"), "False WaitsForDependency");
    let message = sim.status("shop").message.unwrap_or_default();
    assert!(message.contains("does not exist"), "{message}");
    sim.push_broken("database");
    sim.change_app("database", |_| {});
    sim.advance(Duration::from_mins(1));
    assert_eq!(value(&sim, "a"), "-");
    sim.push("database", [config_map("db", "1")]);
    sim.settle();
    assert_eq!(value(&sim, "a"), "1");
    assert!(sim.is_ready("shop"));
}

#[test]
fn a_dependency_that_breaks_later_delays_new_commits_and_no_repairs() {
    let mut sim = Sim::new();
    sim.deploy("database", [config_map("db", "1")]);
    sim.push("shop", [config_map("a", "1")]);
    depend(&mut sim, "shop", &["database"]);
    sim.settle();
    sim.push_broken("database");
    sim.settle();
    sim.push("shop", [config_map("a", "2")]);
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("by hand"));
    sim.advance(Duration::from_mins(1));
    assert_eq!(value(&sim, "a"), "1");
    sim.restart();
    sim.server.remove(&id("ConfigMap", "a"));
    sim.settle();
    assert_eq!(value(&sim, "a"), "1", "{}", sim.story());
    sim.push("database", [config_map("db", "2")]);
    sim.settle();
    assert_eq!(value(&sim, "a"), "2");
}

#[test]
fn apps_that_wait_for_each_other_are_named() {
    let mut sim = Sim::new();
    for (app, on) in [("one", "two"), ("two", "three"), ("three", "one")] {
        sim.push(app, [config_map(app, "1")]);
        depend(&mut sim, app, &[on]);
    }
    sim.advance(Duration::from_mins(1));
    for app in ["one", "two", "three"] {
        assert_eq!(condition(&sim, app, "Ready"), "False DependencyCycle");
    }
    let message = sim.status("one").message.unwrap_or_default();
    assert!(message.contains("one -> two -> three -> one"), "{message}");
    depend(&mut sim, "three", &[]);
    sim.settle();
    assert!(["one", "two", "three"].iter().all(|app| sim.is_ready(app)));
}

/// F26: what was deployed is kept after a restart, also while the newest commit cannot be rendered.
#[test]
fn the_last_good_commit_is_kept_after_a_restart_while_the_newest_is_broken() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.push_broken("shop");
    sim.settle();
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.writes, [], "{}", sim.story());
    sim.server.remove(&id("ConfigMap", "a"));
    sim.settle();
    assert_eq!(value(&sim, "a"), "1");
    assert_eq!(condition(&sim, "shop", "Ready"), "False RenderFailed");
}

/// F25: a commit that renders nothing is held, and what stands is still put back.
#[test]
fn drift_is_repaired_while_an_empty_commit_is_held() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.git.push(&url("shop"), "k8s", crate::support::git::Folder::Objects(Vec::new()));
    sim.settle();
    for _ in 0..2 {
        sim.server.remove(&id("ConfigMap", "a"));
        sim.settle();
        assert_eq!(value(&sim, "a"), "1");
        assert_eq!(condition(&sim, "shop", "Held"), "True NothingDesired");
        sim.restart();
        sim.settle();
    }
}

/// Another branch may be at the commit that is deployed: nothing is loaded, and the verdict is about the new spec.
#[test]
fn a_change_of_the_branch_to_one_at_the_same_commit_is_seen() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.change_app("shop", |app| app.spec.source.branch = Some("release".to_owned()));
    sim.advance(Duration::from_mins(1));
    let generation = sim.server.apps[&key("shop")].metadata.generation;
    assert_eq!(sim.status("shop").observed_generation, generation);
    assert!(sim.is_ready("shop"));
}
