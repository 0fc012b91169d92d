//! Everything in every order: random interleavings of commits, changes by hand, faults and crashes over three
//! apps that share six objects. The rules of safety are checked at every deletion (`support::guard`). When
//! the faults stop, the cluster becomes what git says (L1), and then nothing is written any more (L2).

use std::{collections::BTreeSet, time::Duration};

use kargo_api::{DeletionPolicy, KargoApp, SyncMode, names, spec::AppReference};
use kargo_core::object::ObjectId;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::support::{
    Sim, config_map, deployment,
    git::Folder,
    id, key,
    server::up,
    shell::{Fault, Write},
    url,
};

const APPS: [&str; 3] = ["one", "two", "three"];

/// The objects that every app may want. The last one is a Deployment that does not come up by itself.
fn object(number: usize, value: u8) -> Value {
    match number {
        5 => deployment("web", &format!("nginx:{value}")),
        number => config_map(&format!("c{number}"), &value.to_string()),
    }
}

fn object_id(number: usize) -> ObjectId {
    match number {
        5 => id("Deployment", "web"),
        number => id("ConfigMap", &format!("c{number}")),
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// One of the things that are possible, chosen by the number.
    Go(usize),
    /// The same, and it goes wrong if it is a call.
    Fail(usize, bool),
    /// A commit with these objects (bits) and this content.
    Push(usize, u8, u8),
    Break(usize),
    Revert(usize),
    GitDown(usize),
    GitUp(usize),
    DeleteByHand(usize),
    EditByHand(usize),
    Deny(usize),
    DenyDelete(usize),
    AllowAll,
    RollOut,
    CreateApp(usize),
    DeleteApp(usize),
    SetPolicy(usize, bool),
    Suspend(usize, bool),
    SetManual(usize, bool),
    SetSelfHeal(usize, bool),
    /// The first app depends on the second one, or on nothing.
    Depend(usize, Option<usize>),
    /// Somebody asks for a deployment.
    Ask(usize, u8),
    Crash,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let app = 0..APPS.len();
    let object = 0..6_usize;
    prop_oneof![
        60 => any::<prop::sample::Index>().prop_map(|index| Step::Go(index.index(1 << 16))),
        6 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(index, lost)| Step::Fail(index.index(1 << 16), lost)),
        7 => (app.clone(), 0..64_u8, 0..3_u8).prop_map(|(app, bits, value)| Step::Push(app, bits, value)),
        1 => app.clone().prop_map(Step::Break),
        1 => app.clone().prop_map(Step::Revert),
        1 => app.clone().prop_map(Step::GitDown),
        1 => app.clone().prop_map(Step::GitUp),
        2 => object.clone().prop_map(Step::DeleteByHand),
        2 => object.clone().prop_map(Step::EditByHand),
        1 => object.clone().prop_map(Step::Deny),
        1 => object.prop_map(Step::DenyDelete),
        1 => Just(Step::AllowAll),
        2 => Just(Step::RollOut),
        3 => app.clone().prop_map(Step::CreateApp),
        1 => app.clone().prop_map(Step::DeleteApp),
        1 => (app.clone(), any::<bool>()).prop_map(|(app, delete)| Step::SetPolicy(app, delete)),
        1 => (app.clone(), any::<bool>()).prop_map(|(app, on)| Step::Suspend(app, on)),
        1 => (app.clone(), any::<bool>()).prop_map(|(app, on)| Step::SetManual(app, on)),
        1 => (app.clone(), any::<bool>()).prop_map(|(app, on)| Step::SetSelfHeal(app, on)),
        1 => (app.clone(), prop::option::of(app.clone())).prop_map(|(app, on)| Step::Depend(app, on)),
        1 => (app, any::<u8>()).prop_map(|(app, when)| Step::Ask(app, when)),
        2 => Just(Step::Crash),
        4 => (0..400_u16).prop_map(Step::Wait),
    ]
}

