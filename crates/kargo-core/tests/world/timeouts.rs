//! What does not come up within `sync.timeout` is a failure that heals when it comes up after all.

use std::time::Duration;

use kargo_api::reasons::EventReason;

use crate::support::{Sim, config_map, deployment, id, server::up};

fn slow() -> Sim {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("old", "1"), config_map("a", "1")]);
    sim.server.rolls_out = false;
    sim.push("shop", [config_map("a", "1"), deployment("web", "nginx:1")]);
    sim.settle();
    sim
}

fn comes_up(sim: &mut Sim) {
    let status = up(sim.server.get(&id("Deployment", "web")).expect("it stands"));
    sim.server.set_status(&id("Deployment", "web"), status);
    sim.settle();
}

#[test]
fn after_300_seconds_the_deployment_has_failed_and_says_what_it_waited_for() {
    let mut sim = slow();
    sim.advance(Duration::from_secs(299));
    assert_eq!(
        sim.condition("shop", "Reconciling").map(|(status, _)| status),
        Some("True".to_owned())
    );
    sim.advance(Duration::from_secs(2));
    assert_eq!(sim.condition("shop", "Ready"), Some(("False".to_owned(), "TimedOut".to_owned())));
    assert!(sim.status("shop").message.is_some_and(|message| message.contains("Deployment/web")));
    assert_eq!(sim.was_told("shop", EventReason::DeployFailed), 1);
}

#[test]
fn what_left_git_goes_after_the_time_out_was_reported() {
    let mut sim = slow();
    sim.advance(Duration::from_secs(299));
    assert_eq!(sim.deletions(), [""; 0]);
    sim.advance(Duration::from_mins(5));
    assert_eq!(sim.deletions(), ["ConfigMap/old"]);
}

#[test]
fn it_heals_by_itself() {
    let mut sim = slow();
    sim.advance(Duration::from_mins(10));
    comes_up(&mut sim);
    assert!(sim.is_ready("shop"), "{:?}", sim.status("shop").message);
    assert_eq!(sim.was_told("shop", EventReason::Deployed), 2);
}

#[test]
fn a_new_commit_gets_its_own_time() {
    let mut sim = slow();
    sim.advance(Duration::from_secs(299));
    sim.push("shop", [config_map("a", "1"), deployment("web", "nginx:2")]);
    sim.advance(Duration::from_secs(200));
    assert_eq!(
        sim.condition("shop", "Reconciling").map(|(status, _)| status),
        Some("True".to_owned())
    );
    sim.advance(Duration::from_secs(200));
    assert_eq!(sim.condition("shop", "Ready"), Some(("False".to_owned(), "TimedOut".to_owned())));
}
