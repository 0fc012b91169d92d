//! What a rendered set waits for before it becomes the one to be deployed. Meanwhile the one before it is kept.

use std::sync::Arc;

use kargo_api::{
    SyncMode, names,
    reasons::{ConditionType, Reason},
};

use super::{
    World,
    app::App,
    event::LoadRequest,
    verdict::{condition, how_to_request, short},
};
use crate::{desired::Rendered, object::AppKey};

/// A rendered set that is not deployed yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: LoadRequest,
    pub(super) rendered: Arc<Rendered>,
}

/// What keeps a rendered set from being deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing is written for this app.
    Suspended,
    /// It is empty, and the user did not say that it may be.
    Empty,
    /// The user deploys on request.
    NotRequested,
    /// Another app is not ready.
    Dependency { name: String, exists: bool },
    /// Apps wait for each other.
    Cycle(Vec<String>),
}

impl Hold {
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Suspended => Reason::Suspended,
            Self::Empty => Reason::NothingDesired,
            Self::NotRequested => Reason::WaitsForRequest,
            Self::Dependency { .. } => Reason::WaitsForDependency,
            Self::Cycle(_) => Reason::DependencyCycle,
        }
    }

    /// Whether it goes away without anybody acting on this app.
    pub(super) fn ends_by_itself(&self) -> bool {
        matches!(self, Self::Dependency { .. })
    }

    /// Whether the set waits for other apps.
    fn is_about_others(&self) -> bool {
        matches!(self, Self::Dependency { .. } | Self::Cycle(_))
    }

    /// What happens, why, and what to do.
    pub(super) fn message(&self, app: &App) -> String {
        let revision = app.waiting.as_ref().map(|waiting| short(waiting.rendered.revision()));
        let commit = revision.map_or("The app".to_owned(), |revision| format!("Commit {revision}"));
        match self {
            Self::Suspended => "The app is suspended: nothing is applied, put back or deleted until spec.suspend is false.".to_owned(),
            Self::Empty => format!(
                "{commit} renders no object at all, so nothing was changed. Set spec.sync.allowEmpty to true if the app is meant to be empty, or push the files that are missing."
            ),
            Self::NotRequested => {
                format!("{commit} is ready and waits to be asked for. {}", how_to_request(app, "deploy it"))
            }
            Self::Dependency { name, exists: true } => {
                format!("{commit} waits until KargoApp {name} is ready, as spec.dependsOn says.")
            }
            Self::Dependency { name, exists: false } => format!(
                "{commit} waits for KargoApp {name}, which spec.dependsOn names and which does not exist in namespace {}. Create it, or take it out of spec.dependsOn.",
                app.key.namespace
            ),
            Self::Cycle(names) => format!(
                "{commit} cannot be deployed: KargoApps wait for each other in a circle, {}. Take one of them out of spec.dependsOn.",
                names.join(" -> ")
            ),
        }
    }
}

impl World {
    /// Makes the set that waits the one to be deployed, unless something holds it.
    pub(super) fn admit(&mut self, key: &AppKey) {
        let Some(app) = self.apps.get_mut(key).filter(|app| !app.deleting) else { return };
        let is_done = app.deployment.as_ref().is_some_and(|deployment| {
            app.wanted_load().is_some_and(|wanted| deployment.request == wanted)
        });
        if is_done {
            // The branch went back to what is deployed, or the app follows another one that is at the same commit.
            app.waiting = None;
            app.deployed_reference = Some(app.spec.source.reference());
        }
        let Some(app) = self.apps.get(key) else { return };
        let hold = self.hold(app);
        let stands = app.waiting.as_ref().is_some_and(|waiting| app.stands(&waiting.rendered));
        let Some(app) = self.apps.get_mut(key) else { return };
        app.hold = hold;
        if (app.hold.is_none() || stands)
            && let Some(waiting) = app.waiting.take()
        {
            self.adopt(key, waiting.request, waiting.rendered);
        }
        if let Some(app) = self.apps.get_mut(key) {
            app.settle_request();
        }
    }

    fn hold(&self, app: &App) -> Option<Hold> {
        if app.spec.suspend {
            return Some(Hold::Suspended);
        }
        let waiting = app.waiting.as_ref()?;
        if app.stands(&waiting.rendered) {
            return None;
        }
        if waiting.rendered.is_empty() && !app.spec.sync.allow_empty {
            return Some(Hold::Empty);
        }
        if app.spec.sync.mode == SyncMode::Manual && !app.is_asked_for() {
            return Some(Hold::NotRequested);
        }
        self.dependency(app)
    }

