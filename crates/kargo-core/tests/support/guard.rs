//! The rules of safety, checked at every deletion.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kargo_api::names;
use kargo_core::{
    bands,
    desired::Rendered,
    object::{AppKey, ObjectId},
    prune::{Candidate, PrunePermit},
    world::event::{Command, Event, LoadRequest},
};

use super::{
    server::{Server, observe},
    shell::Work,
};

/// What every app is known to want: its newest set that was rendered successfully.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    newest: BTreeMap<AppKey, Newest>,
    /// The set before the newest: a branch can go back to it.
    before: BTreeMap<AppKey, Newest>,
    /// What is being loaded. The answer to anything else is of an app that had the same name.
    loading: BTreeMap<AppKey, LoadRequest>,
    /// The commit that each branch is at, as git said last.
    tips: BTreeMap<AppKey, String>,
}

#[derive(Debug)]
struct Newest {
    rendered: Arc<Rendered>,
    /// Nobody can know after a crash that the app wanted these: neither mark nor status said so.
    forgotten: BTreeSet<ObjectId>,
    /// It was rendered by a process that is gone.
    is_history: bool,
}

impl Guard {
    pub(crate) fn heard(&mut self, event: &Event) {
        match event {
            Event::Loaded { app, request, result: Ok(rendered) }
                if self.loading.get(app) == Some(request)
                    && !self.is_what_stood(app, &request.commit) =>
            {
                let newest = Newest {
                    rendered: Arc::clone(rendered),
                    forgotten: BTreeSet::new(),
                    is_history: false,
                };
                if let Some(before) = self.newest.insert(app.clone(), newest) {
                    self.before.insert(app.clone(), before);
                }
                self.go_back(app);
            }
            Event::TipSeen { app, tip: Ok(commit), .. } => {
                self.tips.insert(app.clone(), commit.clone());
                self.go_back(app);
            }
            // With an object goes the mark that said after a crash who wanted it.
            Event::LiveGone { id, .. } => self.forget_objects(|wanted| wanted == id),
            Event::LiveListed(group_kind, objects) => {
                let listed: BTreeSet<&ObjectId> = objects.iter().map(|live| &live.id).collect();
                self.forget_objects(|wanted| {
                    wanted.group_kind == *group_kind && !listed.contains(wanted)
                });
            }
            Event::AppGone(app) => {
                self.newest.remove(app);
                self.before.remove(app);
                self.loading.remove(app);
            }
            _ => {}
        }
    }

    /// An older commit than the newest, and not the one that the branch went back to: it is loaded to keep what
    /// a former process deployed.
    fn is_what_stood(&self, app: &AppKey, commit: &str) -> bool {
        self.tips.get(app).is_none_or(|tip| tip != commit)
            && self.newest.get(app).is_some_and(|newest| newest.rendered.revision() > commit)
    }

    fn forget_objects(&mut self, is_gone: impl Fn(&ObjectId) -> bool) {
        for newest in self.newest.values_mut().filter(|newest| newest.is_history) {
            let gone = newest.rendered.objects().map(|desired| desired.id());
            newest.forgotten.extend(gone.filter(|id| is_gone(id)).cloned());
        }
    }

    /// What was rendered last is not wanted if the branch is at the commit that was rendered before it.
    fn go_back(&mut self, app: &AppKey) {
        let Some(tip) = self.tips.get(app) else { return };
        if self.newest.get(app).is_some_and(|newest| newest.rendered.revision() != tip)
            && self.before.get(app).is_some_and(|before| before.rendered.revision() == tip)
            && let Some(before) = self.before.remove(app)
            && let Some(other) = self.newest.insert(app.clone(), before)
        {
            self.before.insert(app.clone(), other);
        }
    }

    pub(crate) fn asked(&mut self, command: &Command) {
        if let Command::Load { app, request, .. } = command {
            self.loading.insert(app.clone(), request.clone());
        }
    }

