//! What git and the renderer say: a tip is loaded, a rendered set becomes the one to be deployed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    PERMANENT_DELAY, TRANSIENT_DELAY, World,
    app::{Deployment, Retry, backoff},
    event::{Failure, LoadRequest, Now, Subscription},
    gate::Waiting,
};
use crate::{
    desired::Rendered,
    marks::Mark,
    object::{AppKey, ObjectId},
};

impl World {
    pub(super) fn tip_seen(
        &mut self,
        key: &AppKey,
        subscription: &Subscription,
        tip: Result<String, Failure>,
    ) {
        let mut spoke = false;
        let at = self.events;
        self.with(key, |app| {
            let was_consulted = std::mem::take(&mut app.is_consulted);
            app.tip_seen_at = Some(at);
            spoke = was_consulted;
            // An answer to a question that is not asked any more.
            let current = app.subscription();
            if (&current.repo_url, &current.reference)
                != (&subscription.repo_url, &subscription.reference)
            {
                return;
            }
            match tip {
                Ok(commit) => {
                    app.source_failure = None;
                    app.awaits_tip = false;
                    app.tip = Some(commit);
                }
                Err(failure) => {
                    app.source_failure = Some(failure);
                    spoke |= !app.spoken;
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
    pub(super) fn forget_missing(&mut self, key: &AppKey) {
        if self.apps.get(key).is_none_or(|app| app.deployment.is_some()) {
            return;
        }
        for id in self.claims.held_by(key) {
            if self.cluster.get(&id).is_none() {
                self.release(&id, key);
            }
        }
    }

    pub(super) fn loaded(
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
        if std::mem::take(&mut app.loads_what_stood) {
            self.loaded_what_stood(key, request, result, now);
            return;
        }
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
                app.waiting = Some(Waiting { request, rendered });
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

    /// What a former process deployed is kept, if it is still rendered to the same.
    fn loaded_what_stood(
        &mut self,
        key: &AppKey,
        request: LoadRequest,
        result: Result<Arc<Rendered>, Failure>,
        now: Now,
    ) {
        self.touched.insert(key.clone());
        let Some(app) = self.apps.get_mut(key).filter(|app| app.deployment.is_none()) else {
            return;
        };
        match result {
            Ok(rendered) if app.stands(&rendered) => self.adopt(key, request, rendered),
            Err(failure) if failure.transient => {
                app.what_stood_at = now.monotonic + PERMANENT_DELAY.1;
            }
            Ok(_) | Err(_) => app.what_stood_at = Duration::MAX,
        }
    }

    /// Makes a rendered set the one to be deployed: claims what it wants, lets go of what it does not.
    pub(super) fn adopt(&mut self, key: &AppKey, request: LoadRequest, rendered: Arc<Rendered>) {
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
        let mut deployment = Deployment::new(rendered, request, refused, self.events);
        let is_first = old.is_none();
        match old {
            Some(old) => deployment.succeed(old),
            None => deployment.remember(&app.stored),
        }
        app.deployed_reference = Some(app.spec.source.reference());
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
            if is_first {
                deployment.note_old_drift(&id, self.cluster.get(&id));
            }
        }
        app.prune_failure = None;
        app.deployment = Some(deployment);
    }

    /// Claims an object for an app, or names the app that has it.
    pub(super) fn claim(&mut self, key: &AppKey, id: &ObjectId) -> Result<(), AppKey> {
        let holder = self.claims.holder(id).filter(|holder| *holder != key);
        if let Some(owner) = holder.filter(|holder| self.unreadable.contains(holder)).cloned() {
            self.claims.wait(id.clone(), key);
            return Err(owner);
        }
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
}