fn run_step(sim: &mut Sim, step: &Step) {
    match *step {
        Step::Go(number) | Step::Fail(number, _) => {
            let possible = sim.possible();
            if let Some(action) = possible.get(number % possible.len().max(1)) {
                let fault = match step {
                    Step::Fail(_, true) => Some(Fault::AnswerLost),
                    Step::Fail(_, false) => Some(Fault::Refused),
                    _ => None,
                };
                sim.act(action, fault);
            }
        }
        Step::Push(app, bits, value) => {
            let objects = (0..6)
                .filter(|number| bits & (1 << number) != 0)
                .map(|number| object(number, value));
            sim.push(APPS[app], objects.collect::<Vec<_>>());
        }
        Step::Break(app) => {
            sim.push_broken(APPS[app]);
        }
        Step::Revert(app) => {
            if let Some(before) = sim.git.parent_of_tip(&url(APPS[app])) {
                sim.git.reset(&url(APPS[app]), &before);
            }
        }
        Step::GitDown(app) => {
            sim.git.down.insert(url(APPS[app]));
        }
        Step::GitUp(app) => {
            sim.git.down.remove(&url(APPS[app]));
        }
        Step::DeleteByHand(number) => sim.server.remove(&object_id(number)),
        Step::EditByHand(number) => {
            let field: &[&str] = if number == 5 { &["spec", "replicas"] } else { &["data", "key"] };
            let value = if number == 5 { json!(7) } else { json!("by hand") };
            if sim.server.get(&object_id(number)).is_some() {
                sim.server.edit(&object_id(number), field, value);
            }
        }
        Step::Deny(number) => {
            sim.server.denied.insert(object_id(number));
        }
        Step::DenyDelete(number) => {
            sim.server.denied_deletes.insert(object_id(number));
        }
        Step::AllowAll => allow_all(sim),
        Step::RollOut => roll_out(sim),
        Step::CreateApp(app) => {
            if !sim.server.apps.contains_key(&key(APPS[app])) {
                sim.change_app(APPS[app], |_| {});
            }
        }
        Step::DeleteApp(app) => sim.delete_app(APPS[app]),
        Step::SetPolicy(app, delete) => {
            let policy = if delete { DeletionPolicy::Delete } else { DeletionPolicy::Orphan };
            change(sim, app, |app| app.spec.deletion_policy = policy);
        }
        Step::Suspend(app, on) => change(sim, app, |app| app.spec.suspend = on),
        Step::SetManual(app, on) => {
            let mode = if on { SyncMode::Manual } else { SyncMode::Automatic };
            change(sim, app, |app| app.spec.sync.mode = mode);
        }
        Step::SetSelfHeal(app, on) => change(sim, app, |app| app.spec.sync.self_heal = on),
        Step::Depend(app, on) => {
            let on = on.map(|other| AppReference { name: APPS[other].to_owned() });
            change(sim, app, |app| app.spec.depends_on = on.into_iter().collect());
        }
        Step::Ask(app, when) => change(sim, app, |app| {
            let annotations = app.metadata.annotations.get_or_insert_default();
            annotations.insert(names::SYNC_REQUESTED_ANNOTATION.to_owned(), when.to_string());
        }),
        Step::Crash => sim.restart(),
        Step::Wait(seconds) => sim.wait(Duration::from_secs(seconds.into())),
    }
}

fn change(sim: &mut Sim, app: usize, change: impl FnOnce(&mut KargoApp)) {
    if sim.server.apps.contains_key(&key(APPS[app])) {
        sim.change_app(APPS[app], change);
    }
}

fn allow_all(sim: &mut Sim) {
    sim.server.denied.clear();
    sim.server.denied_deletes.clear();
}

fn roll_out(sim: &mut Sim) {
    let web = object_id(5);
    if let Some(status) = sim.server.get(&web).map(up) {
        sim.server.set_status(&web, status);
    }
}

/// The faults stop, people consent to what is held, and time passes.
fn calm_down(sim: &mut Sim) {
    allow_all(sim);
    for app in 0..APPS.len() {
        change(sim, app, |app| {
            app.spec.suspend = false;
            app.spec.sync = kargo_api::Sync::default();
            app.spec.depends_on.clear();
        });
    }
    sim.git.down.clear();
    sim.server.rolls_out = true;
    roll_out(sim);
    for round in 0..4 {
        sim.advance(Duration::from_mins(30));
        for app in sim.live_apps() {
            let held = sim.condition(&app.name, "Held").is_some_and(|(status, _)| status == "True");
            if let Some(commit) =
                sim.git.tip(&url(&app.name)).cloned().filter(|_| held && round < 3)
            {
                sim.confirm(&app.name, &commit);
            }
        }
    }
}

