//! The state of all apps of an installation: a total function of (state, event) to (state, commands).
//!
//! [`World::handle`] takes what was seen and answers with what is to be done. It never waits: a load, an
//! apply, a prune or a write is a [`Command`] whose outcome comes back as an [`Event`], and waiting for
//! health, for a kind to be listed or for somebody's consent is a state. There is no clock in here; the
//! time comes with each event, and [`World::next_wake`] says when [`Event::Tick`] is wanted.
//!
//! - [`event`]: what the world is told and what it wants done.
//! - `app`, `deployment`: the state of one app, with the diagram of its phases, and of what it deploys.
//! - `cluster`, `claims`: what is known of live objects, and who owns which.
//! - `apps`, `objects`, `loads`, `answers`: what the events change, by where they come from.
//! - `gate`: what a rendered set waits for before it is deployed. `step`: what one app does next; `pruning`: when
//!   it deletes; `removal`: what a deleted app does; `repairs`: what is put back, and who fights over it.
//! - `verdict`: what people are told of it.

mod answers;
mod app;
mod apps;
mod claims;
mod cluster;
mod deployment;
pub mod event;
mod gate;
mod loads;
mod objects;
mod pruning;
mod removal;
mod repairs;
mod step;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use app::{App, Phase};
use claims::Claims;
use cluster::{Cluster, Tracking};
use event::{Command, Event, Now};

use crate::{
    marks::Mark,
    object::{AppKey, GroupKind, ObjectId},
};

/// First and longest delay before what may go away by itself is tried again.
const TRANSIENT_DELAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_mins(1));

/// First and longest delay before what needs somebody to act is tried again all the same.
const PERMANENT_DELAY: (Duration, Duration) = (Duration::from_secs(15), Duration::from_mins(10));

/// All apps of an installation, and what is known of the cluster.
#[derive(Debug)]
pub struct World {
    apps: BTreeMap<AppKey, App>,
    /// Apps that are there and cannot be read: they keep what they have, as they were last known.
    unreadable: BTreeSet<AppKey>,
    cluster: Cluster,
    claims: Claims,
    /// Namespaces whose apps are served; `None` stands for all namespaces.
    scopes: BTreeSet<Option<String>>,
    /// Those whose apps have not been listed yet.
    unlisted: BTreeSet<Option<String>>,
    /// Everything that existed at the start has been seen; before that nothing is applied or deleted.
    started: bool,
    /// How many applies there have been.
    runs: u64,
    /// The applies that have not ended.
    running: BTreeSet<u64>,
    /// Incarnations that the watch saw go while an apply was under way, and the newest apply at that time. The
    /// answers of an apply and the watch come on different ways: an answer that shows one of them is older.
    gone: HashMap<(ObjectId, String), u64>,
    /// How many events there have been: the order in which things became known.
    events: u64,
    touched: BTreeSet<AppKey>,
    timers: BTreeSet<(Duration, AppKey)>,
    commands: Vec<Command>,
}

impl World {
    /// A world that waits for the lists of its apps, one for each of `namespaces` (`None` stands for all), and
    /// of `kinds`, the kinds that the installation has ever used.
    pub fn new(
        namespaces: impl IntoIterator<Item = Option<String>>,
        kinds: impl IntoIterator<Item = GroupKind>,
    ) -> Self {
        let scopes: BTreeSet<Option<String>> = namespaces.into_iter().collect();
        let mut cluster = Cluster::default();
        for group_kind in kinds {
            cluster.track(group_kind, Tracking::Requested);
        }
        Self {
            apps: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            cluster,
            claims: Claims::default(),
            unlisted: scopes.clone(),
            scopes,
            started: false,
            runs: 0,
            running: BTreeSet::new(),
            gone: HashMap::new(),
            events: 0,
            touched: BTreeSet::new(),
            timers: BTreeSet::new(),
            commands: Vec::new(),
        }
    }

    /// Whether everything that existed at the start has been seen.
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// How many apps there are.
    pub fn apps(&self) -> usize {
        self.apps.len()
    }

