//! Fetch, render, prepare: from a commit to a desired set.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use kargo_api::reasons::Reason;
use kargo_core::{
    desired::{Context, Rendered},
    finding::{Finding, Severity},
    object::AppKey,
    world::event::{Event, Failure, LoadRequest},
};
use kargo_git::{ObjectId, Snapshot, Store};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    cluster::{
        Cluster,
        identity::{Identity, NoIdentity},
    },
    metrics::Metrics,
    settings::{DefaultTargetNamespace, Settings},
    source::{self, SecretName},
};

/// How many renders run at once; each is one thread at work.
const RENDERS_AT_ONCE: usize = 2;

/// Loads commits for all apps.
pub(crate) struct Loader {
    store: Arc<Store>,
    cluster: Cluster,
    settings: Arc<Settings>,
    metrics: Metrics,
    renders: Semaphore,
    /// What the last good render of an app looked at, and what it found there.
    inputs: Mutex<HashMap<AppKey, Inputs>>,
}

/// What a render looked at. It belongs to the result with this digest and to no other: the world may have
/// discarded the last one.
struct Inputs {
    digest: String,
    /// Paths, with the id of what stood there.
    seen: Vec<(String, Option<ObjectId>)>,
}

impl Loader {
    /// A loader over a store of git caches.
    pub(crate) fn new(
        store: Arc<Store>,
        cluster: Cluster,
        settings: Arc<Settings>,
        metrics: Metrics,
    ) -> Self {
        Self {
            store,
            cluster,
            settings,
            metrics,
            renders: Semaphore::new(RENDERS_AT_ONCE),
            inputs: Mutex::default(),
        }
    }

    /// Carries out [`kargo_core::world::event::Command::Load`].
    pub(crate) async fn load(
        self: Arc<Self>,
        app: AppKey,
        identity: Result<Identity, NoIdentity>,
        request: LoadRequest,
        previous: Option<Arc<Rendered>>,
        events: mpsc::Sender<Event>,
    ) {
        let result = self.try_load(&app, identity, &request, previous).await;
        self.metrics.render(result.is_ok());
        let _ = events.send(Event::Loaded { app, request, result }).await;
    }

