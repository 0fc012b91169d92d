//! The status says the truth, and is written once for each change of the verdict.

use std::time::Duration;

use crate::support::{
    Action, Sim, config_map, deployment, id,
    shell::{Fault, Work},
    url,
};

#[test]
fn a_quick_deployment_costs_one_write() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    assert_eq!(sim.status_writes("shop"), 1);
    sim.forget_writes();
    sim.push("shop", [config_map("a", "2")]);
    sim.settle();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.status_writes("shop"), 1);
}

#[test]
fn a_slow_deployment_says_that_it_is_under_way_and_then_that_it_is_up() {
    let mut sim = Sim::new();
    sim.server.rolls_out = false;
    sim.deploy("shop", [deployment("web", "nginx:1")]);
    sim.advance(Duration::from_secs(20));
    assert_eq!(
        sim.condition("shop", "Reconciling").map(|(status, _)| status),
        Some("True".to_owned())
    );
    sim.forget_writes();
    let status =
        crate::support::server::up(sim.server.get(&id("Deployment", "web")).expect("it stands"));
    sim.server.set_status(&id("Deployment", "web"), status);
    sim.settle();
    assert!(sim.is_ready("shop"));
    assert_eq!(sim.status_writes("shop"), 1);
}

#[test]
fn a_hand_deletion_that_is_repaired_at_once_is_not_worth_a_write() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.forget_writes();
    sim.server.remove(&id("ConfigMap", "a"));
    sim.settle();
    assert_eq!(sim.status_writes("shop"), 0, "{:?}", sim.status("shop").message);
}

/// T1: a verdict with the new generation is about the new spec.
#[test]
fn a_change_of_the_spec_is_observed_only_when_its_verdict_is_known() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.git.push(&url("shop"), "other", crate::support::git::Folder::Broken);
    sim.settle();
    sim.change_app("shop", |app| app.spec.source.path = "other".to_owned());
    while let Some(action) = sim.possible().into_iter().next() {
        sim.act(&action, None);
        if sim.status("shop").observed_generation == Some(2) {
            assert!(!sim.is_ready("shop"), "{}", sim.story());
        }
    }
    assert_eq!(sim.status("shop").observed_generation, Some(2));
    assert_eq!(
        sim.condition("shop", "Ready"),
        Some(("False".to_owned(), "RenderFailed".to_owned()))
    );
}

#[test]
fn a_change_of_the_spec_that_changes_nothing_is_observed() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.change_app("shop", |app| app.spec.sync.prune = false);
    sim.settle();
    assert_eq!(sim.status("shop").observed_generation, Some(2));
    assert!(sim.is_ready("shop"));
}

#[test]
fn git_that_is_down_shows_and_takes_nothing_back() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.git.down.insert(url("shop"));
    sim.settle();
    assert!(sim.is_ready("shop"));
    assert_eq!(
        sim.condition("shop", "Rendered"),
        Some(("False".to_owned(), "SourceUnavailable".to_owned()))
    );
}

#[test]
fn a_branch_that_is_gone_is_not_ready_and_deletes_nothing() {
    let mut sim = Sim::new();
    sim.change_app("shop", |_| {});
    sim.settle();
    assert_eq!(
        sim.condition("shop", "Ready"),
        Some(("False".to_owned(), "BranchMissing".to_owned()))
    );
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert!(sim.is_ready("shop"));
}

/// A write that fails for ever is tried less and less often.
#[test]
fn a_status_that_cannot_be_written_backs_off() {
    let mut sim = Sim::new();
    sim.status_is_refused = true;
    sim.deploy("shop", [config_map("a", "1")]);
    let before = sim.steps;
    sim.advance(Duration::from_hours(1));
    assert!(sim.steps - before < 400, "{} steps in an hour", sim.steps - before);
    sim.status_is_refused = false;
    sim.advance(Duration::from_mins(15));
    assert!(sim.is_ready("shop"));
}

/// The write took effect, its answer was lost, and then the verdict is the old one again.
#[test]
fn a_status_whose_answer_was_lost_is_written_again() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.git.down.insert(url("shop"));
    let mut lost = false;
    while let Some(action) = sim.possible().into_iter().next() {
        let is_write = matches!(action, Action::Work(index) if matches!(sim.shell.tasks[index].work, Work::Status { .. }));
        lost |= is_write;
        sim.act(&action, is_write.then_some(Fault::AnswerLost));
    }
    assert!(lost);
    sim.git.down.clear();
    sim.advance(Duration::from_mins(5));
    assert_eq!(
        sim.condition("shop", "Rendered").map(|(status, _)| status),
        Some("True".to_owned())
    );
}
