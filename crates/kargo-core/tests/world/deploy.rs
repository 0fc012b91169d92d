//! A commit becomes objects; the newest one wins.

use std::time::Duration;

use kargo_api::reasons::EventReason;
use serde_json::json;

use crate::support::{Action, Sim, config_map, deployment, id, key, shell::Work, url};

#[test]
fn a_commit_is_applied_and_the_app_is_ready() {
    let mut sim = Sim::new();
    let commit = sim.deploy("shop", [config_map("settings", "1"), deployment("web", "nginx:1")]);
    assert_eq!(sim.objects("shop"), ["ConfigMap/settings", "Deployment/web"]);
    assert!(sim.is_ready("shop"), "{}", sim.story());
    assert_eq!(sim.status("shop").current.and_then(|current| current.revision), Some(commit));
    assert_eq!(sim.was_told("shop", EventReason::Deployed), 1);
}

#[test]
fn an_update_sends_only_what_has_changed() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("settings", "1"), deployment("web", "nginx:1")]);
    sim.forget_writes();
    sim.push("shop", [config_map("settings", "2"), deployment("web", "nginx:1")]);
    sim.settle();
    assert_eq!(sim.applies(), 1);
    assert_eq!(
        sim.server.get(&id("ConfigMap", "settings")).expect("it stands")["data"]["key"],
        "2"
    );
}

#[test]
fn a_commit_that_changes_nothing_sends_nothing() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("settings", "1")]);
    sim.forget_writes();
    let commit = sim.push("shop", [config_map("settings", "1")]);
    sim.settle();
    assert_eq!(sim.applies(), 0);
    assert_eq!(sim.status("shop").current.and_then(|current| current.revision), Some(commit));
}

#[test]
fn the_newest_commit_wins_while_an_older_one_is_on_its_way() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("settings", "1")]);
    sim.push("shop", [config_map("settings", "2")]);
    sim.act(&Action::Poll(key("shop")), None);
    let newest = sim.push("shop", [config_map("settings", "3")]);
    sim.settle();
    assert_eq!(
        sim.server.get(&id("ConfigMap", "settings")).expect("it stands")["data"]["key"],
        "3"
    );
    assert_eq!(sim.status("shop").current.and_then(|current| current.revision), Some(newest));
}

/// F27: what a commit removed and the next one brings back is not deleted in between, if the next one is known.
#[test]
fn nothing_is_pruned_for_a_commit_that_is_known_not_to_be_the_newest() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    let uid = sim.server.uid(&id("ConfigMap", "b"));
    sim.push("shop", [config_map("a", "2")]);
    sim.act(&Action::Poll(key("shop")), None);
    sim.push("shop", [config_map("a", "3"), config_map("b", "1")]);
    sim.act(&Action::Poll(key("shop")), None);
    // The load of the newest commit takes its time; everything else happens.
    let is_newest = |sim: &Sim, index: usize| {
        let tip = sim.git.tip(&url("shop"));
        matches!(&sim.shell.tasks[index].work, Work::Load { request, .. } if Some(&request.commit) == tip)
    };
    loop {
        let next = sim
            .possible()
            .into_iter()
            .find(|action| !matches!(action, Action::Work(index) if is_newest(&sim, *index)));
        let Some(action) = next else { break };
        sim.act(&action, None);
    }
    assert_eq!(sim.deletions(), [""; 0], "{}", sim.story());
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(sim.server.uid(&id("ConfigMap", "b")), uid);
}

#[test]
fn a_failed_deployment_does_not_hold_up_the_next_commit() {
    let mut sim = Sim::new();
    sim.server.denied.insert(id("ConfigMap", "bad"));
    sim.deploy("shop", [config_map("bad", "1")]);
    assert!(!sim.is_ready("shop"));
    sim.push("shop", [config_map("good", "1")]);
    sim.settle();
    assert!(sim.is_ready("shop"), "{:?}", sim.status("shop").message);
    assert_eq!(sim.objects("shop"), ["ConfigMap/good"]);
}

#[test]
fn a_branch_that_is_reset_to_what_runs_after_a_broken_commit_needs_nothing() {
    let mut sim = Sim::new();
    let good = sim.deploy("shop", [config_map("a", "1")]);
    sim.push_broken("shop");
    sim.settle();
    assert!(!sim.is_ready("shop"));
    sim.forget_writes();
    sim.git.reset(&url("shop"), &good);
    sim.settle();
    assert!(sim.is_ready("shop"));
    assert_eq!(sim.applies(), 0);
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.status_writes("shop"), 1);
}

#[test]
fn an_apply_whose_answer_is_lost_is_repeated_and_changes_nothing() {
    let mut sim = Sim::new();
    sim.push("shop", [config_map("a", "1")]);
    sim.change_app("shop", |_| {});
    let mut lost = 0;
    while let Some(action) = sim.possible().into_iter().next() {
        let applies = matches!(action, Action::Work(index) if matches!(sim.shell.tasks[index].work, Work::Apply { .. }));
        let fault = (applies && lost == 0).then_some(crate::support::shell::Fault::AnswerLost);
        lost += usize::from(fault.is_some());
        sim.act(&action, fault);
    }
    sim.advance(Duration::from_mins(5));
    assert!(sim.is_ready("shop"), "{}", sim.story());
    assert_eq!(
        sim.server.get(&id("ConfigMap", "a")).expect("it stands")["metadata"]["uid"],
        json!("uid-2")
    );
}