/// What the newest commit of an app wants, if it can be rendered and is not empty.
fn wanted(sim: &Sim, app: &str) -> Option<Vec<Value>> {
    let tip = sim.git.tip(&url(app))?;
    match sim.git.folder(tip, "k8s")? {
        Folder::Objects(objects) if !objects.is_empty() => Some(objects.clone()),
        Folder::Objects(_) | Folder::Broken => None,
    }
}

/// L1: what a live app wants stands as it wants it, and what it does not want is gone.
fn check_end(sim: &Sim) {
    let live = sim.live_apps();
    let wanted = |app: &str| wanted(sim, app);
    for number in 0..6 {
        let object = object_id(number);
        let stands = sim.server.get(&object);
        let owner = sim.server.owner(&object);
        let claimants: BTreeSet<_> = live
            .iter()
            .filter(|app| {
                wanted(&app.name).is_some_and(|objects| {
                    objects.iter().any(|wanted| wanted["metadata"]["name"] == *object.name)
                })
            })
            .collect();
        let undecided = live.iter().any(|app| wanted(&app.name).is_none());
        if undecided {
            // A broken or empty tip: the last good state stays, and the model does not say which that is.
            continue;
        }
        if claimants.is_empty() {
            // An app with a refused claim is not fully applied and prunes nothing.
            let orphaned = owner.filter(|owner| {
                live.contains(owner) && sim.status(&owner.name).refused_claims.is_empty()
            });
            assert!(orphaned.is_none(), "{object} is an orphan of {orphaned:?}\n{}", sim.story());
            continue;
        }
        let owner = owner.unwrap_or_else(|| {
            panic!("{object} is wanted by {claimants:?} and has no owner\n{}", sim.story())
        });
        if !sim.status(&owner.name).refused_claims.is_empty() && !claimants.contains(&owner) {
            continue;
        }
        assert!(
            claimants.contains(&owner),
            "{object} belongs to {owner}, which does not want it; {claimants:?} do\n{}",
            sim.story()
        );
        let want = wanted(&owner.name).and_then(|objects| {
            objects.into_iter().find(|wanted| wanted["metadata"]["name"] == *object.name)
        });
        let want = want.expect("its owner wants it");
        let stands = stands.expect("it has an owner");
        for field in ["data", "spec"] {
            assert_eq!(
                stands.get(field),
                want.get(field),
                "{object} of {owner} is not as git has it\n{}",
                sim.story()
            );
        }
    }
    for app in &live {
        let status = sim.status(&app.name);
        let generation = sim.server.apps[app].metadata.generation;
        assert_eq!(status.observed_generation, generation, "{app} {:?}", status.message);
        let refused = !status.refused_claims.is_empty();
        if wanted(&app.name).is_some() {
            assert_eq!(
                sim.is_ready(&app.name),
                !refused,
                "{app}: {:?}\n{}",
                status.message,
                sim.story()
            );
        }
    }
}

fn check(steps: &[Step]) {
    let mut sim = Sim::new();
    sim.server.rolls_out = false;
    for step in steps {
        sim.comment(&format!("{step:?}"));
        run_step(&mut sim, step);
    }
    calm_down(&mut sim);
    check_end(&sim);
    sim.forget_writes();
    sim.advance(Duration::from_hours(1));
    assert!(sim.writes.is_empty(), "L2: {:?}\n{}", sim.writes, sim.story());
    let statuses = |sim: &Sim| -> Vec<_> {
        sim.server.apps.values().map(|app| app.status.clone().unwrap_or_default()).collect()
    };
    let before = statuses(&sim);
    sim.restart();
    sim.advance(Duration::from_hours(1));
    // Taking marks off is best effort; a restart tries again. Who waits for whom behind an app that cannot be
    // rendered is found out anew.
    sim.writes.retain(|write| !matches!(write, Write::Unmarked(_)));
    let decided = sim.live_apps().iter().all(|app| wanted(&sim, &app.name).is_some());
    assert!(
        !decided || sim.writes.is_empty(),
        "a restart wrote {:?}\n{}\n{before:#?}\n{:#?}",
        sim.writes,
        sim.story(),
        statuses(&sim)
    );
    check_end(&sim);
}

#[test]
fn whatever_happens_in_whatever_order() {
    let config = Config { failure_persistence: None, max_shrink_iters: 600, ..Config::default() };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, seed);
    let steps = prop::collection::vec(step(), 20..250);
    if let Err(error) = runner.run(&steps, |steps| {
        check(&steps);
        Ok(())
    }) {
        panic!("{error}");
    }
}
