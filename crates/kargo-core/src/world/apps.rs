//! What the watch of `KargoApps` says.

use std::collections::HashSet;

use super::{
    World,
    app::{App, Phase},
    event::{Command, SeenApp},
};
use crate::object::AppKey;

impl World {
    pub(super) fn apps_listed(&mut self, namespace: Option<&String>, apps: &[SeenApp]) {
        let listed: HashSet<&AppKey> = apps.iter().map(|app| &app.key).collect();
        let in_scope =
            |key: &&AppKey| namespace.is_none_or(|namespace| key.namespace == *namespace);
        let gone: Vec<AppKey> = self
            .apps
            .keys()
            .filter(in_scope)
            .filter(|key| !listed.contains(key) && !self.unreadable.contains(key))
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

    pub(super) fn app_seen(&mut self, seen: &SeenApp) {
        self.touched.insert(seen.key.clone());
        self.unreadable.remove(&seen.key);
        let uid = seen.app.metadata.uid.as_deref().unwrap_or_default();
        if self.apps.get(&seen.key).is_some_and(|app| app.uid != uid) {
            // Deleted and created again between two events: another app under the same name.
            self.app_gone(&seen.key);
        }
        self.touch_dependents(&seen.key);
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
        if asked || app.generation != generation {
            app.retry_now();
        }
        if asked {
            self.commands.push(Command::Refresh(seen.key.clone()));
            let runs = app
                .deployment
                .as_mut()
                .map(|deployment| deployment.begin_again(|id| self.cluster.get(id).is_some()));
            for id in runs.into_iter().flatten() {
                self.look_at(&seen.key, &id);
            }
        }
    }

    pub(super) fn app_gone(&mut self, key: &AppKey) {
        let was_unreadable = self.unreadable.remove(key);
        if self.apps.remove(key).is_none() && !was_unreadable {
            return;
        }
        self.commands.push(Command::Unsubscribe(key.clone()));
        self.claims.forget_waiting(key);
        for id in self.claims.held_by(key) {
            self.release(&id, key);
        }
        self.unmark(key);
        self.touch_dependents(key);
        self.touch_pruning();
    }
}
