//! I3, I4: an error is never an empty set, and much is not deleted unasked.

use std::time::Duration;

use kargo_api::reasons::EventReason;
use serde_json::json;

use crate::support::{Sim, claim, config_map, id, url};

fn many() -> Vec<serde_json::Value> {
    ["a", "b", "c", "d", "e", "f"].map(|name| config_map(name, "1")).to_vec()
}

#[test]
fn deleting_most_of_an_app_waits_for_consent_to_that_very_commit() {
    let mut sim = Sim::new();
    let first = sim.deploy("shop", many());
    let commit = sim.push("shop", [config_map("a", "1")]);
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(sim.condition("shop", "Held"), Some(("True".to_owned(), "PruneHeld".to_owned())));
    assert_eq!(sim.was_told("shop", EventReason::PruneHeld), 1);
    sim.confirm("shop", &first);
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    sim.confirm("shop", &commit);
    sim.settle();
    assert_eq!(sim.deletions().len(), 5);
    assert!(sim.is_ready("shop"));
}

#[test]
fn a_hold_ends_when_the_objects_come_back() {
    let mut sim = Sim::new();
    sim.deploy("shop", many());
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    sim.push("shop", many());
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    assert!(sim.is_ready("shop"));
}

#[test]
fn a_hold_survives_a_restart() {
    let mut sim = Sim::new();
    sim.deploy("shop", many());
    let commit = sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.writes, []);
    assert_eq!(sim.was_told("shop", EventReason::PruneHeld), 0);
    sim.confirm("shop", &commit);
    sim.settle();
    assert_eq!(sim.deletions().len(), 5);
}

#[test]
fn an_empty_commit_is_held_and_what_runs_is_kept() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.push("shop", []);
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(
        sim.condition("shop", "Held"),
        Some(("True".to_owned(), "NothingDesired".to_owned()))
    );
}

#[test]
fn an_empty_commit_is_deployed_once_the_user_allows_it() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.push("shop", []);
    sim.settle();
    sim.change_app("shop", |app| app.spec.sync.allow_empty = true);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/a", "ConfigMap/b"]);
    assert!(sim.is_ready("shop"));
}

#[test]
fn a_commit_that_cannot_be_rendered_changes_nothing() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.forget_writes();
    sim.push_broken("shop");
    sim.advance(Duration::from_hours(1));
    assert_eq!((sim.applies(), sim.deletions().len()), (0, 0));
    assert_eq!(
        sim.condition("shop", "Ready"),
        Some(("False".to_owned(), "RenderFailed".to_owned()))
    );
    assert_eq!(sim.was_told("shop", EventReason::RenderFailed), 1);
}

/// F27: good, broken, and then one that removes something: deleted exactly once.
#[test]
fn after_a_broken_commit_a_good_one_prunes_once() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.push_broken("shop");
    sim.settle();
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
}

#[test]
fn git_that_is_down_after_a_restart_deletes_nothing() {
    let mut sim = Sim::new();
    sim.deploy("shop", many());
    sim.forget_writes();
    sim.git.down.insert(url("shop"));
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(sim.objects("shop").len(), 6);
    sim.git.down.clear();
    sim.advance(Duration::from_mins(10));
    assert!(sim.is_ready("shop"));
    assert_eq!(sim.applies(), 0);
}

/// A commit confirms its own list: claims of volumes are in it, and they were named.
#[test]
fn what_needs_consent_is_listed_with_what_is_held() {
    let mut sim = Sim::new();
    let mut objects = many();
    objects.push(claim("data"));
    sim.deploy("shop", objects);
    sim.server.set_status(&id("PersistentVolumeClaim", "data"), json!({"phase": "Bound"}));
    sim.settle();
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    let message = sim.status("shop").message.unwrap_or_default();
    assert!(
        message.contains("PersistentVolumeClaim/data") && message.contains("ConfigMap/f"),
        "{message}"
    );
}
