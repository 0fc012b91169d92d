//! What left git is deleted: only after the new state is up, never unasked where data would be lost.

use std::time::Duration;

use kargo_api::reasons::EventReason;
use serde_json::{Value, json};

use crate::support::{Action, Sim, Work, claim, config_map, deployment, id, key, server::up};

#[test]
fn what_left_git_is_deleted() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
    assert!(sim.is_ready("shop"));
}

#[test]
fn what_a_newer_commit_wants_again_is_not_deleted() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.push("shop", [config_map("a", "1")]);
    let is_prune = |sim: &Sim, action: &Action| matches!(action, Action::Work(task) if matches!(sim.shell.tasks[*task].work, Work::Look { .. } | Work::Delete { .. }));
    // The prune is about to look at its first object, and is slow.
    let go_on = |sim: &mut Sim| {
        while let Some(action) = sim.possible().into_iter().find(|action| !is_prune(sim, action)) {
            sim.act(&action, None);
        }
    };
    go_on(&mut sim);
    assert!(sim.possible().iter().any(|action| is_prune(&sim, action)));
    sim.push("shop", [config_map("a", "1"), config_map("b", "1")]);
    go_on(&mut sim);
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    assert!(sim.is_ready("shop"));
}

#[test]
fn nothing_is_deleted_before_the_new_state_is_up() {
    let mut sim = Sim::new();
    sim.deploy("shop", [deployment("web", "nginx:1"), config_map("old", "1")]);
    sim.server.rolls_out = false;
    sim.push("shop", [deployment("web", "nginx:2"), config_map("new", "1")]);
    sim.advance(Duration::from_mins(1));
    assert_eq!(sim.deletions(), [""; 0]);
    let status = up(sim.server.get(&id("Deployment", "web")).expect("it stands"));
    sim.server.set_status(&id("Deployment", "web"), status);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/old"]);
}

#[test]
fn a_denied_deletion_is_tried_again_and_not_forgotten() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.server.denied_deletes.insert(id("ConfigMap", "b"));
    sim.push("shop", [config_map("a", "1")]);
    sim.advance(Duration::from_mins(5));
    assert_eq!(
        sim.condition("shop", "Ready"),
        Some(("False".to_owned(), "PruneFailed".to_owned()))
    );
    sim.server.denied_deletes.clear();
    sim.advance(Duration::from_mins(15));
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
    assert!(sim.is_ready("shop"));
}

/// A denied deletion, and then drift: nothing may spin while neither can go on.
#[test]
fn a_denied_deletion_beside_an_object_that_cannot_be_repaired_is_quiet() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.server.denied_deletes.insert(id("ConfigMap", "b"));
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    sim.server.denied.insert(id("ConfigMap", "a"));
    sim.server.edit(&id("ConfigMap", "a"), &["data", "key"], json!("by hand"));
    sim.advance(Duration::from_mins(30));
    sim.server.denied.clear();
    sim.server.denied_deletes.clear();
    sim.advance(Duration::from_mins(30));
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
    assert!(sim.is_ready("shop"));
}

#[test]
fn an_object_with_prune_disabled_stays() {
    let mut sim = Sim::new();
    let mut kept = config_map("b", "1");
    kept["metadata"]["annotations"] = json!({"kargo.krampoline.io/prune": "disabled"});
    sim.deploy("shop", [config_map("a", "1"), kept]);
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
}

#[test]
fn a_volume_claim_is_kept_until_somebody_consents() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), claim("data")]);
    let bound = json!({"phase": "Bound"});
    sim.server.set_status(&id("PersistentVolumeClaim", "data"), bound);
    sim.settle();
    let commit = sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    assert!(
        sim.status("shop")
            .message
            .is_some_and(|message| message.contains("PersistentVolumeClaim/data"))
    );
    sim.confirm("shop", &commit);
    sim.settle();
    assert_eq!(sim.deletions(), ["PersistentVolumeClaim/data"]);
}

#[test]
fn prune_false_keeps_everything_and_prune_true_catches_up() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.change_app("shop", |app| app.spec.sync.prune = false);
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    assert!(sim.is_ready("shop"));
    sim.change_app("shop", |app| app.spec.sync.prune = true);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
}

/// A write whose answer is lost and that arrives late, after its object left git.
#[test]
fn an_object_that_appears_with_our_marks_and_is_not_desired_is_deleted() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1"), config_map("c", "1")]);
    let (late, owners) = sim.server.back_up(&id("ConfigMap", "b"));
    sim.push("shop", [config_map("a", "1"), config_map("c", "1")]);
    sim.settle();
    sim.forget_writes();
    sim.server.create_raw(late, owners);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
}

/// F62: marks and managedFields restored elsewhere do not make an object ours.
#[test]
fn a_backup_restored_into_another_namespace_is_not_ours() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    let (mut copy, owners) = sim.server.back_up(&id("ConfigMap", "b"));
    copy["metadata"]["namespace"] = json!("elsewhere");
    sim.server.create_raw(copy, owners);
    sim.push("shop", [config_map("a", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/b"]);
    assert!(sim.server.objects.keys().any(|id| id.namespace.as_deref() == Some("elsewhere")));
}

/// F49: an operator copies our labels and annotations to its children.
#[test]
fn copied_marks_do_not_make_an_object_ours() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1")]);
    let (mut copy, owners) = sim.server.back_up(&id("ConfigMap", "a"));
    copy["metadata"]["name"] = json!("a-child");
    sim.server.create_raw(copy, owners);
    sim.push("shop", [config_map("other", "1")]);
    sim.settle();
    assert_eq!(sim.deletions(), ["ConfigMap/a"]);
}

#[test]
fn an_object_whose_marks_were_taken_off_by_hand_is_left_alone() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.server.rolls_out = false;
    sim.push("shop", [config_map("a", "1"), deployment("web", "nginx:1")]);
    sim.settle();
    sim.server.edit(
        &id("ConfigMap", "b"),
        &["metadata", "labels", "kargo.krampoline.io/app"],
        Value::Null,
    );
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(sim.was_told("shop", EventReason::Pruned), 0);
    assert!(sim.server.owned_by(&key("shop")).len() == 2);
}
