//! What the watches of live objects say: compared with what their apps want, and released when nobody
//! wants them.

use std::collections::{BTreeSet, HashSet};

use super::{
    World,
    app::{App, Phase},
    cluster::Tracking,
    event::Command,
};
use crate::{
    desired::Desired,
    live::Live,
    marks::Mark,
    object::{AppKey, GroupKind, ObjectId},
};

impl World {
    pub(super) fn live_listed(&mut self, group_kind: GroupKind, objects: Vec<Live>) {
        let listed: HashSet<&str> = objects.iter().map(|live| live.uid.as_str()).collect();
        for (id, uid) in self.cluster.missing_from(&group_kind, &listed) {
            self.live_gone(&id, &uid);
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
    pub(super) fn live_seen(&mut self, mut live: Live, applied: Option<&Desired>) {
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

    pub(super) fn live_gone(&mut self, id: &ObjectId, uid: &str) {
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
                deployment.repairs.note_gone(id, uid);
            }
            self.look_at(&holder, id);
        } else {
            self.release(id, &holder);
            self.touched.insert(holder);
        }
    }

    /// Compares one object with what its app wants.
    pub(super) fn look_at(&mut self, key: &AppKey, id: &ObjectId) {
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

    /// An object that nobody has claimed, or its own app without wanting it: the app whose marks it carries
    /// deletes it, also if it had settled before.
    pub(super) fn look_at_leftover(&mut self, id: &ObjectId) {
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

    /// Lets go of an object; whoever waited for it applies it now.
    pub(super) fn release(&mut self, id: &ObjectId, key: &AppKey) {
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

    /// Takes the marks of an app that is gone off what it leaves behind.
    pub(super) fn unmark(&mut self, key: &AppKey) {
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

    pub(super) fn kinds_changed(&mut self, lost: &BTreeSet<(GroupKind, String)>) {
        let keys: Vec<AppKey> = self.apps.keys().cloned().collect();
        for key in keys {
            self.with(&key, |app| {
                let is_lost = |desired: &Desired| {
                    lost.iter().any(|(kind, version)| {
                        *kind == desired.id().group_kind && *version == desired.version()
                    })
                };
                let concerned = app.deployment.as_ref().is_some_and(|deployment| {
                    deployment
                        .rendered
                        .objects()
                        .any(|desired| desired.unserved().is_some() || is_lost(desired))
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
}
