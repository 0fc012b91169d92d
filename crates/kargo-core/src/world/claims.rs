//! One owner per object: which app an object belongs to, and which other apps want it.
//!
//! Server-side apply never conflicts with itself, so two apps under one field manager would silently
//! overwrite each other. A claim is made before the first apply, and passes from one app to another
//! without a delete.

use std::collections::{BTreeSet, HashMap};

use crate::object::{AppKey, ObjectId};

/// All claims of an installation.
#[derive(Debug, Default)]
pub(super) struct Claims {
    holder: HashMap<ObjectId, AppKey>,
    waiting: HashMap<ObjectId, BTreeSet<AppKey>>,
}

impl Claims {
    /// Who has it.
    pub(super) fn holder(&self, id: &ObjectId) -> Option<&AppKey> {
        self.holder.get(id)
    }

    /// Gives it to an app.
    pub(super) fn give(&mut self, id: ObjectId, app: &AppKey) {
        self.stop_waiting(&id, app);
        self.holder.insert(id, app.clone());
    }

    /// Notes that an app wants what another one has.
    pub(super) fn wait(&mut self, id: ObjectId, app: &AppKey) {
        self.waiting.entry(id).or_default().insert(app.clone());
    }

    /// The app does not want it any more, or has it now.
    pub(super) fn stop_waiting(&mut self, id: &ObjectId, app: &AppKey) {
        if let Some(apps) = self.waiting.get_mut(id) {
            apps.remove(app);
            if apps.is_empty() {
                self.waiting.remove(id);
            }
        }
    }

    /// Whether an app other than this one has it or wants it.
    pub(super) fn is_wanted_by_other(&self, id: &ObjectId, app: &AppKey) -> bool {
        self.holder.get(id).is_some_and(|holder| holder != app)
            || self.waiting.get(id).is_some_and(|apps| apps.iter().any(|other| other != app))
    }

    /// The app lets go of an object. The first of those who wait for it has it from now on, and is named.
    pub(super) fn release(&mut self, id: &ObjectId, app: &AppKey) -> Option<AppKey> {
        if self.holder.get(id) != Some(app) {
            return None;
        }
        self.holder.remove(id);
        let next = self.waiting.get(id)?.iter().find(|other| *other != app)?.clone();
        self.give(id.clone(), &next);
        Some(next)
    }

    /// Everything that an app has.
    pub(super) fn held_by(&self, app: &AppKey) -> Vec<ObjectId> {
        self.holder.iter().filter(|(_, holder)| *holder == app).map(|(id, _)| id.clone()).collect()
    }

    /// The app is gone: it waits for nothing any more.
    pub(super) fn forget_waiting(&mut self, app: &AppKey) {
        self.waiting.retain(|_, apps| {
            apps.remove(app);
            !apps.is_empty()
        });
    }
}
