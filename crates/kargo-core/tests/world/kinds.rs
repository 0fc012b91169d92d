//! F34, F8: a kind that is not served yet, and one that cannot be listed.

use std::time::Duration;

use kargo_core::object::GroupKind;
use serde_json::{Value, json};

use crate::support::{Action, Sim, config_map, id, shell::Work};

fn widget(name: &str) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1}})
}

fn widgets_are_served(sim: &mut Sim) {
    sim.server.kinds.insert(GroupKind::new("example.com", "Widget"), "v1", "widgets", true, true);
}

#[test]
fn the_others_are_applied_and_the_kind_is_waited_for() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), widget("w")]);
    assert_eq!(sim.objects("shop"), ["ConfigMap/a"]);
    assert!(sim.status("shop").message.is_some_and(|message| message.contains("Widget")));
    widgets_are_served(&mut sim);
    sim.advance(Duration::from_mins(2));
    assert_eq!(sim.objects("shop"), ["ConfigMap/a", "Widget/w"], "{}", sim.story());
    assert!(sim.is_ready("shop"));
}

#[test]
fn nothing_is_pruned_while_a_kind_is_waited_for() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("old", "1")]);
    sim.push("shop", [config_map("a", "1"), widget("w")]);
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.deletions(), [""; 0]);
}

/// What is served changes between the render and its arrival.
#[test]
fn a_kind_that_comes_while_a_commit_is_being_loaded_is_not_missed() {
    let mut sim = Sim::new();
    sim.push("shop", [widget("w")]);
    sim.change_app("shop", |_| {});
    while !sim.shell.tasks.iter().any(|task| matches!(task.work, Work::Load { .. })) {
        let action = sim.possible().into_iter().next().expect("a load comes");
        sim.act(&action, None);
    }
    let load = sim
        .shell
        .tasks
        .iter()
        .position(|task| matches!(task.work, Work::Load { .. }))
        .expect("a load");
    sim.act(&Action::Work(load), None);
    widgets_are_served(&mut sim);
    sim.discovered();
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.objects("shop"), ["Widget/w"], "{}", sim.story());
}

/// F6: one kind cannot be listed. The others are kept, nothing is pruned, and it heals by itself.
#[test]
fn a_kind_that_cannot_be_listed_is_named_and_heals() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("old", "1")]);
    sim.server.unlistable.insert(GroupKind::new("apps", "Deployment"));
    sim.push("shop", [config_map("a", "1"), crate::support::deployment("web", "nginx:1")]);
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.objects("shop"), ["ConfigMap/a", "ConfigMap/old"], "{}", sim.story());
    assert_eq!(sim.deletions(), [""; 0]);
    assert!(sim.status("shop").message.is_some_and(|message| message.contains("Deployment")));
    sim.server.unlistable.clear();
    sim.advance(Duration::from_mins(30));
    assert_eq!(sim.deletions(), ["ConfigMap/old"]);
    assert!(sim.is_ready("shop"));
}

/// F5: a list that is empty by mistake is not *the objects are gone*.
#[test]
fn an_empty_list_deletes_nothing() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    let uid = sim.server.uid(&id("ConfigMap", "a"));
    sim.list_again_as(&GroupKind::new("", "ConfigMap"), Vec::new());
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(sim.server.uid(&id("ConfigMap", "a")), uid);
    assert!(sim.is_ready("shop"));
}
