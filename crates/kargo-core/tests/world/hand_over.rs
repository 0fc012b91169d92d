//! F44: an object that moves from one app to another is never deleted, whatever the order.

use std::time::Duration;

use crate::support::{Sim, config_map, id, key, url};

const MOVED: &str = "moved";

/// Two apps; `from` has the object.
fn two_apps() -> (Sim, Option<String>) {
    let mut sim = Sim::new();
    sim.deploy("from", [config_map("a", "1"), config_map(MOVED, "1")]);
    sim.deploy("to", [config_map("b", "1")]);
    let uid = sim.server.uid(&id("ConfigMap", MOVED));
    sim.forget_writes();
    (sim, uid)
}

fn give(sim: &mut Sim) {
    sim.push("from", [config_map("a", "1")]);
}

fn take(sim: &mut Sim) {
    sim.push("to", [config_map("b", "1"), config_map(MOVED, "2")]);
}

fn has_moved(sim: &Sim, uid: Option<&String>) {
    assert_eq!(sim.deletions(), [""; 0], "{}", sim.story());
    assert_eq!(sim.server.uid(&id("ConfigMap", MOVED)).as_ref(), uid);
    assert_eq!(sim.server.owner(&id("ConfigMap", MOVED)), Some(key("to")), "{}", sim.story());
    assert!(sim.is_ready("from") && sim.is_ready("to"));
}

#[test]
fn the_new_owner_comes_first() {
    let (mut sim, uid) = two_apps();
    take(&mut sim);
    sim.settle();
    give(&mut sim);
    sim.settle();
    has_moved(&sim, uid.as_ref());
}

#[test]
fn one_push_to_a_repository_of_both() {
    let (mut sim, uid) = {
        let mut sim = Sim::new();
        let folder = |objects| crate::support::git::Folder::Objects(objects);
        sim.git.push(
            &url("both"),
            "from",
            folder(vec![config_map("a", "1"), config_map(MOVED, "1")]),
        );
        sim.git.push(&url("both"), "to", folder(vec![config_map("b", "1")]));
        for app in ["from", "to"] {
            sim.change_app(app, |stored| {
                stored.spec.source.repo_url = url("both");
                stored.spec.source.path = app.to_owned();
            });
        }
        sim.settle();
        let uid = sim.server.uid(&id("ConfigMap", MOVED));
        sim.git.push(&url("both"), "from", folder(vec![config_map("a", "1")]));
        sim.git.push(
            &url("both"),
            "to",
            folder(vec![config_map("b", "1"), config_map(MOVED, "2")]),
        );
        (sim, uid)
    };
    sim.forget_writes();
    sim.settle();
    has_moved(&sim, uid.as_ref());
}

#[test]
fn the_new_owner_is_denied_at_first() {
    let (mut sim, uid) = two_apps();
    take(&mut sim);
    sim.settle();
    sim.server.denied.insert(id("ConfigMap", MOVED));
    give(&mut sim);
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.deletions(), [""; 0]);
    sim.server.denied.clear();
    sim.advance(Duration::from_mins(15));
    has_moved(&sim, uid.as_ref());
}

/// The new owner has the claim and could not use it before the crash; then its git is down.
#[test]
fn the_new_owner_is_denied_and_there_is_a_restart_while_its_git_is_down() {
    let (mut sim, uid) = two_apps();
    take(&mut sim);
    sim.settle();
    sim.server.denied.insert(id("ConfigMap", MOVED));
    give(&mut sim);
    sim.advance(Duration::from_mins(10));
    sim.git.down.insert(url("to"));
    sim.restart();
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.deletions(), [""; 0], "{}", sim.story());
    sim.git.down.clear();
    sim.server.denied.clear();
    sim.advance(Duration::from_mins(30));
    has_moved(&sim, uid.as_ref());
}

#[test]
fn the_new_owner_is_broken_and_the_old_one_lets_go() {
    let (mut sim, uid) = two_apps();
    take(&mut sim);
    sim.settle();
    sim.push_broken("to");
    sim.settle();
    give(&mut sim);
    sim.settle();
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(sim.server.uid(&id("ConfigMap", MOVED)), uid);
    // Its last good state is still what it wants.
    assert_eq!(sim.server.owner(&id("ConfigMap", MOVED)), Some(key("to")));
}

/// F64: the controller restarts, the git of the one that still wants the object is down, the other drops it.
#[test]
fn a_refused_claim_protects_the_object_over_a_restart() {
    let (mut sim, uid) = two_apps();
    take(&mut sim);
    sim.settle();
    sim.git.down.insert(url("to"));
    sim.restart();
    give(&mut sim);
    sim.advance(Duration::from_mins(10));
    assert_eq!(sim.deletions(), [""; 0]);
    assert_eq!(sim.server.uid(&id("ConfigMap", MOVED)), uid);
    sim.git.down.clear();
    sim.advance(Duration::from_mins(10));
    has_moved(&sim, uid.as_ref());
}

/// Both let go in the end: then the object goes, in the same process.
#[test]
fn an_object_that_nobody_wants_any_more_goes() {
    for down in [false, true] {
        let (mut sim, _) = two_apps();
        take(&mut sim);
        sim.settle();
        if down {
            sim.git.down.insert(url("to"));
            sim.restart();
        } else {
            sim.server.denied.insert(id("ConfigMap", MOVED));
        }
        give(&mut sim);
        sim.advance(Duration::from_mins(5));
        assert_eq!(sim.deletions(), [""; 0]);
        sim.push("to", [config_map("b", "1")]);
        sim.git.down.clear();
        sim.advance(Duration::from_mins(20));
        assert_eq!(sim.deletions(), ["ConfigMap/moved"], "git was down: {down}\n{}", sim.story());
    }
}

#[test]
fn a_claim_of_a_deleted_app_does_not_keep_an_object() {
    let (mut sim, _) = two_apps();
    take(&mut sim);
    sim.settle();
    sim.server.denied.insert(id("ConfigMap", MOVED));
    give(&mut sim);
    sim.settle();
    sim.delete_app("to");
    sim.advance(Duration::from_mins(5));
    assert_eq!(sim.deletions(), ["ConfigMap/moved"], "{}", sim.story());
}

/// Two repositories, two pushes, and git is asked for the giver first: the taker is asked before anything is deleted.
#[test]
fn two_pushes_at_the_same_moment() {
    let (mut sim, uid) = two_apps();
    give(&mut sim);
    take(&mut sim);
    let poll = crate::support::Action::Poll(key("from"));
    sim.act(&poll, None);
    while let Some(action) =
        sim.possible().into_iter().find(|action| !matches!(action, crate::support::Action::Poll(_)))
    {
        sim.act(&action, None);
    }
    sim.settle();
    has_moved(&sim, uid.as_ref());
}
