//! F13, I7: a crash at any point leaves neither an orphan nor a wrong delete; a restart writes nothing.

use std::time::Duration;

use kargo_api::DeletionPolicy;

use crate::support::{Action, Sim, config_map, deployment, id, key, shell::Write};

#[test]
fn a_restart_when_nothing_is_wrong_writes_nothing() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), deployment("web", "nginx:1")]);
    sim.deploy("other", [config_map("b", "1")]);
    sim.advance(Duration::from_mins(1));
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.writes, []);
    assert_eq!(sim.told, []);
}

#[test]
fn a_restart_of_an_app_that_is_not_healthy_says_nothing_new() {
    let mut sim = Sim::new();
    sim.server.rolls_out = false;
    sim.deploy("shop", [deployment("web", "nginx:1")]);
    sim.advance(Duration::from_mins(10));
    sim.forget_writes();
    sim.restart();
    sim.advance(Duration::from_hours(1));
    assert_eq!(sim.writes, [], "{:?}", sim.status("shop").message);
    assert_eq!(sim.told, []);
}

#[test]
fn drift_during_a_restart_is_repaired() {
    let mut sim = Sim::new();
    sim.deploy("shop", [config_map("a", "1"), config_map("b", "1")]);
    sim.restart();
    sim.server.remove(&id("ConfigMap", "a"));
    sim.settle();
    assert_eq!(sim.objects("shop"), ["ConfigMap/a", "ConfigMap/b"]);
}

/// Runs the workload, with a crash after the n-th step. The answer is how many steps it took.
fn crash_after(steps: Option<usize>, workload: impl FnOnce(&mut Sim)) -> (Sim, usize) {
    let mut sim = Sim::new();
    sim.deploy(
        "shop",
        [config_map("a", "1"), config_map("old", "1"), deployment("web", "nginx:1")],
    );
    sim.deploy("other", [config_map("b", "1")]);
    sim.forget_writes();
    workload(&mut sim);
    let mut taken = 0;
    while let Some(action) = sim.possible().into_iter().next() {
        if Some(taken) == steps {
            sim.restart();
        }
        if let Some(action) = Some(action).filter(|_| Some(taken) != steps) {
            sim.act(&action, None);
        }
        taken += 1;
        assert!(taken < 2_000, "goes on and on");
    }
    sim.advance(Duration::from_hours(1));
    (sim, taken)
}

/// The end is the same as without the crash, and so is the number of deletions of each object.
fn sweep(workload: impl Fn(&mut Sim)) {
    let (clean, steps) = crash_after(None, &workload);
    for step in 0..steps {
        let (crashed, _) = crash_after(Some(step), &workload);
        let objects = |sim: &Sim| {
            sim.server
                .objects
                .keys()
                .map(|id| (id.clone(), sim.server.owner(id)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            objects(&crashed),
            objects(&clean),
            "after a crash at step {step}\n{}",
            crashed.story()
        );
        let deleted = |sim: &Sim| {
            let mut deleted = sim.deletions();
            deleted.sort();
            deleted
        };
        assert_eq!(deleted(&crashed), deleted(&clean), "after a crash at step {step}");
        for app in ["shop", "other"] {
            if let Some(status) =
                crashed.server.apps.get(&key(app)).and_then(|app| app.status.as_ref())
            {
                let before = clean.server.apps[&key(app)].status.clone().expect("it has one");
                assert_eq!(
                    (&status.message, &status.health),
                    (&before.message, &before.health),
                    "after a crash at step {step}"
                );
            }
        }
    }
}

#[test]
fn a_crash_anywhere_in_an_update_changes_nothing_of_its_outcome() {
    sweep(|sim| {
        sim.push(
            "shop",
            [config_map("a", "2"), config_map("new", "1"), deployment("web", "nginx:2")],
        );
    });
}

#[test]
fn a_crash_anywhere_in_a_hand_over_changes_nothing_of_its_outcome() {
    sweep(|sim| {
        sim.push("other", [config_map("b", "1"), config_map("old", "2")]);
        sim.settle();
        sim.push("shop", [config_map("a", "1"), deployment("web", "nginx:1")]);
    });
}

#[test]
fn a_crash_anywhere_in_a_deletion_changes_nothing_of_its_outcome() {
    sweep(|sim| {
        sim.change_app("shop", |app| app.spec.deletion_policy = DeletionPolicy::Delete);
        sim.settle();
        sim.delete_app("shop");
    });
}

#[test]
fn a_kind_is_recorded_before_its_first_object_is_created() {
    let mut sim = Sim::new();
    sim.push("shop", [config_map("a", "1"), deployment("web", "nginx:1")]);
    sim.change_app("shop", |_| {});
    while let Some(action) = sim.possible().into_iter().next() {
        sim.act(&action, None);
        for write in &sim.writes {
            let Write::Applied(_, id) = write else { continue };
            assert!(
                sim.server.inventory.contains(&id.group_kind),
                "{id} is there and its kind is not recorded"
            );
        }
    }
    assert_eq!(sim.applies(), 2);
}

/// An object that goes before its owner has spoken still is its owner's.
#[test]
fn an_object_that_is_deleted_right_after_the_start_is_not_given_away() {
    let mut sim = Sim::new();
    sim.deploy("first", [config_map("x", "first")]);
    sim.deploy("second", [config_map("x", "second")]);
    sim.push_broken("second");
    sim.settle();
    sim.restart();
    // The start is over and nothing is loaded.
    while !sim.world.is_started() {
        let action = sim.possible().into_iter().next().expect("a start");
        sim.act(&action, None);
    }
    sim.server.remove(&id("ConfigMap", "x"));
    let watch = Action::Watch(id("ConfigMap", "x").group_kind);
    while sim.possible().contains(&watch) {
        sim.act(&watch, None);
    }
    sim.settle();
    assert_eq!(sim.server.owner(&id("ConfigMap", "x")), Some(key("first")), "{}", sim.story());
}
