//! What one app does next. Called after anything that concerns it; doing it twice does nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use kargo_api::{DeletionPolicy, status::HealthSummary};

use super::{
    World,
    app::{App, Deployment, ObjectFailure, Phase, Repairs},
    cluster::Tracking,
    event::{ApplyFailure, Command, LoadRequest, Now},
};
use crate::{
    desired::Rendered,
    live::Live,
    marks::Mark,
    object::{AppKey, GroupKind, ObjectId},
    prune::{self, Applied},
};

/// An object that was put back more often than this within [`FIGHT_WINDOW`] is put back at the rate of [`FIGHT_DELAY`].
const FIGHT_LIMIT: u32 = 5;
const FIGHT_WINDOW: Duration = Duration::from_mins(1);
const FIGHT_DELAY: Duration = Duration::from_secs(10);

impl World {
    /// Looks at one app and gives the commands for what it does next.
    pub(super) fn step(&mut self, key: &AppKey, now: Now) {
        // Out of the map while it is looked at: its neighbours are asked too.
        let Some(mut app) = self.apps.remove(key) else { return };
        if app.deleting {
            self.step_removal(&mut app, now);
        } else {
            self.follow(&mut app);
            let finalizer = app.spec.deletion_policy == DeletionPolicy::Delete;
            if self.started {
                // Loading writes nothing, and others wait for what this app has to say.
                self.load(&mut app, now);
                if self.settle_finalizer(&mut app, finalizer, now) {
                    self.deploy(&mut app, now);
                }
            }
            self.report(&mut app, now);
        }
        self.set_timer(&app, now);
        self.apps.insert(key.clone(), app);
    }

    /// Follows the branch of the spec.
    fn follow(&mut self, app: &mut App) {
        let wanted = app.subscription();
        if app.subscribed.as_ref() == Some(&wanted) {
            return;
        }
        let other_source = app
            .subscribed
            .as_ref()
            .is_some_and(|old| (&old.repo_url, &old.branch) != (&wanted.repo_url, &wanted.branch));
        if other_source {
            app.tip = None;
            app.source_failure = None;
            app.loading = None;
        }
        app.subscribed = Some(wanted.clone());
        self.commands.push(Command::Subscribe(app.key.clone(), wanted));
    }

    /// Brings the finalizer in line; true if it is.
    pub(super) fn settle_finalizer(&mut self, app: &mut App, present: bool, now: Now) -> bool {
        if app.has_finalizer == present {
            return true;
        }
        let retry_later = app.finalizer_retry_at.is_some_and(|at| now.monotonic < at);
        if !app.finalizer_in_flight && !retry_later {
            app.finalizer_in_flight = true;
            self.commands.push(Command::WriteFinalizer {
                app: app.key.clone(),
                uid: app.uid.clone(),
                present,
            });
        }
        false
    }

    /// Loads the newest commit, unless that is done, under way, or known to fail.
    fn load(&mut self, app: &mut App, now: Now) {
        let Some(wanted) = app.wanted_load() else { return };
        let loaded = app.deployment.as_ref().is_some_and(|deployment| deployment.request == wanted);
        let failed = app
            .load_failure
            .as_ref()
            .is_some_and(|retry| retry.what.0 == wanted && now.monotonic < retry.at);
        if loaded || failed || app.loading.is_some() {
            return;
        }
        app.loading = Some(wanted.clone());
        let same_spec = |old: &&Deployment| {
            LoadRequest { commit: wanted.commit.clone(), ..old.request.clone() } == wanted
        };
        let previous =
            app.deployment.as_ref().filter(same_spec).map(|old| Arc::clone(&old.rendered));
        self.commands.push(Command::Load { app: app.key.clone(), request: wanted, previous });
    }

    fn deploy(&mut self, app: &mut App, now: Now) {
        let Some(mut deployment) = app.deployment.take() else { return };
        if !deployment.waits_for_consent_to_be_empty(app) {
            self.send(app, &mut deployment, now);
            while self.advance(app, &mut deployment, now) {}
        }
        app.deployment = Some(deployment);
    }

