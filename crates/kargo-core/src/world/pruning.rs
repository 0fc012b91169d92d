//! When what left git is deleted, and who has to have spoken before.

use super::{
    World,
    app::{App, Deployment},
    cluster::Tracking,
    event::{Command, Now},
    gate::Hold,
};
use crate::{
    object::ObjectId,
    prune::{self, Candidate},
};

impl World {
    /// Deletes what left git. True if there is nothing left to delete.
    pub(super) fn prune(&mut self, app: &mut App, deployment: &mut Deployment, now: Now) -> bool {
        deployment.held.clear();
        deployment.kept.clear();
        if !app.spec.sync.prune {
            return true;
        }
        if deployment.rendered.is_empty() && !app.spec.sync.allow_empty {
            return false;
        }
        let retry_later = app.prune_failure.as_ref().is_some_and(|retry| now.monotonic < retry.at);
        if app.pruning.is_some() || retry_later {
            return false;
        }
        let selection = prune::select(
            &deployment.rendered,
            self.cluster.of_app(&app.key),
            |id| {
                self.claims.is_wanted_by_other(id, &app.key)
                    || app.awaits(id)
                    || self.is_awaited(id)
            },
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
        if !self.may_prune(app, deployment)
            || !self.neighbours_have_spoken(deployment, &selection.delete)
        {
            return false;
        }
        // Looked at again right now: something may have changed since the phase began.
        let Ok(applied) = self.verify(app, deployment) else { return false };
        let permit = applied.permit(&app.key);
        app.pruning = Some(permit.withdrawals());
        self.commands.push(Command::Prune { permit, candidates: selection.delete });
        false
    }

    /// Whether an app may delete anything yet. Nothing is deleted for a commit that is known not to be the
    /// newest, nor while an app of the same repository has something to say about the push; every app has
    /// rendered or failed once since the start, and every claim that it refused to others is stored, so that a
    /// restart knows of it.
    pub(super) fn may_prune(&self, pruner: &App, deployment: &Deployment) -> bool {
        // A newest commit that is empty is an accident in most cases, and the one before it may be another.
        if !pruner.is_about_the_spec(deployment)
            || pruner.has_news(Some(deployment))
            || pruner.hold == Some(Hold::Empty)
        {
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
                let of_pruner = deployment.refused.iter().filter(|(_, by)| **by == pruner.key);
                of_pruner.map(|(id, _)| id).all(|id| {
                    let id = id.to_string();
                    app.stored.refused_claims.iter().any(|stored| stored.object == id)
                })
            });
            app.spoken && durable
        })
    }

    /// Whether git was asked for every app that works in the same namespaces, since the set that something left
    /// became the one to be deployed: an object that moves from one repository to another by two pushes at the
    /// same moment is handed over and not deleted. Those that were not are asked now.
    fn neighbours_have_spoken(
        &mut self,
        deployment: &Deployment,
        candidates: &[Candidate],
    ) -> bool {
        let is_near = |app: &App| {
            candidates.iter().any(|candidate| match &candidate.id.namespace {
                None => true,
                Some(namespace) => {
                    app.key.namespace == *namespace
                        || app.spec.target_namespace.as_ref() == Some(namespace)
                        || app.deployment.as_ref().is_some_and(|deployment| {
                            deployment
                                .rendered
                                .objects()
                                .any(|desired| desired.id().namespace.as_ref() == Some(namespace))
                        })
                }
            })
        };
        let mut all_have = true;
        for app in self.apps.values_mut().filter(|app| !app.deleting && is_near(app)) {
            if app.tip_seen_at.is_some_and(|at| at > deployment.adopted_at) {
                all_have &= !app.has_news(app.deployment.as_ref());
            } else {
                all_have = false;
                if !app.is_consulted {
                    app.is_consulted = true;
                    self.commands.push(Command::Refresh(app.key.clone()));
                }
            }
        }
        all_have
    }
}
