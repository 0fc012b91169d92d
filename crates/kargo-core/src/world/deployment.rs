//! One desired set on its way into the cluster: what stands, what does not, what was put back.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use kargo_api::status::{HealthSummary, Outcome};

use super::{
    app::{App, Deployment, ObjectFailure, Phase, backoff},
    event::{ApplyFailure, Command, LoadRequest, Now},
    repairs::Repairs,
};
use crate::{
    desired::{Desired, Rendered},
    finished::Finished,
    live::Live,
    marks::Mark,
    object::{AppKey, ObjectId},
};

impl Deployment {
    pub(super) fn new(
        rendered: Arc<Rendered>,
        request: LoadRequest,
        refused: BTreeMap<ObjectId, AppKey>,
        adopted_at: u64,
    ) -> Self {
        Self {
            rendered,
            request,
            adopted_at,
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
            repairs: Repairs::default(),
            fights: Vec::new(),
            fights_until: None,
            remarks: BTreeMap::new(),
            drifted: BTreeSet::new(),
            finished: BTreeMap::new(),
        }
    }

    /// Takes over what stays true of the deployment before.
    pub(super) fn succeed(&mut self, before: Self) {
        if self.rendered.digest() == before.rendered.digest() {
            self.drifted = before.drifted;
        }
        self.repairs = before.repairs;
        self.remarks = before.remarks;
        self.remarks.retain(|id, _| self.rendered.get(id).is_some());
        self.finished = before.finished;
        self.forget_other_runs();
    }

    /// A run counts as long as what ran is what is desired.
    pub(super) fn forget_other_runs(&mut self) {
        let rendered = &self.rendered;
        self.finished.retain(|id, finished| {
            rendered.get(id).is_some_and(|desired| desired.digest() == finished.digest)
        });
    }

    /// Whether an object ran to its end and was cleaned up.
    fn is_done(&self, desired: &Desired, live: Option<&Live>) -> Option<Outcome> {
        let finished = self.finished.get(desired.id()).filter(|_| live.is_none())?;
        (finished.digest == desired.digest()).then_some(finished.outcome)
    }

    fn note_run(&mut self, desired: &Desired, live: Option<&Live>) {
        let Some(live) = live else { return };
        match live.finished {
            Some(outcome) if live.was_applied_as(desired) => {
                let finished = Finished { digest: desired.digest().to_owned(), outcome };
                self.finished.insert(desired.id().clone(), finished);
            }
            Some(_) => {}
            None => drop(self.finished.remove(desired.id())),
        }
    }

    /// Somebody asked for a deployment: what differs is put back, and what was cleaned up runs again.
    pub(super) fn begin_again(&mut self, is_there: impl Fn(&ObjectId) -> bool) -> Vec<ObjectId> {
        self.drifted.clear();
        let gone: Vec<ObjectId> =
            self.finished.keys().filter(|id| !is_there(id)).cloned().collect();
        for id in &gone {
            self.finished.remove(id);
        }
        gone
    }

    /// What a former process left different from git: it was deployed, so it is drift.
    pub(super) fn note_old_drift(&mut self, id: &ObjectId, live: Option<&Live>) {
        let Some(desired) = self.rendered.get(id).filter(|_| self.dirty.contains(id)) else {
            return;
        };
        let was_applied = live.map_or(self.was_judged, |live| live.was_applied_as(desired));
        if was_applied && !self.refused.contains_key(id) {
            self.drifted.insert(id.clone());
        }
    }

    /// What differs from git and is not put back.
    pub(super) fn unrepaired(&self, app: &App) -> Vec<ObjectId> {
        if app.spec.sync.self_heal { Vec::new() } else { self.drifted.iter().cloned().collect() }
    }

    /// Compares one object with what is desired of it.
    pub(super) fn look_at(&mut self, app: &AppKey, id: &ObjectId, live: Option<&Live>) {
        let Some(desired) = self.rendered.get(id).cloned() else { return };
        // An object of somebody else says nothing about this app, whatever state it is in.
        let is_refused = self.refused.contains_key(id);
        let policy = desired.policy();
        if policy.leave_alone {
            self.dirty.remove(id);
            self.drifted.remove(id);
            self.failures.remove(id);
            self.unhealthy.remove(id);
            return;
        }
        let live = live.filter(|live| {
            !is_refused && (live.mark == Mark::Ours(app.clone()) || policy.apply_once)
        });
        self.note_run(&desired, live);
        let done = self.is_done(&desired, live);
        if done.is_some() || live.is_some_and(|live| live.is_intact(&desired)) {
            self.dirty.remove(id);
            self.drifted.remove(id);
            self.failures.remove(id);
        } else {
            self.dirty.insert(id.clone());
        }
        if done == Some(Outcome::Succeeded)
            || live.is_some_and(|live| live.health == HealthSummary::Healthy)
        {
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

    /// What is to be sent now, in no particular order.
    pub(super) fn due(
        &self,
        app: &App,
        now: Now,
        is_deleting: impl Fn(&ObjectId) -> bool,
    ) -> Vec<ObjectId> {
        let mut due: Vec<ObjectId> = self
            .dirty
            .iter()
            .filter(|id| !self.refused.contains_key(id) && !is_deleting(id))
            .filter(|id| app.spec.sync.self_heal || !self.drifted.contains(id))
            .filter(|id| {
                self.failures.get(id).is_none_or(|failure| failure.retry_at <= now.monotonic)
            })
            .filter(|id| self.repairs.is_due(id, now))
            .filter(|id| self.rendered.get(id).is_some_and(|desired| desired.unserved().is_none()))
            .cloned()
            .collect();
        due.sort();
        due
    }

    /// Objects of kinds that the API server does not serve fail without being sent; what it serves is looked
    /// at again from time to time.
    pub(super) fn note_unserved(&mut self, app: &App, now: Now, commands: &mut Vec<Command>) {
        let mut look_again = false;
        // In this order: nearly always none is unserved, and there may be thousands.
        for desired in self.rendered.objects() {
            let Some(finding) = desired.unserved() else { continue };
            if !self.dirty.contains(desired.id()) {
                continue;
            }
            let before = self.failures.get(desired.id());
            if before.is_some_and(|failure| failure.retry_at > now.monotonic) {
                continue;
            }
            let attempts = before.map_or(0, |failure| failure.attempts + 1);
            let delay =
                backoff(&app.key, attempts, super::TRANSIENT_DELAY.0 * 4, super::TRANSIENT_DELAY.1);
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
}