    /// What a process cannot know after a crash: who wanted what, where nothing durable says so.
    pub(crate) fn forget_what_was_not_durable(&mut self, server: &Server) {
        for (app, newest) in &mut self.newest {
            newest.is_history = true;
            let refused: BTreeSet<String> = server
                .apps
                .get(app)
                .and_then(|stored| stored.status.as_ref())
                .map(|status| {
                    status.refused_claims.iter().map(|claim| claim.object.clone()).collect()
                })
                .unwrap_or_default();
            for desired in newest.rendered.objects() {
                let id = desired.id();
                if server.owner(id).as_ref() != Some(app) && !refused.contains(&id.to_string()) {
                    newest.forgotten.insert(id.clone());
                }
            }
        }
    }

    /// The rule that a prune would break, if any.
    pub(crate) fn judge(
        &self,
        permit: &PrunePermit,
        candidates: &[Candidate],
        server: &Server,
    ) -> Option<String> {
        let pruner = permit.app();
        let app_deleted = permit.reason().contains("deletionPolicy");
        for candidate in candidates {
            for (app, newest) in &self.newest {
                let alive = server
                    .apps
                    .get(app)
                    .is_some_and(|stored| stored.metadata.deletion_timestamp.is_none());
                if alive
                    && newest.rendered.get(&candidate.id).is_some()
                    && !newest.forgotten.contains(&candidate.id)
                {
                    return Some(format!(
                        "I1: {} is pruned for {pruner} and is in the newest set of {app}",
                        candidate.id
                    ));
                }
            }
        }
        let confirmed = self.is_confirmed(pruner, server);
        let without_consent = candidates.iter().find(|candidate| {
            let allowed = server.get(&candidate.id).is_some_and(|object| {
                object["metadata"]["annotations"][names::PRUNE_ANNOTATION] == "allowed"
            });
            bands::needs_consent_to_prune(&candidate.id.group_kind)
                && !allowed
                && (app_deleted || !confirmed)
        });
        if let Some(candidate) = without_consent {
            return Some(format!("I4: {} is pruned without consent", candidate.id));
        }
        if app_deleted {
            return None;
        }
        let Some(newest) = self.newest.get(pruner) else {
            return Some(format!("I2: {pruner} prunes and has rendered nothing"));
        };
        let allow_empty = server.apps.get(pruner).is_some_and(|app| app.spec.sync.allow_empty);
        if newest.rendered.is_empty() && !allow_empty {
            return Some(format!("I3: {pruner} prunes for an empty set"));
        }
        let mut all = server.owned_by(pruner);
        all.extend(newest.rendered.objects().map(|desired| desired.id().clone()));
        all.extend(candidates.iter().map(|candidate| candidate.id.clone()));
        let count = candidates.len();
        (count > 3 && count * 2 > all.len() && !confirmed)
            .then(|| format!("I4: {count} of {} objects of {pruner} are pruned unasked", all.len()))
    }

    fn is_confirmed(&self, app: &AppKey, server: &Server) -> bool {
        let annotations = server.apps.get(app).and_then(|app| app.metadata.annotations.as_ref());
        let commit =
            annotations.and_then(|annotations| annotations.get(names::CONFIRM_PRUNE_ANNOTATION));
        commit.is_some_and(|commit| {
            self.newest
                .get(app)
                .is_some_and(|newest| newest.rendered.revision().starts_with(commit.as_str()))
        })
    }

    /// I2: what is deleted carries the marks of the app that deletes it, at the very moment.
    pub(crate) fn before_work(work: &Work, server: &Server) {
        let Work::Delete { permit, candidates, version, .. } = work else { return };
        let Some(candidate) = candidates.front() else { return };
        if let Some(object) = server
            .get(&candidate.id)
            .filter(|_| permit.covers(&candidate.id))
            .filter(|object| object["metadata"]["resourceVersion"] == **version)
        {
            let live = observe(object);
            assert!(
                live.uid == candidate.uid
                    && server.owner(&candidate.id).as_ref() == Some(permit.app())
            );
        }
    }
}