    /// When the next [`Event::Tick`] is wanted.
    pub fn next_wake(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes an event and says what is to be done.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Command> {
        self.events += 1;
        match event {
            Event::AppsListed(namespace, apps) => self.apps_listed(namespace.as_ref(), &apps),
            Event::AppSeen(app) => self.app_seen(&app),
            Event::AppUnreadable(key) => drop(self.unreadable.insert(key)),
            Event::AppGone(key) => self.app_gone(&key),
            Event::LiveListed(group_kind, objects) => self.live_listed(group_kind, objects),
            Event::LiveUnavailable(group_kind, finding) => {
                self.cluster.track(group_kind, Tracking::Unavailable(finding));
                self.touch_all();
            }
            Event::LiveSeen(live) => {
                self.gone.remove(&(live.id.clone(), live.uid.clone()));
                self.live_seen(*live, None);
            }
            Event::LiveGone { id, uid } => {
                self.note_gone(&id, &uid);
                self.live_gone(&id, &uid);
            }
            Event::KindsChanged { lost } => self.kinds_changed(&lost),
            Event::TipSeen { app, subscription, tip } => self.tip_seen(&app, &subscription, tip),
            Event::Loaded { app, request, result } => self.loaded(&app, request, result, now),
            Event::ObjectApplied { app, outcome } => self.object_applied(&app, outcome, now),
            Event::ApplyEnded { app, run } => self.apply_ended(&app, run),
            Event::Pruned { app, outcomes } => self.pruned(&app, outcomes, now),
            Event::StatusWritten { app, stored } => self.status_written(&app, stored, now),
            Event::FinalizerWritten { app, present, stored } => self.with(&app, |app| {
                app.finalizer_in_flight = false;
                app.has_finalizer = if stored { present } else { app.has_finalizer };
                app.finalizer_retry_at = (!stored).then(|| now.monotonic + PERMANENT_DELAY.0);
            }),
            Event::Tick => {}
        }
        if !self.started && self.unlisted.is_empty() && self.cluster.is_complete() {
            self.start();
        }
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now.monotonic {
                break;
            }
            self.timers.remove(&(at, key.clone()));
            self.touched.insert(key);
        }
        while let Some(key) = self.touched.pop_first() {
            self.admit(&key);
            self.step(&key, now);
        }
        std::mem::take(&mut self.commands)
    }

    /// Changes an app and looks at it afterwards.
    fn with(&mut self, key: &AppKey, change: impl FnOnce(&mut App)) {
        if let Some(app) = self.apps.get_mut(key) {
            change(app);
            self.touched.insert(key.clone());
        }
    }

    fn touch_all(&mut self) {
        self.touched.extend(self.apps.keys().cloned());
    }

    /// Apps that wait for others before they delete anything look again.
    fn touch_pruning(&mut self) {
        let pruning = self.apps.values().filter(|app| {
            app.deleting
                || app
                    .deployment
                    .as_ref()
                    .is_some_and(|deployment| deployment.phase == Phase::Pruning)
        });
        self.touched.extend(pruning.map(|app| app.key.clone()));
    }

    /// Marks of live objects and refused claims of stored statuses are claims from before the start.
    fn start(&mut self) {
        self.started = true;
        let mut left_behind = BTreeSet::new();
        for live in self.cluster.all() {
            let Mark::Ours(app) = &live.mark else { continue };
            if self.apps.contains_key(app) || self.unreadable.contains(app) {
                self.claims.give(live.id.clone(), app);
            } else if self.serves(&app.namespace) {
                left_behind.insert(app.clone());
            }
        }
        for app in left_behind {
            self.unmark(&app);
        }
        for app in self.apps.values() {
            for refused in &app.stored.refused_claims {
                if let Ok(id) = refused.object.parse() {
                    self.claims.wait(id, &app.key);
                }
            }
        }
        self.touch_all();
    }

    /// Whether apps of this namespace are ours to know.
    fn serves(&self, namespace: &str) -> bool {
        self.scopes.iter().any(|scope| scope.as_deref().is_none_or(|scope| scope == namespace))
    }
}
