//! When what left git is deleted, and who has to have spoken before.

use super::{
    World,
    app::{App, Deployment},
    cluster::Tracking,
    event::{Command, Now},
};
use crate::{
    object::ObjectId,
    prune::{self, Applied},
};

impl World {
    /// Deletes what left git. True if there is nothing left to delete.
    pub(super) fn prune(&mut self, app: &mut App, deployment: &mut Deployment, now: Now) -> bool {
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
    /// Whether an app may delete anything yet. Nothing is deleted for a commit that is known not to be the
    /// newest, nor while an app of the same repository has something to say about the push; every app has
    /// rendered or failed once since the start, and every refused claim is stored, so that a restart knows of it.
    pub(super) fn may_prune(&self, pruner: &App, deployment: &Deployment) -> bool {
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
