//! What is known of the cluster: the live objects that carry our labels, by identity and by app, and which
//! kinds are watched.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::{
    finding::Finding,
    live::Live,
    marks::Mark,
    object::{AppKey, GroupKind, ObjectId},
};

/// How far the watch of a kind is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tracking {
    /// Asked for, not listed yet.
    Requested,
    /// Listed and watched.
    Listed,
    /// It cannot be listed; nothing is known of its objects.
    Unavailable(Finding),
}

/// The live objects of this installation.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    objects: HashMap<ObjectId, Live>,
    by_app: HashMap<AppKey, BTreeSet<ObjectId>>,
    tracking: HashMap<GroupKind, Tracking>,
}

impl Cluster {
    pub(super) fn get(&self, id: &ObjectId) -> Option<&Live> {
        self.objects.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &ObjectId) -> Option<&mut Live> {
        self.objects.get_mut(id)
    }

    /// Everything that carries the marks of an app.
    pub(super) fn of_app<'a>(&'a self, app: &AppKey) -> impl Iterator<Item = &'a Live> + Clone {
        self.by_app.get(app).into_iter().flatten().filter_map(|id| self.objects.get(id))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Live> {
        self.objects.values()
    }

    pub(super) fn tracking(&self, group_kind: &GroupKind) -> Option<&Tracking> {
        self.tracking.get(group_kind)
    }

    pub(super) fn track(&mut self, group_kind: GroupKind, tracking: Tracking) {
        self.tracking.insert(group_kind, tracking);
    }

    /// Whether every kind that was ever asked for has been listed.
    pub(super) fn is_complete(&self) -> bool {
        !self.tracking.values().any(|tracking| *tracking == Tracking::Requested)
    }

    /// Stores an object unless something newer of the same incarnation is known. The answer says whether it
    /// was stored, and what was known before.
    pub(super) fn put(&mut self, live: Live) -> (bool, Option<Live>) {
        if let Some(known) = self.objects.get(&live.id)
            && known.uid == live.uid
            && live.resource_version < known.resource_version
        {
            return (false, None);
        }
        if let Mark::Ours(app) = &live.mark {
            self.by_app.entry(app.clone()).or_default().insert(live.id.clone());
        }
        let id = live.id.clone();
        let mark = live.mark.clone();
        let previous = self.objects.insert(id.clone(), live);
        if let Some(previous) = &previous
            && previous.mark != mark
        {
            self.forget_mark(&previous.mark, &id);
        }
        (true, previous)
    }

    /// Forgets an object, if it is this incarnation that went.
    pub(super) fn remove(&mut self, id: &ObjectId, uid: &str) -> Option<Live> {
        if self.objects.get(id)?.uid != uid {
            return None;
        }
        let live = self.objects.remove(id)?;
        self.forget_mark(&live.mark, id);
        Some(live)
    }

    /// The objects of a kind that are known and that a list did not contain.
    pub(super) fn missing_from(
        &self,
        group_kind: &GroupKind,
        listed: &HashSet<&str>,
    ) -> Vec<(ObjectId, String)> {
        self.objects
            .values()
            .filter(|live| live.id.group_kind == *group_kind && !listed.contains(live.uid.as_str()))
            .map(|live| (live.id.clone(), live.uid.clone()))
            .collect()
    }

    fn forget_mark(&mut self, mark: &Mark, id: &ObjectId) {
        if let Mark::Ours(app) = mark
            && let Some(ids) = self.by_app.get_mut(app)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_app.remove(app);
            }
        }
    }
}