    /// Sends what does not stand as rendered.
    fn send(&mut self, app: &mut App, deployment: &mut Deployment, now: Now) {
        deployment.note_unserved(app, now, &mut self.commands);
        if app.applying.is_some() {
            return;
        }
        let mut due: Vec<ObjectId> =
            deployment.due(now, |id| self.cluster.get(id).is_some_and(|live| live.deleting));
        if !self.track(deployment, &mut due, now) || due.is_empty() {
            return;
        }
        let objects = due
            .iter()
            .filter_map(|id| {
                let desired = Arc::clone(deployment.rendered.get(id)?);
                Some((desired, self.cluster.get(id).map(|live| live.uid.clone())))
            })
            .collect();
        for id in &due {
            if deployment.drifted.remove(id) {
                deployment.note_repair(id, self.cluster.get(id).is_none(), now);
            }
        }
        let namespaces = if app.spec.sync.create_namespace {
            deployment.rendered.namespaces_needed().to_vec()
        } else {
            Vec::new()
        };
        self.runs += 1;
        self.running.insert(self.runs);
        app.applying = Some(self.runs);
        self.commands.push(Command::Apply {
            app: app.key.clone(),
            run: self.runs,
            objects,
            namespaces,
        });
    }

    /// Sees to it that every kind of the objects is watched before the first of them is created. False while
    /// a list is on its way. Objects of kinds that cannot be listed are taken out and noted.
    fn track(&mut self, deployment: &mut Deployment, due: &mut Vec<ObjectId>, now: Now) -> bool {
        let kinds: BTreeSet<GroupKind> = due.iter().map(|id| id.group_kind.clone()).collect();
        let mut ready = true;
        for group_kind in kinds {
            match self.cluster.tracking(&group_kind) {
                Some(Tracking::Listed) => {}
                Some(Tracking::Requested) => ready = false,
                Some(Tracking::Unavailable(finding)) => {
                    let finding = finding.clone();
                    for id in due.extract_if(.., |id| id.group_kind == group_kind) {
                        let failure =
                            ApplyFailure { finding: finding.clone().about(&id), transient: false };
                        let retry_at = now.monotonic + super::PERMANENT_DELAY.0;
                        deployment
                            .failures
                            .insert(id, ObjectFailure { failure, attempts: 0, retry_at });
                    }
                    // Asked for again with the next attempt.
                    self.cluster.track(group_kind.clone(), Tracking::Requested);
                    self.commands.push(Command::Track(group_kind));
                }
                None => {
                    self.cluster.track(group_kind.clone(), Tracking::Requested);
                    self.commands.push(Command::Track(group_kind));
                    ready = false;
                }
            }
        }
        ready
    }

    /// Goes one phase further if it can; true if it did.
    fn advance(&mut self, app: &mut App, deployment: &mut Deployment, now: Now) -> bool {
        let next = match deployment.phase {
            Phase::Applying => {
                if !deployment.dirty.is_empty() || app.applying.is_some() {
                    return false;
                }
                match Applied::verify(&app.key, &deployment.rendered, |id| self.cluster.get(id)) {
                    Ok(_) => Phase::Observing { since: now.monotonic },
                    Err(_) => return false,
                }
            }
            Phase::Observing { since } => {
                if deployment.unhealthy.is_empty() || deployment.was_judged {
                    Phase::Pruning
                } else if now.monotonic >= since + app.spec.sync.timeout.duration() {
                    deployment.timed_out = true;
                    Phase::Pruning
                } else {
                    return false;
                }
            }
            Phase::Pruning => {
                if !self.prune(app, deployment, now) {
                    return false;
                }
                Phase::Settled
            }
            Phase::Settled => {
                if deployment.unhealthy.is_empty() {
                    deployment.timed_out = false;
                }
                return false;
            }
        };
        deployment.phase = next;
        true
    }

