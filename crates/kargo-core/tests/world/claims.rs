//! I6: one owner per object.

use std::time::Duration;

use kargo_api::reasons::EventReason;

use crate::support::{Sim, config_map, id, key};

#[test]
fn the_second_claimant_is_refused_with_the_name_of_the_first() {
    let mut sim = Sim::new();
    sim.deploy("first", [config_map("x", "first"), config_map("a", "1")]);
    sim.deploy("second", [config_map("x", "second"), config_map("b", "1")]);
    assert_eq!(sim.objects("first"), ["ConfigMap/a", "ConfigMap/x"]);
    assert_eq!(sim.objects("second"), ["ConfigMap/b"]);
    assert_eq!(sim.server.get(&id("ConfigMap", "x")).expect("it stands")["data"]["key"], "first");
    let message = sim.status("second").message.unwrap_or_default();
    assert!(message.contains("team/first"), "{message}");
    assert_eq!(sim.was_told("second", EventReason::ClaimRefused), 1);
    assert!(sim.is_ready("first"));
    sim.advance(Duration::from_mins(1));
    sim.forget_writes();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.writes, []);
}

#[test]
fn a_refused_app_prunes_nothing() {
    let mut sim = Sim::new();
    sim.deploy("first", [config_map("x", "first")]);
    sim.deploy("second", [config_map("old", "1")]);
    sim.push("second", [config_map("x", "second")]);
    sim.advance(Duration::from_mins(30));
    assert_eq!(sim.deletions(), [""; 0]);
}

#[test]
fn the_claim_stays_with_the_first_over_a_restart() {
    let mut sim = Sim::new();
    sim.deploy("second", [config_map("x", "second")]);
    sim.deploy("first", [config_map("x", "first")]);
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.server.owner(&id("ConfigMap", "x")), Some(key("second")));
    assert_eq!(sim.writes, []);
    assert_eq!(sim.told, []);
}

#[test]
fn when_the_first_app_is_deleted_the_second_one_takes_over() {
    let mut sim = Sim::new();
    sim.deploy("first", [config_map("x", "first")]);
    sim.deploy("second", [config_map("x", "second")]);
    let uid = sim.server.uid(&id("ConfigMap", "x"));
    sim.delete_app("first");
    sim.settle();
    assert_eq!(sim.server.owner(&id("ConfigMap", "x")), Some(key("second")));
    assert_eq!(sim.server.uid(&id("ConfigMap", "x")), uid);
    assert!(sim.is_ready("second"), "{:?}", sim.status("second").message);
}

/// A third app waits too: it is told who has the object now.
#[test]
fn three_claimants_take_turns() {
    let mut sim = Sim::new();
    for app in ["first", "second", "third"] {
        sim.deploy(app, [config_map("x", app)]);
    }
    sim.push("first", [config_map("other", "1")]);
    sim.settle();
    assert_eq!(sim.server.owner(&id("ConfigMap", "x")), Some(key("second")));
    let message = sim.status("third").message.unwrap_or_default();
    assert!(message.contains("team/second"), "{message}");
    sim.push("second", [config_map("another", "1")]);
    sim.settle();
    assert_eq!(sim.server.owner(&id("ConfigMap", "x")), Some(key("third")));
    assert!(sim.is_ready("third"));
    assert_eq!(sim.deletions(), [""; 0]);
}
