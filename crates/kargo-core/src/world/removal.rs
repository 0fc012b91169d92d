//! What a deleted app does next: its objects stay or go, and it always ends. Those of a suspended app stay.

use kargo_api::DeletionPolicy;

use super::{
    World,
    app::App,
    event::{Command, Now},
};
use crate::prune::{self, PrunePermit};

/// After so many failed attempts the app goes and what could not be deleted stays, with an Event each.
const ATTEMPTS: u32 = 5;

impl World {
    pub(super) fn step_removal(&mut self, app: &mut App, now: Now) {
        if app.subscribed.take().is_some() {
            self.commands.push(Command::Unsubscribe(app.key.clone()));
        }
        if !app.has_finalizer || !self.started {
            return;
        }
        let deletes = app.spec.deletion_policy == DeletionPolicy::Delete && !app.spec.suspend;
        if deletes && !self.objects_are_gone(app, now) {
            return;
        }
        self.settle_finalizer(app, false, now);
    }

    fn objects_are_gone(&mut self, app: &mut App, now: Now) -> bool {
        // What is still being sent would be left behind.
        if app.pruning.is_some() || app.applying.is_some() {
            return false;
        }
        if let Some(retry) = &app.prune_failure {
            if retry.attempts >= ATTEMPTS {
                return true;
            }
            if now.monotonic < retry.at {
                return false;
            }
        }
        let candidates = prune::select_for_deleted_app(self.cluster.of_app(&app.key), |id| {
            self.claims.is_wanted_by_other(id, &app.key) || self.is_awaited(id)
        });
        if candidates.is_empty() {
            return true;
        }
        // Another app may want one of them and not have said so since the start.
        if !self.apps.values().all(|other| other.deleting || other.spoken) {
            return false;
        }
        let permit = PrunePermit::for_deleted_app(&app.key);
        app.pruning = Some(permit.withdrawals());
        self.commands.push(Command::Prune { permit, candidates });
        false
    }
}