    /// Deletes what left git. True if there is nothing left to delete.
    fn prune(&mut self, app: &mut App, deployment: &mut Deployment, now: Now) -> bool {
        deployment.held.clear();
        deployment.kept.clear();
        if !app.spec.sync.prune {
            return true;
        }
        let retry_later = app.prune_failure.as_ref().is_some_and(|retry| now.monotonic < retry.at);
        if app.pruning.is_some() || retry_later {
            return false;
        }
        let selection = prune::select(
            &deployment.rendered,
            self.cluster.of_app(&app.key),
            |id| self.claims.is_wanted_by_other(id, &app.key),
            app.confirms(deployment.rendered.revision()),
        );
        deployment.held = selection.held;
        deployment.kept = selection.kept;
        if selection.delete.is_empty() {
            app.prune_failure = None;
            return deployment.held.is_empty();
        }
        // What cannot be listed right now is not known to stand as it was rendered.
        let is_listed =
            |id: &ObjectId| self.cluster.tracking(&id.group_kind) == Some(&Tracking::Listed);
        if !deployment.rendered.objects().all(|desired| is_listed(desired.id())) {
            return false;
        }
        if !self.may_prune(app, deployment) {
            return false;
        }
        // Looked at again right now: something may have changed since the phase began.
        let Ok(applied) =
            Applied::verify(&app.key, &deployment.rendered, |id| self.cluster.get(id))
        else {
            return false;
        };
        let permit = applied.permit(&app.key);
        app.pruning = Some(permit.withdrawals());
        self.commands.push(Command::Prune { permit, candidates: selection.delete });
        false
    }

    /// What is due by now was looked at in this step: if it was not done, it waits for an event, not for time.
    fn set_timer(&mut self, app: &App, now: Now) {
        let mut at: Vec<Duration> = Vec::new();
        at.extend(
            app.load_failure.as_ref().filter(|_| app.loading.is_none()).map(|retry| retry.at),
        );
        at.extend(
            app.prune_failure.as_ref().filter(|_| app.pruning.is_none()).map(|retry| retry.at),
        );
        at.extend(app.finalizer_retry_at.filter(|_| !app.finalizer_in_flight));
        at.extend(app.status_retry_at.filter(|_| app.writing.is_none()));
        at.extend(app.verdict_waits_since.map(|since| since + super::verdict::PROGRESS_DELAY));
        if let Some(deployment) = &app.deployment {
            if app.applying.is_none() {
                at.extend(deployment.failures.values().map(|failure| failure.retry_at));
                at.extend(
                    deployment
                        .dirty
                        .iter()
                        .filter_map(|id| deployment.repairs.get(id))
                        .map(|repairs| repairs.not_before),
                );
            }
            if let Phase::Observing { since } = deployment.phase {
                at.push(since + app.spec.sync.timeout.duration());
            }
        }
        self.timers.retain(|(_, key)| *key != app.key);
        if let Some(at) =
            at.into_iter().filter(|at| *at > now.monotonic && *at < Duration::MAX).min()
        {
            self.timers.insert((at, app.key.clone()));
        }
    }
}

impl Deployment {
    pub(super) fn new(
        rendered: Arc<Rendered>,
        request: LoadRequest,
        refused: BTreeMap<ObjectId, AppKey>,
        repairs: HashMap<ObjectId, Repairs>,
    ) -> Self {
        Self {
            rendered,
            request,
            phase: Phase::Applying,
            timed_out: false,
            was_judged: false,
            dirty: HashSet::new(),
            unhealthy: BTreeSet::new(),
            urls: BTreeMap::new(),
            failures: BTreeMap::new(),
            refused,
            held: Vec::new(),
            kept: Vec::new(),
            repairs,
            drifted: HashSet::new(),
        }
    }

    /// Compares one object with what is desired of it.
    pub(super) fn look_at(&mut self, app: &AppKey, id: &ObjectId, live: Option<&Live>) {
        let Some(desired) = self.rendered.get(id) else { return };
        // An object of somebody else says nothing about this app, whatever state it is in.
        let is_refused = self.refused.contains_key(id);
        let live = live.filter(|live| !is_refused && live.mark == Mark::Ours(app.clone()));
        if live.is_some_and(|live| live.is_intact(desired)) {
            self.dirty.remove(id);
            self.failures.remove(id);
        } else {
            self.dirty.insert(id.clone());
        }
        if live.is_some_and(|live| live.health == HealthSummary::Healthy) {
            self.unhealthy.remove(id);
        } else {
            self.unhealthy.insert(id.clone());
        }
        match live.map(|live| &live.urls).filter(|urls| !urls.is_empty()) {
            Some(urls) => {
                self.urls.insert(id.clone(), urls.clone());
            }
            None => {
                self.urls.remove(id);
            }
        }
    }

