//! What one app does next. Called after anything that concerns it; doing it twice does nothing twice.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kargo_api::DeletionPolicy;

use super::{
    World,
    app::{App, Deployment, ObjectFailure, Phase},
    cluster::Tracking,
    event::{ApplyFailure, Command, LoadRequest, Now, ToApply},
};
use crate::{
    marks::Mark,
    object::{AppKey, GroupKind, ObjectId},
    prune::Applied,
};

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
                self.load_what_stood(&mut app, now);
                if self.settle_finalizer(&mut app, finalizer, now) {
                    self.deploy(&mut app, now);
                }
            }
            self.report(&mut app, now);
        }
        self.set_timer(&mut app, now);
        self.apps.insert(key.clone(), app);
    }

    /// Follows what the spec names.
    fn follow(&mut self, app: &mut App) {
        let wanted = app.subscription();
        if app.subscribed.as_ref() == Some(&wanted) {
            return;
        }
        let other_source = app.subscribed.as_ref().is_some_and(|old| {
            (&old.repo_url, &old.reference) != (&wanted.repo_url, &wanted.reference)
        });
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
        if loaded || failed || app.is_waiting(&wanted) || app.loading.is_some() {
            return;
        }
        self.start_load(app, wanted);
    }

    /// What was deployed when a former process ended is kept as long as the newest commit cannot be deployed: it is
    /// loaded again, once that is known.
    fn load_what_stood(&mut self, app: &mut App, now: Now) {
        let is_stuck = app.waiting.is_some()
            || app.source_failure.is_some()
            || app.wanted_load().is_some_and(|wanted| {
                app.load_failure.as_ref().is_some_and(|retry| retry.what.0 == wanted)
            });
        let stood = app.stored.current.as_ref().and_then(|current| current.revision.clone());
        // The newest commit itself is tried again by its own rules.
        let older = stood.filter(|commit| app.tip.as_ref() != Some(commit));
        let (true, Some(commit)) = (is_stuck, older) else { return };
        if app.deployment.is_none() && app.loading.is_none() && app.what_stood_at <= now.monotonic {
            app.loads_what_stood = true;
            let request = app.load_of(commit);
            self.start_load(app, request);
        }
    }

    fn start_load(&mut self, app: &mut App, wanted: LoadRequest) {
        app.loading = Some(wanted.clone());
        let same_spec = |old: &&Deployment| {
            LoadRequest { commit: wanted.commit.clone(), ..old.request.clone() } == wanted
        };
        let previous =
            app.deployment.as_ref().filter(same_spec).map(|old| Arc::clone(&old.rendered));
        self.commands.push(Command::Load { app: app.key.clone(), request: wanted, previous });
    }

    fn deploy(&mut self, app: &mut App, now: Now) {
        if app.spec.suspend {
            return;
        }
        let Some(mut deployment) = app.deployment.take() else { return };
        self.send(app, &mut deployment, now);
        while self.advance(app, &mut deployment, now) {}
        (deployment.fights, deployment.fights_until) = deployment.repairs.fights(now);
        app.deployment = Some(deployment);
    }

    /// Sends what does not stand as rendered.
    fn send(&mut self, app: &mut App, deployment: &mut Deployment, now: Now) {
        deployment.note_unserved(app, now, &mut self.commands);
        if app.applying.is_some() {
            return;
        }
        let mut due: Vec<ObjectId> =
            deployment.due(app, now, |id| self.cluster.get(id).is_some_and(|live| live.deleting));
        if !self.track(deployment, &mut due, now) || due.is_empty() {
            return;
        }
        let objects = due
            .iter()
            .filter_map(|id| {
                let desired = Arc::clone(deployment.rendered.get(id)?);
                // What only carries our labels is not known to be ours.
                let live = self.cluster.get(id).filter(|live| live.mark != Mark::Foreign);
                let uid = live.map(|live| live.uid.clone());
                let replicas = live.map(|live| live.replicas.clone()).unwrap_or_default();
                Some(ToApply { desired, uid, replicas })
            })
            .collect();
        for id in &due {
            if deployment.drifted.remove(id) {
                deployment.repairs.note(id, self.cluster.get(id), now);
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
            revision: deployment.rendered.revision().to_owned(),
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
                let unrepaired = deployment.unrepaired(app);
                if deployment.dirty.len() > unrepaired.len() || app.applying.is_some() {
                    return false;
                }
                if !unrepaired.is_empty() {
                    deployment.phase = Phase::Observing { since: now.monotonic };
                    return true;
                }
                match self.verify(app, deployment) {
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

    /// The proof that all of a deployment stands.
    pub(super) fn verify(&self, app: &App, deployment: &Deployment) -> Result<Applied, ObjectId> {
        let live = |id: &ObjectId| self.cluster.get(id);
        Applied::verify(&app.key, &deployment.rendered, live, &deployment.finished)
    }

    fn set_timer(&mut self, app: &mut App, now: Now) {
        let mut at: Vec<Duration> = Vec::new();
        at.extend(
            app.load_failure.as_ref().filter(|_| app.loading.is_none()).map(|retry| retry.at),
        );
        at.extend(
            app.prune_failure.as_ref().filter(|_| app.pruning.is_none()).map(|retry| retry.at),
        );
        if app.deployment.is_none() && app.loading.is_none() {
            at.push(app.what_stood_at);
        }
        at.extend(app.finalizer_retry_at.filter(|_| !app.finalizer_in_flight));
        at.extend(app.status_retry_at.filter(|_| app.writing.is_none()));
        at.extend(app.verdict_waits_since.map(|since| since + super::verdict::PROGRESS_DELAY));
        if let Some(deployment) = &app.deployment {
            if app.applying.is_none() {
                at.extend(deployment.failures.values().map(|failure| failure.retry_at));
                at.extend(
                    deployment.dirty.iter().filter_map(|id| deployment.repairs.not_before(id)),
                );
            }
            at.extend(deployment.fights_until);
            if let Phase::Observing { since } = deployment.phase {
                at.push(since + app.spec.sync.timeout.duration());
            }
        }
        let next = at.into_iter().filter(|at| *at > now.monotonic && *at < Duration::MAX).min();
        if let Some(before) = app.timer.filter(|before| Some(*before) != next) {
            self.timers.remove(&(before, app.key.clone()));
        }
        app.timer = next;
        if let Some(at) = next {
            self.timers.insert((at, app.key.clone()));
        }
    }
}
