//! L4: a KargoApp can always be deleted, and its objects stay unless its user said otherwise.

use std::time::Duration;

use kargo_api::DeletionPolicy;
use serde_json::json;

use crate::support::{
    Action, Sim, claim, config_map, id, key,
    shell::{Work, Write},
    url,
};

fn deletes_its_objects(sim: &mut Sim, app: &str) {
    sim.change_app(app, |app| app.spec.deletion_policy = DeletionPolicy::Delete);
    sim.settle();
}

#[test]
fn the_workloads_stay_and_carry_no_marks_any_more() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    sim.delete_app("shop");
    sim.settle();
    assert!(sim.server.apps.is_empty());
    assert_eq!(sim.deletions(), [""; 0]);
    assert!(sim.writes.contains(&Write::Unmarked(id("ConfigMap", "a"))));
    assert_eq!(sim.server.owner(&id("ConfigMap", "a")), None);
}

#[test]
fn there_is_no_finalizer_by_default() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    assert_eq!(sim.server.apps[&key("shop")].metadata.finalizers, None);
}

#[test]
fn with_delete_the_objects_go_first() {
    let mut sim = Sim::new();
    sim.deploy("shop", ["a", "b", "c", "d", "e"].map(|name| config_map(name, "1")));
    deletes_its_objects(&mut sim, "shop");
    sim.delete_app("shop");
    sim.settle();
    assert_eq!(sim.deletions().len(), 5);
    assert!(sim.server.apps.is_empty());
}

#[test]
fn with_delete_volume_claims_stay() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), claim("data")]);
    sim.server.set_status(&id("PersistentVolumeClaim", "data"), json!({"phase": "Bound"}));
    deletes_its_objects(&mut sim, "shop");
    sim.delete_app("shop");
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/a"]);
    assert!(sim.server.apps.is_empty());
}

#[test]
fn with_delete_what_another_app_wants_is_handed_over() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("x", "1")]);
    sim.deploy("other", [config_map("x", "2")]);
    let uid = sim.server.uid(&id("ConfigMap", "x"));
    deletes_its_objects(&mut sim, "shop");
    sim.delete_app("shop");
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/a"]);
    assert_eq!(
        (sim.server.uid(&id("ConfigMap", "x")), sim.server.owner(&id("ConfigMap", "x"))),
        (uid, Some(key("other")))
    );
}

#[test]
fn it_ends_with_git_down() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    deletes_its_objects(&mut sim, "shop");
    sim.git.down.insert(url("shop"));
    sim.restart();
    sim.delete_app("shop");
    sim.advance(Duration::from_mins(1));
    assert!(sim.server.apps.is_empty());
    assert_eq!(sim.deletions(), ["ConfigMap/a"]);
}

#[test]
fn it_ends_although_a_deletion_is_denied_for_ever() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    deletes_its_objects(&mut sim, "shop");
    sim.server.denied_deletes.insert(id("ConfigMap", "a"));
    sim.delete_app("shop");
    sim.advance(Duration::from_hours(1));
    assert!(sim.server.apps.is_empty());
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
}

/// What is still being created when the app is deleted is not left behind.
#[test]
fn an_apply_that_is_under_way_is_waited_for() {
    let mut sim = Sim::new();
    sim.change_app("shop", |app| app.spec.deletion_policy = DeletionPolicy::Delete);
    sim.push("shop", [config_map("a", "1"), config_map("b", "1")]);
    while !sim.shell.tasks.iter().any(|task| matches!(task.work, Work::Apply { .. })) {
        let action = sim.possible().into_iter().next().expect("an apply comes");
        sim.act(&action, None);
    }
    sim.delete_app("shop");
    while sim.possible().contains(&Action::Apps) {
        sim.act(&Action::Apps, None);
    }
    // Everything else first; then the apply goes on.
    while let Some(action) = sim.possible().into_iter().find(|action| {
        !matches!(action, Action::Work(index) if matches!(sim.shell.tasks[*index].work, Work::Apply { .. }))
    }) {
        sim.act(&action, None);
    }
    sim.settle();
    assert!(sim.server.apps.is_empty());
    assert_eq!(sim.server.objects.len(), 0, "{}", sim.story());
}

/// F47: deleted and created again at once.
#[test]
fn an_app_that_is_deleted_and_created_again_takes_its_objects_back() {
    for seen_between in [false, true] {
        let mut sim = Sim::new();
        sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
        let uid = sim.server.uid(&id("ConfigMap", "a"));
        sim.delete_app("shop");
        if seen_between {
            sim.settle();
        }
        sim.change_app("shop", |_| {});
        sim.advance(Duration::from_mins(1));
        assert_eq!(sim.objects("shop"), ["ConfigMap/a", "ConfigMap/b"]);
        assert_eq!(sim.server.uid(&id("ConfigMap", "a")), uid);
        assert_eq!(sim.deletions(), [""; 0]);
        assert!(sim.is_ready("shop"));
    }
}

/// I1: right after a start, an app that is being deleted waits for what the others have to say.
#[test]
fn nothing_goes_with_a_deleted_app_before_the_others_have_spoken() {
    let mut sim = Sim::new();
    sim.deploy("other", [config_map("b", "1"), config_map("x", "2")]);
    sim.restart();
    sim.server.remove(&id("ConfigMap", "x"));
    sim.deploy("shop", [config_map("x", "1")]);
    deletes_its_objects(&mut sim, "shop");
    sim.restart();
    sim.delete_app("shop");
    let loads_other = |sim: &Sim, index: usize| matches!(&sim.shell.tasks[index].work, Work::Load { app, .. } if *app == key("other"));
    loop {
        let next = sim
            .possible()
            .into_iter()
            .find(|action| !matches!(action, Action::Work(index) if loads_other(&sim, *index)));
        let Some(action) = next else { break };
        sim.act(&action, None);
    }
    assert_eq!(sim.deletions(), [""; 0], "{}", sim.story());
    sim.settle();
    assert!(!sim.server.apps.contains_key(&key("shop")));
    assert_eq!(sim.server.owner(&id("ConfigMap", "x")), Some(key("other")));
}