    /// An empty desired set is only deployed if the user said that it may be empty.
    pub(super) fn waits_for_consent_to_be_empty(&self, app: &App) -> bool {
        self.rendered.is_empty() && !app.spec.sync.allow_empty
    }

    /// What is to be sent now, in no particular order.
    fn due(&self, now: Now, is_deleting: impl Fn(&ObjectId) -> bool) -> Vec<ObjectId> {
        let mut due: Vec<ObjectId> = self
            .dirty
            .iter()
            .filter(|id| !self.refused.contains_key(id) && !is_deleting(id))
            .filter(|id| {
                self.failures.get(id).is_none_or(|failure| failure.retry_at <= now.monotonic)
            })
            .filter(|id| {
                self.repairs.get(id).is_none_or(|repairs| repairs.not_before <= now.monotonic)
            })
            .filter(|id| self.rendered.get(id).is_some_and(|desired| desired.unserved().is_none()))
            .cloned()
            .collect();
        due.sort();
        due
    }

    /// Objects of kinds that the API server does not serve fail without being sent; what it serves is looked
    /// at again from time to time.
    fn note_unserved(&mut self, app: &App, now: Now, commands: &mut Vec<Command>) {
        let mut look_again = false;
        for desired in self.rendered.objects().filter(|desired| self.dirty.contains(desired.id())) {
            let Some(finding) = desired.unserved() else { continue };
            let before = self.failures.get(desired.id());
            if before.is_some_and(|failure| failure.retry_at > now.monotonic) {
                continue;
            }
            let attempts = before.map_or(0, |failure| failure.attempts + 1);
            let delay = super::backoff(
                &app.key,
                attempts,
                super::TRANSIENT_DELAY.0 * 4,
                super::TRANSIENT_DELAY.1,
            );
            let failure = ApplyFailure { finding: finding.clone(), transient: false };
            let retry_at = now.monotonic + delay;
            self.failures
                .insert(desired.id().clone(), ObjectFailure { failure, attempts, retry_at });
            look_again = true;
        }
        if look_again {
            commands.push(Command::Discover);
        }
    }

    /// Notes which incarnation of a desired object went.
    pub(super) fn note_gone(&mut self, id: &ObjectId, uid: &str, now: Now) {
        self.repairs.entry(id.clone()).or_insert_with(|| Repairs::new(now)).gone_uid =
            Some(uid.to_owned());
    }

    /// Counts the times that an object is put back.
    fn note_repair(&mut self, id: &ObjectId, was_deleted: bool, now: Now) {
        let repairs = self.repairs.entry(id.clone()).or_insert_with(|| Repairs::new(now));
        if now.monotonic > repairs.since + FIGHT_WINDOW {
            *repairs = Repairs { gone_uid: repairs.gone_uid.take(), ..Repairs::new(now) };
        }
        repairs.pending = true;
        // Who deletes an object does not fight over its fields: it comes back at once, always.
        if !was_deleted {
            repairs.count += 1;
            if repairs.count > FIGHT_LIMIT {
                repairs.not_before = now.monotonic + FIGHT_DELAY;
            }
        }
    }

    /// What to tell people when an object was put back; `uid` is its incarnation now.
    pub(super) fn repaired(&mut self, id: &ObjectId, uid: &str) -> Option<String> {
        let repairs = self.repairs.get_mut(id).filter(|repairs| repairs.pending)?;
        repairs.pending = false;
        // An object that lost our labels goes from the watch just like a deleted one.
        let was_deleted = repairs.gone_uid.take().is_some_and(|gone| gone != uid);
        let what = if was_deleted { "deleted" } else { "changed" };
        Some(format!("{} was {what} by hand and has been put back as git has it.", id.short()))
    }
}

impl Repairs {
    fn new(now: Now) -> Self {
        Self {
            count: 0,
            since: now.monotonic,
            not_before: now.monotonic,
            pending: false,
            gone_uid: None,
        }
    }
}