    /// The app is gone; what was remembered for it is not needed any more.
    pub(crate) fn forget(&self, app: &AppKey) {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).remove(app);
    }

    async fn try_load(
        self: &Arc<Self>,
        app: &AppKey,
        identity: Result<Identity, NoIdentity>,
        request: &LoadRequest,
        previous: Option<Arc<Rendered>>,
    ) -> Result<Arc<Rendered>, Failure> {
        let identity = identity.map_err(|error| source::nobody(&error.into()))?;
        let secret = |name: &String| SecretName {
            namespace: app.namespace.clone(),
            name: name.clone(),
            identity: identity.clone(),
        };
        let access = request.secret.as_ref().map(secret);
        let remote = source::remote(&self.cluster, &request.repo_url, access.as_ref()).await?;
        let signers = match request.signers.as_ref().map(secret) {
            Some(name) => Some(source::signers(&self.cluster, &name).await?),
            None => None,
        };
        let commit =
            request.commit.parse().map_err(|_| internal("the commit id cannot be read"))?;
        let snapshot = self.store.fetch(&remote, commit, &request.path).await;
        self.metrics.git_request("fetch", snapshot.is_ok());
        let snapshot = snapshot.map_err(|error| source::failure(&error))?;

        let _turn = self.renders.acquire().await.map_err(|_| internal("Kargo is stopping"))?;
        let (loader, app, request) = (Arc::clone(self), app.clone(), request.clone());
        let render = move || {
            // A poison repository fails alone, whatever it finds in the renderer.
            let work = AssertUnwindSafe(|| {
                // Before anything of it is looked at.
                let signature = signers.map(|signers| snapshot.verify(&signers)).transpose();
                let signature = signature.map_err(|error| source::failure(&error))?;
                let signer = signature.map(|signature| signature.to_string());
                loader.render(&app, &request, &snapshot, previous, signer)
            });
            std::panic::catch_unwind(work)
                .unwrap_or_else(|_| Err(internal("the renderer failed on this commit")))
        };
        tokio::task::spawn_blocking(render)
            .await
            .unwrap_or_else(|_| Err(internal("the renderer failed on this commit")))
    }

    fn render(
        &self,
        app: &AppKey,
        request: &LoadRequest,
        snapshot: &Snapshot,
        previous: Option<Arc<Rendered>>,
        signer: Option<String>,
    ) -> Result<Arc<Rendered>, Failure> {
        if let Some(previous) = previous
            && self.is_unchanged(app, &previous, snapshot)
        {
            return Ok(Arc::new(previous.at_revision(&request.commit).signed_by(signer)));
        }
        let namespace = request.target_namespace.clone().or_else(|| {
            (self.settings.default_target_namespace == DefaultTargetNamespace::App)
                .then(|| app.namespace.clone())
        });
        let options = kustomize::Options { namespace, ..kustomize::Options::default() };
        let path = request.path.trim_matches('/');
        let outcome = kustomize::build(snapshot, path, &options);
        if let Some(error) = snapshot.failure() {
            return Err(source::failure(&error));
        }
        let warnings = outcome.warnings.into_iter().map(|warning| of_warning(&warning)).collect();
        let build = match outcome.result {
            Ok(build) => build,
            Err(errors) => {
                return Err(unrenderable(&request.commit, errors.iter().map(of_error).collect()));
            }
        };
        let context = Context {
            installation: self.cluster.installation(),
            app,
            revision: &request.commit,
            kinds: &self.cluster.kinds(),
            reserved_namespace: Some(self.cluster.namespace()),
        };
        let rendered = Rendered::prepare(build, warnings, &context)
            .map_err(|findings| unrenderable(&request.commit, findings))?;
        let seen = outcome.looked_at.into_iter().map(|path| {
            let id = snapshot.id(&path).ok().flatten();
            (path, id)
        });
        let inputs = Inputs { digest: rendered.digest().to_owned(), seen: seen.collect() };
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).insert(app.clone(), inputs);
        Ok(Arc::new(rendered.signed_by(signer)))
    }

    /// Whether nothing that the previous render looked at has changed.
    fn is_unchanged(&self, app: &AppKey, previous: &Rendered, snapshot: &Snapshot) -> bool {
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        inputs.get(app).filter(|inputs| inputs.digest == previous.digest()).is_some_and(|inputs| {
            inputs.seen.iter().all(|(path, id)| snapshot.id(path).is_ok_and(|now| now == *id))
        })
    }
}

fn of_error(error: &kustomize::Error) -> Finding {
    let finding = Finding::error(error.what.clone()).at(error.position.clone());
    match &error.help {
        Some(help) => finding.help(help.clone()),
        None => finding,
    }
}

fn of_warning(warning: &kustomize::Warning) -> Finding {
    let finding = Finding::warning(warning.what.clone()).at(warning.position.clone());
    match &warning.help {
        Some(help) => finding.help(help.clone()),
        None => finding,
    }
}

/// All findings, and a message that says the first of them.
fn unrenderable(commit: &str, findings: Vec<Finding>) -> Failure {
    let errors: Vec<&Finding> =
        findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let first = errors.first().map(ToString::to_string).unwrap_or_default();
    let more = match errors.len() {
        0 | 1 => String::new(),
        2 => " One more error is listed below.".to_owned(),
        count => format!(" {} more errors are listed below.", count - 1),
    };
    let short: String = commit.chars().take(8).collect();
    Failure {
        reason: Reason::RenderFailed,
        message: format!("Commit {short} cannot be deployed: {first}{more}"),
        findings,
        transient: false,
    }
}

fn internal(what: &str) -> Failure {
    Failure {
        reason: Reason::RenderFailed,
        message: format!("{what}."),
        findings: Vec::new(),
        transient: true,
    }
}
