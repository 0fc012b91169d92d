//! The last revisions that were deployed, with what became of them.

use std::time::Duration;

use kargo_api::status::{MAX_HISTORY, Outcome};

use crate::support::{Sim, config_map, deployment};

#[test]
fn each_deployed_revision_is_one_entry_and_the_newest_is_first() {
    let mut sim = Sim::new();
    let first = sim.deploy("shop", [config_map("a", "1")]);
    let second = sim.push("shop", [config_map("a", "2")]);
    sim.settle();
    sim.push_broken("shop");
    sim.settle();
    sim.restart();
    sim.advance(Duration::from_mins(1));
    let history = sim.status("shop").history;
    let revisions: Vec<&String> = history.iter().map(|entry| &entry.revision).collect();
    assert_eq!(revisions, [&second, &first]);
    assert!(history.iter().all(|entry| entry.outcome == Outcome::Succeeded));
}

#[test]
fn a_revision_that_heals_late_has_succeeded() {
    let mut sim = Sim::new();
    sim.server.rolls_out = false;
    sim.deploy("shop", [deployment("web", "nginx:1")]);
    sim.advance(Duration::from_mins(10));
    let outcomes = |sim: &Sim| -> Vec<Outcome> {
        sim.status("shop").history.iter().map(|entry| entry.outcome).collect()
    };
    assert_eq!(outcomes(&sim), [Outcome::Failed]);
    sim.server.rolls_out = true;
    let web = crate::support::id("Deployment", "web");
    let status = crate::support::server::up(sim.server.get(&web).expect("it stands"));
    sim.server.set_status(&web, status);
    sim.advance(Duration::from_mins(1));
    assert_eq!(outcomes(&sim), [Outcome::Succeeded]);
}

#[test]
fn it_is_bounded() {
    let mut sim = Sim::new();
    for number in 0..MAX_HISTORY + 5 {
        sim.deploy("shop", [config_map("a", &number.to_string())]);
    }
    assert_eq!(sim.status("shop").history.len(), MAX_HISTORY);
}
