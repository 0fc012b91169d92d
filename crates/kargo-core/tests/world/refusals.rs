//! F36: one refused object fails alone, and nothing is pruned before it is taken.

use std::time::Duration;

use kargo_api::{names, status::CurrentState};

use crate::support::{Action, Sim, Work, config_map, deployment, id};

#[test]
fn the_others_are_applied_and_nothing_is_pruned() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("old", "1"), config_map("a", "1")]);
    sim.server.denied.insert(id("ConfigMap", "bad"));
    sim.push("shop", [config_map("a", "2"), config_map("bad", "1"), deployment("web", "nginx:1")]);
    sim.advance(Duration::from_mins(30));
    assert_eq!(sim.objects("shop"), ["ConfigMap/a", "ConfigMap/old", "Deployment/web"]);
    assert_eq!(sim.deletions(), [""; 0]);
    let status = sim.status("shop");
    assert!(status.message.is_some_and(|message| message.contains("ConfigMap/bad")));
}

#[test]
fn it_heals_by_itself() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("old", "1")]);
    sim.server.denied.insert(id("ConfigMap", "bad"));
    sim.push("shop", [config_map("bad", "1")]);
    sim.advance(Duration::from_mins(5));
    sim.server.denied.clear();
    sim.advance(Duration::from_mins(15));
    assert!(sim.is_ready("shop"));
    assert_eq!(sim.deletions(), ["ConfigMap/old"]);
}

#[test]
fn attempts_become_rare() {
    let mut sim = Sim::new();
    sim.server.denied.insert(id("ConfigMap", "bad"));
    sim.deploy("shop", [config_map("bad", "1")]);
    sim.forget_writes();
    let before = sim.steps;
    sim.advance(Duration::from_hours(6));
    assert!(sim.steps - before < 6 * 6 * 4 + 50, "{} steps in six hours", sim.steps - before);
    assert_eq!(sim.status_writes("shop"), 0);
}

/// Admission that takes our labels off again: the world must neither believe it nor go round in circles.
#[test]
fn an_object_that_is_stored_without_our_marks_is_a_failure_with_a_name() {
    let mut sim = Sim::new();
    sim.server.stripped_labels.insert(names::APP_NAME_LABEL.to_owned());
    sim.deploy("shop", [config_map("a", "1")]);
    sim.advance(Duration::from_mins(10));
    assert!(sim.applies() < 20, "{} applies", sim.applies());
    assert!(sim.status("shop").message.is_some_and(|message| message.contains("ConfigMap/a")));
    sim.server.stripped_labels.clear();
    sim.advance(Duration::from_mins(15));
    assert!(sim.is_ready("shop"));
}

#[test]
fn a_verdict_of_refusal_waits_until_every_object_was_tried() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("c", "1")]);
    sim.server.denied.insert(id("ConfigMap", "a"));
    sim.push("shop", [config_map("a", "1"), config_map("b", "1"), config_map("c", "1")]);
    // Answers first, then statuses: one is written before the next object is sent.
    let urgency = |sim: &Sim, action: &Action| match action {
        Action::Answer(_) => 0,
        Action::Work(task) if matches!(sim.shell.tasks[*task].work, Work::Status { .. }) => 1,
        _ => 2,
    };
    while let Some(action) = sim.possible().into_iter().min_by_key(|action| urgency(&sim, action)) {
        sim.act(&action, None);
        let state = sim.status("shop").current.map(|current| current.state);
        let was_tried = sim.server.get(&id("ConfigMap", "b")).is_some();
        assert!(was_tried || state != Some(CurrentState::Failed), "{}", sim.story());
    }
    assert_eq!(sim.status("shop").current.map(|current| current.state), Some(CurrentState::Failed));
}