    /// The first app that this one depends on and that is not ready.
    fn dependency(&self, app: &App) -> Option<Hold> {
        if let Some(circle) = self.circle(app) {
            return Some(Hold::Cycle(circle));
        }
        app.spec.depends_on.iter().find_map(|reference| {
            let dependency = self.apps.get(&app.sibling(&reference.name));
            let exists = dependency.is_some();
            let is_ready = dependency.is_some_and(App::is_ready_as_wanted);
            (!is_ready).then(|| Hold::Dependency { name: reference.name.clone(), exists })
        })
    }

    /// The way from an app through `dependsOn` back to itself.
    fn circle(&self, app: &App) -> Option<Vec<String>> {
        let mut seen = std::collections::BTreeSet::new();
        let mut ways = vec![vec![app.key.name.clone()]];
        while let Some(way) = ways.pop() {
            let at = way.last().map(|name| app.sibling(name));
            let Some(at) = at.and_then(|key| self.apps.get(&key)) else { continue };
            for reference in &at.spec.depends_on {
                let next: Vec<String> = way.iter().chain([&reference.name]).cloned().collect();
                if reference.name == app.key.name {
                    return Some(next);
                }
                if seen.insert(reference.name.clone()) {
                    ways.push(next);
                }
            }
        }
        None
    }

    /// Those who wait for this app look again.
    pub(super) fn touch_dependents(&mut self, key: &AppKey) {
        let dependents = self.apps.values().filter(|app| {
            app.key.namespace == key.namespace
                && app.spec.depends_on.iter().any(|reference| reference.name == key.name)
        });
        self.touched.extend(dependents.map(|app| app.key.clone()));
    }

    /// Whether a set that is not deployed yet has this object. It must not be deleted in between.
    pub(super) fn is_awaited(&self, id: &crate::object::ObjectId) -> bool {
        self.apps.values().filter(|app| !app.deleting).any(|app| app.awaits(id))
    }
}

impl App {
    /// Whether a set is what is deployed already, or was when a former process ended.
    pub(super) fn stands(&self, rendered: &Rendered) -> bool {
        if let Some(deployment) = &self.deployment {
            return deployment.rendered.digest() == rendered.digest();
        }
        let Some(current) = &self.stored.current else { return false };
        match &current.digest {
            Some(digest) => digest == rendered.digest(),
            None => current.revision.as_deref() == Some(rendered.revision()),
        }
    }

    /// Whether somebody asked for a deployment and git was asked since.
    fn is_asked_for(&self) -> bool {
        self.has_request() && !self.awaits_tip
    }

    /// A request is done when the newest commit is deployed, has failed, or waits for something that the request
    /// does not change.
    fn settle_request(&mut self) {
        let waits_for_others =
            self.waiting.is_some() && self.hold.as_ref().is_some_and(Hold::is_about_others);
        if self.is_asked_for()
            && self.loading.is_none()
            && !waits_for_others
            && !self.has_news(self.deployment.as_ref())
        {
            self.handled_sync.clone_from(&self.sync_requested);
        }
    }

    /// Whether others may rely on this app: all that its spec and its branch ask for is deployed and healthy.
    fn is_ready_as_wanted(&self) -> bool {
        let ready = condition(&self.stored, ConditionType::Ready)
            .is_some_and(|ready| ready.status == "True");
        ready
            && self.stored.observed_generation == Some(self.generation)
            && !self.deleting
            && self.waiting.is_none()
            && !self.has_news(self.deployment.as_ref())
    }

    /// Whether the set that waits has this object.
    pub(super) fn awaits(&self, id: &crate::object::ObjectId) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.rendered.get(id).is_some())
    }

    fn sibling(&self, name: &str) -> AppKey {
        AppKey { namespace: self.key.namespace.clone(), name: name.to_owned() }
    }

    /// Whether there is a request that was not acted on.
    pub(super) fn has_request(&self) -> bool {
        self.sync_requested.is_some() && self.sync_requested != self.handled_sync
    }

    /// The annotation that asks for a deployment.
    pub(super) const REQUEST: &str = names::SYNC_REQUESTED_ANNOTATION;
}
