//! The state of all apps of an installation: a total function of (state, event) to (state, commands).
//!
//! [`World::handle`] takes what was seen and answers with what is to be done. It never waits: a load, an
//! apply, a prune or a write is a [`Command`] whose outcome comes back as an [`Event`], and waiting for
//! health, for a kind to be listed or for somebody's consent is a state. There is no clock in here; the
//! time comes with each event, and [`World::next_wake`] says when [`Event::Tick`] is wanted.
//!
//! - [`event`]: what the world is told and what it wants done.
//! - `app`: the state of one app, and the diagram of its phases.
//! - `cluster`, `claims`: what is known of live objects, and who owns which.
//! - `step`: what one app does next, `removal`: what a deleted app does next.
//! - `verdict`: what people are told of it.

mod app;
mod claims;
mod cluster;
pub mod event;
mod removal;
mod step;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use app::{App, Deployment, ObjectFailure, Phase, Retry, backoff};
use claims::Claims;
use cluster::{Cluster, Tracking};
use event::{
    ApplyFailure, ApplyOutcome, Command, Event, Failure, Gone, LoadRequest, Now, PruneOutcome,
    SeenApp,
};
use kargo_api::reasons::EventReason;

use crate::{
    desired::{Desired, Rendered},
    finding::Finding,
    live::Live,
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
            cluster,
            claims: Claims::default(),
            unlisted: scopes.clone(),
            scopes,
            started: false,
            runs: 0,
            running: BTreeSet::new(),
            gone: HashMap::new(),
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
        match event {
            Event::AppsListed(namespace, apps) => self.apps_listed(namespace.as_ref(), &apps),
            Event::AppSeen(app) => self.app_seen(&app),
            Event::AppGone(key) => self.app_gone(&key),
            Event::LiveListed(group_kind, objects) => self.live_listed(group_kind, objects, now),
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
                self.live_gone(&id, &uid, now);
            }
            Event::KindsChanged => self.kinds_changed(),
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
            if self.apps.contains_key(app) {
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

    fn apps_listed(&mut self, namespace: Option<&String>, apps: &[SeenApp]) {
        let listed: HashSet<&AppKey> = apps.iter().map(|app| &app.key).collect();
        let in_scope =
            |key: &&AppKey| namespace.is_none_or(|namespace| key.namespace == *namespace);
        let gone: Vec<AppKey> = self
            .apps
            .keys()
            .filter(in_scope)
            .filter(|key| !listed.contains(key))
            .cloned()
            .collect();
        for key in gone {
            self.app_gone(&key);
        }
        for app in apps {
            self.app_seen(app);
        }
        self.unlisted.remove(&namespace.cloned());
    }

    fn app_seen(&mut self, seen: &SeenApp) {
        self.touched.insert(seen.key.clone());
        let uid = seen.app.metadata.uid.as_deref().unwrap_or_default();
        if self.apps.get(&seen.key).is_some_and(|app| app.uid != uid) {
            // Deleted and created again between two events: another app under the same name.
            self.app_gone(&seen.key);
        }
        let Some(app) = self.apps.get_mut(&seen.key) else {
            self.apps.insert(seen.key.clone(), App::new(seen));
            return;
        };
        let generation = app.generation;
        let confirmed = app.confirmed_commit.clone();
        let asked = app.take(seen);
        let changed = app.confirmed_commit != confirmed || app.generation != generation;
        if let Some(deployment) = app.deployment.as_mut().filter(|_| changed)
            && deployment.phase == Phase::Settled
        {
            // What was kept for want of consent, or of `sync.prune`, may go now.
            deployment.phase = Phase::Pruning;
        }
        if asked {
            self.commands.push(Command::Refresh(seen.key.clone()));
        }
        if asked || app.generation != generation {
            app.retry_now();
        }
    }

    fn app_gone(&mut self, key: &AppKey) {
        if self.apps.remove(key).is_none() {
            return;
        }
        self.commands.push(Command::Unsubscribe(key.clone()));
        self.claims.forget_waiting(key);
        for id in self.claims.held_by(key) {
            self.release(&id, key);
        }
        self.unmark(key);
        self.touch_pruning();
    }

    /// Whether apps of this namespace are ours to know.
    fn serves(&self, namespace: &str) -> bool {
        self.scopes.iter().any(|scope| scope.as_deref().is_none_or(|scope| scope == namespace))
    }

    /// Takes the marks of an app that is gone off what it leaves behind.
    fn unmark(&mut self, key: &AppKey) {
        let left = self
            .cluster
            .of_app(key)
            .filter(|live| !live.deleting && self.claims.holder(&live.id).is_none());
        let commands = left.map(|live| Command::Unmark {
            app: key.clone(),
            id: live.id.clone(),
            uid: live.uid.clone(),
        });
        self.commands.extend(commands.collect::<Vec<_>>());
    }

    /// Lets go of an object; whoever waited for it applies it now.
    fn release(&mut self, id: &ObjectId, key: &AppKey) {
        let Some(next) = self.claims.release(id, key) else {
            self.look_at_leftover(id);
            if let Some(live) = self.cluster.get(id)
                && let Mark::Ours(owner) = &live.mark
                && owner != key
                && !live.deleting
                && !self.apps.contains_key(owner)
                && self.serves(&owner.namespace)
            {
                let (app, id, uid) = (owner.clone(), id.clone(), live.uid.clone());
                self.commands.push(Command::Unmark { app, id, uid });
            }
            return;
        };
        let cannot_say = |app: &App| app.deployment.is_none() && app.spoken;
        if self.cluster.get(id).is_none() && self.apps.get(&next).is_some_and(cannot_say) {
            // A claim of before the start protects an object that is there; this one is not.
            return self.release(id, &next);
        }
        for app in self.apps.values_mut() {
            let Some(deployment) = &mut app.deployment else { continue };
            let Some(owner) = deployment.refused.get_mut(id) else { continue };
            if app.key == next {
                deployment.refused.remove(id);
                deployment.phase = Phase::Applying;
            } else {
                owner.clone_from(&next);
            }
            self.touched.insert(app.key.clone());
        }
        self.touch_pruning();
    }

    /// An object that nobody has claimed, or its own app without wanting it: the app whose marks it carries
    /// deletes it, also if it had settled before.
    fn look_at_leftover(&mut self, id: &ObjectId) {
        let Some(Mark::Ours(owner)) = self.cluster.get(id).map(|live| live.mark.clone()) else {
            return;
        };
        if self.claims.is_wanted_by_other(id, &owner) {
            return;
        }
        self.with(&owner, |app| {
            if let Some(deployment) = &mut app.deployment
                && deployment.phase == Phase::Settled
                && deployment.rendered.get(id).is_none()
            {
                deployment.phase = Phase::Pruning;
            }
        });
    }

    fn live_listed(&mut self, group_kind: GroupKind, objects: Vec<Live>, now: Now) {
        let listed: HashSet<&str> = objects.iter().map(|live| live.uid.as_str()).collect();
        for (id, uid) in self.cluster.missing_from(&group_kind, &listed) {
            self.live_gone(&id, &uid, now);
        }
        let mut left_behind = Vec::new();
        for live in objects {
            if let Mark::Ours(app) = &live.mark
                && self.started
                && !self.apps.contains_key(app)
                && self.serves(&app.namespace)
            {
                left_behind.push((app.clone(), live.id.clone(), live.uid.clone()));
            }
            self.live_seen(live, None);
        }
        // A kind that could not be listed at the start is unmarked late.
        left_behind.retain(|(_, id, _)| self.claims.holder(id).is_none());
        self.commands.extend(left_behind.into_iter().map(|(app, id, uid)| Command::Unmark {
            app,
            id,
            uid,
        }));
        if self.cluster.tracking(&group_kind) != Some(&Tracking::Listed) {
            self.cluster.track(group_kind, Tracking::Listed);
            self.touch_all();
        }
    }

    /// Takes a live object; `applied` is set if it is the answer to an apply of ours.
    fn live_seen(&mut self, mut live: Live, applied: Option<&Desired>) {
        let id = live.id.clone();
        if let Mark::Ours(app) = &live.mark
            && self.started
            && self.claims.holder(&id).is_none()
            && self.apps.contains_key(app)
        {
            self.claims.give(id.clone(), app);
        }
        let holder = self.claims.holder(&id).cloned();
        let desired =
            holder.as_ref().and_then(|key| self.apps.get(key)).and_then(|app| app.desired(&id));
        match (applied, &desired) {
            (Some(applied), _) => live.settle_applied(applied),
            (None, Some(desired)) => live.settle(desired, self.cluster.get(&id)),
            (None, None) => {}
        }
        let is_ours = matches!(live.mark, Mark::Ours(_));
        let (stored, _) = self.cluster.put(live);
        if let Some(key) = holder.filter(|_| stored) {
            self.look_at(&key, &id);
        }
        if stored && is_ours && desired.is_none() && self.started {
            self.look_at_leftover(&id);
        }
    }

    fn live_gone(&mut self, id: &ObjectId, uid: &str, now: Now) {
        if self.cluster.remove(id, uid).is_none() {
            return;
        }
        let Some(holder) = self.claims.holder(id).cloned() else { return };
        if self.apps.get(&holder).is_some_and(|app| app.deployment.is_none() && !app.spoken) {
            // What its owner wants is not known yet, so it still is the owner's.
            return;
        }
        if self.apps.get(&holder).is_some_and(|app| app.desired(id).is_some()) {
            if let Some(deployment) =
                self.apps.get_mut(&holder).and_then(|app| app.deployment.as_mut())
            {
                // What stood in the way of this object may have gone with it.
                deployment.failures.remove(id);
                deployment.note_gone(id, uid, now);
            }
            self.look_at(&holder, id);
        } else {
            self.release(id, &holder);
            self.touched.insert(holder);
        }
    }

    /// Compares one object with what its app wants.
    fn look_at(&mut self, key: &AppKey, id: &ObjectId) {
        let live = self.cluster.get(id);
        if let Some(app) = self.apps.get_mut(key)
            && let Some(deployment) = &mut app.deployment
        {
            let stood = deployment.rendered.get(id).is_some() && !deployment.dirty.contains(id);
            deployment.look_at(key, id, live);
            if stood && deployment.dirty.contains(id) {
                deployment.drifted.insert(id.clone());
            }
            self.touched.insert(key.clone());
        }
    }

    fn kinds_changed(&mut self) {
        let keys: Vec<AppKey> = self.apps.keys().cloned().collect();
        for key in keys {
            self.with(&key, |app| {
                let concerned = app.deployment.as_ref().is_some_and(|deployment| {
                    deployment.rendered.objects().any(|desired| desired.unserved().is_some())
                        || !deployment.failures.is_empty()
                });
                // What is being loaded, or could not be, was judged by what was served before.
                if concerned || app.loading.is_some() || app.load_failure.is_some() {
                    app.kinds_version += 1;
                    app.retry_now();
                }
            });
        }
    }

    fn tip_seen(
        &mut self,
        key: &AppKey,
        subscription: &event::Subscription,
        tip: Result<String, Failure>,
    ) {
        let mut spoke = false;
        self.with(key, |app| {
            // An answer to a question that is not asked any more.
            let current = app.subscription();
            if (&current.repo_url, &current.branch)
                != (&subscription.repo_url, &subscription.branch)
            {
                return;
            }
            match tip {
                Ok(commit) => {
                    app.source_failure = None;
                    app.tip = Some(commit);
                }
                Err(failure) => {
                    app.source_failure = Some(failure);
                    spoke = !app.spoken;
                    app.spoken = true;
                }
            }
        });
        if spoke {
            self.forget_missing(key);
            self.touch_pruning();
        }
    }

    /// An app that cannot say what it wants keeps the objects that carry its marks, and nothing else.
    fn forget_missing(&mut self, key: &AppKey) {
        if self.apps.get(key).is_none_or(|app| app.deployment.is_some()) {
            return;
        }
        for id in self.claims.held_by(key) {
            if self.cluster.get(&id).is_none() {
                self.release(&id, key);
            }
        }
    }

    fn loaded(
        &mut self,
        key: &AppKey,
        request: LoadRequest,
        result: Result<Arc<Rendered>, Failure>,
        now: Now,
    ) {
        let Some(app) = self.apps.get_mut(key) else { return };
        if app.loading.as_ref() != Some(&request) {
            // The answer to a question of before: of another source, or of an app that had the same name.
            return;
        }
        app.loading = None;
        app.spoken = true;
        let current = app.wanted_load();
        // A result for an older commit is still newer than what is deployed, and a result for another spec is not.
        let answers_the_spec = current.as_ref().is_some_and(|wanted| {
            LoadRequest { commit: request.commit.clone(), ..wanted.clone() } == request
        });
        match result {
            _ if !answers_the_spec => {}
            Ok(rendered) => {
                app.load_failure = None;
                self.adopt(key, request, rendered);
            }
            Err(failure) => {
                let attempts = app
                    .load_failure
                    .as_ref()
                    .filter(|retry| retry.what.0 == request)
                    .map_or(0, |retry| retry.attempts + 1);
                let at = if failure.transient {
                    now.monotonic + backoff(key, attempts, TRANSIENT_DELAY.0 * 2, TRANSIENT_DELAY.1)
                } else {
                    Duration::MAX
                };
                app.load_failure = Some(Retry { what: (request, failure), attempts, at });
                self.forget_missing(key);
            }
        }
        self.touched.insert(key.clone());
        self.touch_pruning();
    }

    /// Makes a rendered set the one to be deployed: claims what it wants, lets go of what it does not.
    fn adopt(&mut self, key: &AppKey, request: LoadRequest, rendered: Arc<Rendered>) {
        let Some(app) = self.apps.get(key) else { return };
        let mut before: BTreeSet<ObjectId> =
            self.cluster.of_app(key).map(|live| live.id.clone()).collect();
        before.extend(
            app.deployment
                .iter()
                .flat_map(|old| old.rendered.objects())
                .map(|old| old.id().clone()),
        );
        if app.deployment.is_none() {
            // Claims from before the start, also of objects that went since.
            before.extend(self.claims.held_by(key));
        }
        before.extend(
            app.stored.refused_claims.iter().filter_map(|refused| refused.object.parse().ok()),
        );

        let mut refused = BTreeMap::new();
        for desired in rendered.objects() {
            match self.claim(key, desired.id()) {
                Ok(()) => {}
                Err(owner) => {
                    refused.insert(desired.id().clone(), owner);
                }
            }
        }
        for id in before.iter().filter(|id| rendered.get(id).is_none()) {
            self.claims.stop_waiting(id, key);
            // What carries our marks stays claimed until it is deleted, unless somebody else wants it.
            let is_marked =
                self.cluster.get(id).is_some_and(|live| live.mark == Mark::Ours(key.clone()));
            if self.claims.is_wanted_by_other(id, key) || !is_marked {
                self.release(id, key);
            }
        }

        for withdrawals in self.apps.values().filter_map(|app| app.pruning.as_ref()) {
            for desired in rendered.objects() {
                withdrawals.add(desired.id());
            }
        }
        let Some(app) = self.apps.get_mut(key) else { return };
        let old = app.deployment.take();
        let is_first = old.is_none();
        let repairs = old.map(|old| old.repairs).unwrap_or_default();
        let mut deployment = Deployment::new(rendered, request, refused, repairs);
        if is_first {
            deployment.remember(&app.stored);
        }
        app.deployed_branch.clone_from(&app.spec.source.branch);
        let ids: Vec<ObjectId> =
            deployment.rendered.objects().map(|desired| desired.id().clone()).collect();
        for id in ids {
            // An object of somebody else is not compared: it forgets its fields for the measure of its owner.
            if let (Some(live), Some(desired)) =
                (self.cluster.get_mut(&id), deployment.rendered.get(&id))
                && !deployment.refused.contains_key(&id)
            {
                live.settle(desired, None);
            }
            deployment.look_at(key, &id, self.cluster.get(&id));
        }
        app.prune_failure = None;
        app.deployment = Some(deployment);
    }

    /// Claims an object for an app, or names the app that has it.
    fn claim(&mut self, key: &AppKey, id: &ObjectId) -> Result<(), AppKey> {
        let holder = self.claims.holder(id).filter(|holder| *holder != key);
        if let Some(owner) = holder.and_then(|holder| self.apps.get(holder)) {
            let let_go = owner.deployment.is_some() && owner.desired(id).is_none();
            if !let_go {
                let owner = owner.key.clone();
                self.claims.wait(id.clone(), key);
                return Err(owner);
            }
        }
        self.claims.give(id.clone(), key);
        Ok(())
    }

    fn object_applied(&mut self, key: &AppKey, outcome: ApplyOutcome, now: Now) {
        let id = outcome.desired.id().clone();
        let left_behind = !self.apps.contains_key(key);
        match outcome.result {
            // If it is there after all, because it only lost our labels, the watch shows that too.
            Ok(live) if self.gone.contains_key(&(live.id.clone(), live.uid.clone())) => {}
            Ok(mut live) => {
                live.settle_applied(&outcome.desired);
                let as_sent = live.deleting
                    || (live.mark == Mark::Ours(key.clone()) && live.is_intact(&outcome.desired));
                if !as_sent {
                    let finding = Finding::error(format!(
                        "{} was stored without the labels and annotations that Kargo puts on it; something on the way changes them",
                        id.short()
                    ));
                    let finding = finding.about(&id).at(outcome.desired.location().cloned()).help(
                        "Look at the mutating admission webhooks and policies of the cluster",
                    );
                    let failure = ApplyFailure { finding, transient: false };
                    self.live_seen(*live, None);
                    self.apply_failed(key, &outcome.desired, failure, now);
                    return;
                }
                let repaired = self.apps.get_mut(key).and_then(|app| {
                    let deployment = app.deployment.as_mut()?;
                    deployment.failures.remove(&id);
                    deployment.repaired(&id, &live.uid)
                });
                if let Some(note) = repaired {
                    self.commands.push(Command::Tell {
                        app: key.clone(),
                        reason: EventReason::DriftRepaired,
                        note,
                    });
                }
                self.live_seen(*live, Some(&outcome.desired));
                if left_behind {
                    self.unmark(key);
                }
            }
            Err(failure) => self.apply_failed(key, &outcome.desired, failure, now),
        }
    }

    fn apply_ended(&mut self, key: &AppKey, run: u64) {
        self.running.remove(&run);
        let oldest = self.running.first().copied().unwrap_or(u64::MAX);
        self.gone.retain(|_, newest| *newest >= oldest);
        self.with(key, |app| app.applying = app.applying.filter(|current| *current != run));
    }

    /// Remembers what went, as long as an answer from before may still come.
    fn note_gone(&mut self, id: &ObjectId, uid: &str) {
        if !self.running.is_empty() {
            self.gone.insert((id.clone(), uid.to_owned()), self.runs);
        }
    }

    fn apply_failed(&mut self, key: &AppKey, desired: &Desired, failure: ApplyFailure, now: Now) {
        let id = desired.id();
        self.with(key, |app| {
            let Some(deployment) = &mut app.deployment else { return };
            // The answer to an older desired set says nothing about this one.
            if deployment.rendered.get(id).is_none_or(|now| now.digest() != desired.digest()) {
                return;
            }
            // The write took effect and only its answer was lost: the watch has shown it already.
            if !deployment.dirty.contains(id) {
                return;
            }
            let attempts = deployment.failures.get(id).map_or(0, |before| before.attempts + 1);
            let (first, cap) = if failure.transient { TRANSIENT_DELAY } else { PERMANENT_DELAY };
            let retry_at = now.monotonic + backoff(key, attempts, first, cap);
            deployment.failures.insert(id.clone(), ObjectFailure { failure, attempts, retry_at });
        });
    }

    fn pruned(&mut self, key: &AppKey, outcomes: Vec<PruneOutcome>, now: Now) {
        let mut findings = Vec::new();
        for outcome in outcomes {
            let candidate = outcome.candidate;
            match outcome.result {
                Ok(Gone::Deleted) => {
                    if let Some(live) =
                        self.cluster.get_mut(&candidate.id).filter(|live| live.uid == candidate.uid)
                    {
                        live.deleting = true;
                    }
                }
                // It may also belong to another app by now, and the watch has shown that already.
                Ok(Gone::NotThere) => {
                    let known = self.cluster.get(&candidate.id);
                    if known.is_some_and(|live| live.mark == Mark::Ours(key.clone())) {
                        self.live_gone(&candidate.id, &candidate.uid, now);
                    }
                }
                Err(failure) => findings.push(failure.finding),
            }
        }
        self.with(key, |app| {
            app.pruning = None;
            let attempts = app.prune_failure.as_ref().map_or(0, |retry| retry.attempts + 1);
            app.prune_failure = (!findings.is_empty()).then(|| Retry {
                what: findings,
                attempts,
                at: now.monotonic
                    + backoff(key, attempts, TRANSIENT_DELAY.0 * 4, PERMANENT_DELAY.1),
            });
        });
    }

    fn status_written(&mut self, key: &AppKey, stored: bool, now: Now) {
        self.with(key, |app| {
            let written = app.writing.take();
            if let Some(status) = written.filter(|_| stored) {
                app.stored = *status;
                app.status_retry_at = None;
                app.status_attempts = 0;
            } else {
                let delay =
                    backoff(key, app.status_attempts, TRANSIENT_DELAY.0 * 2, TRANSIENT_DELAY.1);
                app.status_retry_at = Some(now.monotonic + delay);
                app.status_attempts += 1;
            }
        });
        // A refused claim counts once it is durable.
        self.touch_pruning();
    }

    /// Whether an app may delete anything yet. Nothing is deleted for a commit that is known not to be the
    /// newest, nor while an app of the same repository has something to say about the push; every app has
    /// rendered or failed once since the start, and every refused claim is stored, so that a restart knows of it.
    fn may_prune(&self, pruner: &App, deployment: &Deployment) -> bool {
        if !pruner.is_about_the_spec(deployment) || pruner.has_news(Some(deployment)) {
            return false;
        }
        self.apps.values().all(|app| {
            if app.deleting {
                return true;
            }
            let shares = app.spec.source.repo_url == pruner.spec.source.repo_url;
            if shares && app.has_news(app.deployment.as_ref()) {
                return false;
            }
            let durable = app.deployment.as_ref().is_none_or(|deployment| {
                deployment.refused.keys().all(|id| {
                    let id = id.to_string();
                    app.stored.refused_claims.iter().any(|stored| stored.object == id)
                })
            });
            app.spoken && durable
        })
    }
}
