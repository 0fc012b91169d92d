//! F61: what ran to its end and was cleaned up does not run again by itself.

use std::time::Duration;

use kargo_api::{names, status::Outcome};
use serde_json::json;

use crate::support::{Sim, config_map, id, job};

fn end(sim: &mut Sim, how: &str) {
    let status = json!({"conditions": [{"type": how, "status": "True"}]});
    sim.server.set_status(&id("Job", "migrate"), status);
    sim.settle();
}

/// A Job that ended and that its time-to-live took away.
fn cleaned_up(how: &str) -> Sim {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), job("migrate", "tool:1")]);
    end(&mut sim, how);
    sim.advance(Duration::from_mins(1));
    // Kubernetes deletes it in the foreground: it is seen going before it is gone.
    let object = id("Job", "migrate");
    sim.server.edit(&object, &["metadata", "finalizers"], json!(["foregroundDeletion"]));
    sim.settle();
    sim.server.remove(&object);
    sim.advance(Duration::from_secs(10));
    sim.server.edit(&object, &["metadata", "finalizers"], json!([]));
    sim.advance(Duration::from_mins(10));
    sim
}

fn runs(sim: &Sim) -> bool {
    sim.server.get(&id("Job", "migrate")).is_some()
}

#[test]
fn a_job_that_was_cleaned_up_is_no_drift() {
    let mut sim = cleaned_up("Complete");
    assert!(!runs(&sim) && sim.is_ready("shop"));
    assert_eq!(sim.status("shop").finished.len(), 1);
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert!(!runs(&sim) && sim.is_ready("shop"));
    assert_eq!(sim.writes, [], "{}", sim.story());
}

#[test]
fn a_failed_job_that_was_cleaned_up_has_still_failed() {
    let sim = cleaned_up("Failed");
    assert!(!runs(&sim) && !sim.is_ready("shop"));
    assert_eq!(sim.status("shop").finished[0].outcome, Outcome::Failed);
}

#[test]
fn it_runs_again_when_its_content_changes() {
    let mut sim = cleaned_up("Complete");
    sim.push("shop", [config_map("a", "1"), job("migrate", "tool:2")]);
    sim.advance(Duration::from_secs(2));
    assert!(runs(&sim));
    assert!(sim.status("shop").finished.is_empty());
}

#[test]
fn it_runs_again_when_somebody_asks() {
    let mut sim = cleaned_up("Complete");
    sim.change_app("shop", |app| {
        let annotations = app.metadata.annotations.get_or_insert_default();
        annotations.insert(names::SYNC_REQUESTED_ANNOTATION.to_owned(), "now".to_owned());
    });
    sim.settle();
    assert!(runs(&sim));
}

#[test]
fn a_job_that_was_deleted_while_it_ran_comes_back() {
    let mut sim = Sim::new();
    sim.deploy("shop", [job("migrate", "tool:1")]);
    sim.server.remove(&id("Job", "migrate"));
    sim.settle();
    assert!(runs(&sim));
}

/// What left git is pruned also when a Job of the set was cleaned up.
#[test]
fn a_job_that_was_cleaned_up_does_not_stand_in_the_way_of_pruning() {
    let mut sim = cleaned_up("Complete");
    sim.push("shop", [job("migrate", "tool:1"), config_map("b", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/a"]);
    assert!(sim.is_ready("shop") && !runs(&sim));
}

#[test]
fn it_does_not_run_again_with_a_commit_that_came_during_a_restart() {
    let mut sim = cleaned_up("Complete");
    sim.push("shop", [config_map("a", "2"), job("migrate", "tool:1")]);
    sim.restart();
    sim.advance(Duration::from_mins(1));
    assert!(!runs(&sim) && sim.is_ready("shop"));
}
