//! What people change by hand comes back; what is not in git is left alone.

use std::time::Duration;

use kargo_api::{names, reasons::EventReason};
use serde_json::{Value, json};

use crate::support::{Action, Sim, config_map, deployment, id};

fn deployed() -> Sim {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), deployment("web", "nginx:1")]);
    sim.forget_writes();
    sim
}

#[test]
fn an_edited_field_comes_back() {
    let mut sim = deployed();
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("by hand"));
    sim.settle();
    assert_eq!(sim.server.get(&id("ConfigMap", "a")).expect("it stands")["data"]["key"], "1");
    assert_eq!((sim.applies(), sim.was_told("shop", EventReason::DriftRepaired)), (1, 1));
}

#[test]
fn a_deleted_object_comes_back() {
    let mut sim = deployed();
    sim.server.remove(&id("ConfigMap", "a"));
    sim.settle();
    assert!(sim.server.get(&id("ConfigMap", "a")).is_some());
    assert!(sim.is_ready("shop"));
    assert!(
        sim.told.iter().any(|(_, _, note)| note.contains("was deleted by hand")),
        "{:?}",
        sim.told
    );
}

#[test]
fn an_object_that_lost_our_label_gets_it_back_and_stays_the_same() {
    let mut sim = deployed();
    let uid = sim.server.uid(&id("ConfigMap", "a"));
    sim.server.edit(
        &id("ConfigMap", "a"),
        &["metadata", "labels", names::INSTALLATION_LABEL],
        Value::Null,
    );
    sim.settle();
    assert_eq!(sim.objects("shop"), ["ConfigMap/a", "Deployment/web"]);
    assert_eq!(sim.server.uid(&id("ConfigMap", "a")), uid);
    assert!(
        sim.told.iter().any(|(_, _, note)| {
            note.contains("label kargo.krampoline.io/installation was removed")
                || note.contains("was changed by hand")
        }),
        "{:?}",
        sim.told
    );
}

#[test]
fn what_is_not_in_git_is_left_alone() {
    let mut sim = deployed();
    sim.server.edit(&id("ConfigMap", "a"), &["data", "other"], json!("theirs"));
    sim.server.edit(&id("ConfigMap", "a"), &["metadata", "labels", "theirs"], json!("too"));
    sim.advance(Duration::from_mins(10));
    let object = sim.server.get(&id("ConfigMap", "a")).expect("it stands");
    assert_eq!(
        (&object["data"]["other"], &object["metadata"]["labels"]["theirs"]),
        (&json!("theirs"), &json!("too"))
    );
    assert_eq!((sim.applies(), sim.deletions()), (0, Vec::new()));
    let findings = sim.status("shop").current.map(|current| current.findings).unwrap_or_default();
    let said: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(
        said.iter().any(|text| text.contains("has what is not in git") && text.contains("other")),
        "{said:?}"
    );
    assert!(sim.is_ready("shop"));
}

#[test]
fn the_hundredth_deletion_is_repaired_like_the_first() {
    let mut sim = deployed();
    for _ in 0..100 {
        sim.server.remove(&id("ConfigMap", "a"));
        sim.settle();
        assert!(sim.server.get(&id("ConfigMap", "a")).is_some());
    }
}

#[test]
fn a_fight_over_a_field_slows_down_and_heals_when_it_ends() {
    let mut sim = deployed();
    for _ in 0..50 {
        sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("theirs"));
        sim.advance(Duration::from_secs(1));
    }
    assert!(sim.applies() < 20, "{} applies in 50 seconds", sim.applies());
    sim.advance(Duration::from_mins(2));
    assert_eq!(sim.server.get(&id("ConfigMap", "a")).expect("it stands")["data"]["key"], "1");
}

/// F37: who fights is named, with the field, and it is over when it is over.
#[test]
fn a_fight_is_said_with_field_and_manager_once_and_ends_by_itself() {
    let mut sim = deployed();
    let fighting = |sim: &Sim| sim.condition("shop", "Fighting").map(|(status, _)| status);
    for _ in 0..20 {
        sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("theirs"));
        sim.advance(Duration::from_secs(10));
    }
    assert_eq!(fighting(&sim).as_deref(), Some("True"));
    let status = sim.status("shop");
    let condition = status.conditions.iter().find(|each| each.type_ == "Fighting");
    let said = condition.map(|condition| condition.message.clone()).unwrap_or_default();
    assert!(said.contains("ConfigMap/a: data.key is changed again and again"), "{said}");
    assert_eq!(sim.was_told("shop", EventReason::Fighting), 1);
    sim.advance(Duration::from_mins(10));
    assert_eq!(fighting(&sim).as_deref(), Some("False"));
    assert!(sim.is_ready("shop"));
    sim.forget_writes();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.writes, []);
}

/// F37: one object that is refused for ever must not turn a fight over another one into a storm.
#[test]
fn a_fight_slows_down_also_while_another_object_is_refused() {
    let mut sim = Sim::new();
    sim.server.denied.insert(id("ConfigMap", "bad"));
    sim.deploy("shop", [config_map("a", "1"), config_map("bad", "1")]);
    sim.forget_writes();
    for _ in 0..50 {
        sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("theirs"));
        sim.advance(Duration::from_secs(1));
    }
    assert!(sim.applies() < 20, "{} applies in 50 seconds", sim.applies());
}

/// F35: an object with somebody's finalizer takes its time to go; it is waited for, and comes back.
#[test]
fn an_object_that_is_slow_to_go_is_waited_for() {
    let mut sim = deployed();
    let object = id("ConfigMap", "a");
    for _ in 0..2 {
        sim.server.edit(&object, &["metadata", "finalizers"], json!(["theirs"]));
        sim.settle();
        sim.server.remove(&object);
        sim.advance(Duration::from_mins(3));
        assert!(
            sim.server.get(&object).expect("it is going")["metadata"]["deletionTimestamp"]
                .is_string()
        );
        sim.server.edit(&object, &["metadata", "finalizers"], json!([]));
        sim.settle();
        assert!(
            sim.server.get(&object).expect("it is back")["metadata"]
                .get("deletionTimestamp")
                .is_none()
        );
    }
}

#[test]
fn drift_is_repaired_while_git_is_down() {
    let mut sim = deployed();
    sim.git.down.insert(crate::support::url("shop"));
    sim.settle();
    sim.server.remove(&id("Deployment", "web"));
    sim.settle();
    assert!(sim.server.get(&id("Deployment", "web")).is_some());
    assert!(sim.is_ready("shop"));
}

#[test]
fn drift_is_repaired_while_the_newest_commit_is_broken() {
    let mut sim = deployed();
    sim.push_broken("shop");
    sim.settle();
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("by hand"));
    sim.settle();
    assert_eq!(sim.server.get(&id("ConfigMap", "a")).expect("it stands")["data"]["key"], "1");
}

/// The answer to an apply and the watch come on different ways.
#[test]
fn an_answer_from_before_a_deletion_does_not_hide_the_deletion() {
    let mut sim = deployed();
    sim.push("shop", [config_map("a", "2"), deployment("web", "nginx:1")]);
    while sim.applies() == 0 {
        let action = sim.possible().into_iter().next().expect("an apply comes");
        sim.act(&action, None);
    }
    sim.server.remove(&id("ConfigMap", "a"));
    let watch = Action::Watch(id("ConfigMap", "a").group_kind);
    while sim.possible().contains(&watch) {
        sim.act(&watch, None);
    }
    sim.settle();
    assert!(sim.server.get(&id("ConfigMap", "a")).is_some(), "{}", sim.story());
    assert!(sim.is_ready("shop"));
}
