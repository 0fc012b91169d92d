//! `selfHeal: false`: what people change by hand is said, and put back on request.

use std::time::Duration;

use kargo_api::{names, reasons::EventReason};
use serde_json::json;

use crate::support::{Sim, config_map, id};

fn changed_by_hand() -> Sim {
    let mut sim = Sim::new();
    sim.push("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.change_app("shop", |app| app.spec.sync.self_heal = false);
    sim.settle();
    sim.forget_writes();
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("by hand"));
    sim.server.remove(&id("ConfigMap", "b"));
    sim.advance(Duration::from_mins(10));
    sim
}

fn drifted(sim: &Sim) -> bool {
    sim.condition("shop", "Drifted").is_some_and(|(status, _)| status == "True")
}

#[test]
fn it_is_said_and_stays() {
    let mut sim = changed_by_hand();
    assert!(drifted(&sim) && !sim.is_ready("shop"));
    // Once for each change.
    assert_eq!((sim.applies(), sim.was_told("shop", EventReason::DriftFound)), (0, 2));
    let message = sim.status("shop").message.unwrap_or_default();
    assert!(message.contains("ConfigMap/a, ConfigMap/b"), "{message}");
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.writes, [], "{}", sim.story());
    assert!(sim.told.is_empty(), "{:?}", sim.told);
}

#[test]
fn a_request_puts_it_back() {
    let mut sim = changed_by_hand();
    sim.change_app("shop", |app| {
        let annotations = app.metadata.annotations.get_or_insert_default();
        annotations.insert(names::SYNC_REQUESTED_ANNOTATION.to_owned(), "now".to_owned());
    });
    sim.settle();
    assert!(sim.is_ready("shop") && !drifted(&sim));
    assert_eq!(sim.server.get(&id("ConfigMap", "a")).expect("it stands")["data"]["key"], "1");
    assert!(sim.server.get(&id("ConfigMap", "b")).is_some());
}

#[test]
fn a_new_commit_puts_it_back() {
    let mut sim = changed_by_hand();
    sim.push("shop", [config_map("a", "1"), config_map("b", "2")]);
    sim.settle();
    assert!(sim.is_ready("shop"));
    assert_eq!(sim.server.get(&id("ConfigMap", "a")).expect("it stands")["data"]["key"], "1");
}

#[test]
fn so_does_the_change_of_mind() {
    let mut sim = changed_by_hand();
    sim.change_app("shop", |app| app.spec.sync.self_heal = true);
    sim.settle();
    assert!(sim.is_ready("shop"));
}

#[test]
fn who_puts_it_back_by_hand_ends_it_too() {
    let mut sim = changed_by_hand();
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("1"));
    sim.settle();
    let message = sim.status("shop").message.unwrap_or_default();
    assert!(message.contains("ConfigMap/b"), "{message}");
}
