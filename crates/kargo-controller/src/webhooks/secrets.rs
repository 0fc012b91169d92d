//! The secrets that senders are asked for, in memory.
//!
//! One is read when an app first names it, and again when a delivery is not signed by what is known, but not more
//! often than every few seconds, whoever sends what. So a changed Secret is used at once, and strangers cannot have
//! the API server asked as often as they like.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use k8s_openapi::api::core::v1;
use kargo_api::reasons::EventReason;
use kargo_webhook::{Secret, SecretName};
use kube::core::{Request, params::GetParams};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use super::{directory::Directory, lock};
use crate::{cluster::Cluster, recorder::Recorder};

/// The key in a Secret; Flux's receivers have the same.
const KEY: &str = "token";

/// How long a secret is not read again.
const FRESH: Duration = Duration::from_secs(5);

/// How many are read at once.
const READS_AT_ONCE: usize = 4;

pub(super) struct Secrets {
    reader: Arc<Reader>,
    known: Mutex<BTreeMap<SecretName, Arc<Slot>>>,
}

/// What is known of one secret.
#[derive(Default)]
struct Slot {
    content: Mutex<Content>,
    /// When it was last read; held by whoever reads it.
    read: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Content {
    secret: Option<Arc<Secret>>,
    /// Counts its changes.
    version: u64,
    /// What people were told about it last.
    problem: Option<String>,
}

/// How a secret is read.
struct Reader {
    cluster: Cluster,
    recorder: Recorder,
    directory: Arc<Mutex<Directory>>,
    file: Option<PathBuf>,
    places: Semaphore,
}

/// Why a secret cannot be used.
enum Problem {
    /// It may go away by itself; what was read before still counts.
    Passing(String),
    /// Somebody has to act.
    Lasting(String),
}

impl Secrets {
    /// `file` has the secret of the installation, and has to be there.
    pub(super) async fn new(
        cluster: Cluster,
        recorder: Recorder,
        directory: Arc<Mutex<Directory>>,
        file: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let mut known = BTreeMap::new();
        if let Some(path) = &file {
            let secret = read_file(path).await.context("webhooks cannot be served")?;
            let content = Content { secret: Some(Arc::new(secret)), ..Content::default() };
            let slot = Slot { content: Mutex::new(content), ..Slot::default() };
            known.insert(SecretName::Installation, Arc::new(slot));
        }
        let places = Semaphore::new(READS_AT_ONCE);
        let reader = Reader { cluster, recorder, directory, file, places };
        Ok(Self { reader: Arc::new(reader), known: Mutex::new(known) })
    }

    /// A secret, if it is known and can be used.
    pub(super) fn get(&self, name: &SecretName) -> Option<Arc<Secret>> {
        let slot = lock(&self.known).get(name).cloned()?;
        lock(&slot.content).secret.clone()
    }

    /// These are all that anybody names: new ones are read, others are forgotten.
    pub(super) fn keep(&self, names: BTreeSet<SecretName>) {
        let mut known = lock(&self.known);
        known.retain(|name, _| *name == SecretName::Installation || names.contains(name));
        for name in names {
            if matches!(name, SecretName::Own(_)) && !known.contains_key(&name) {
                let slot = Arc::new(Slot::default());
                known.insert(name.clone(), Arc::clone(&slot));
                tokio::spawn(Arc::clone(&self.reader).refresh(name, slot));
            }
        }
    }

    /// Reads those that are not fresh; whether one of them is another than at the time of the call. The reading
    /// goes on when nobody waits for it any more.
    pub(super) async fn refresh(&self, names: BTreeSet<SecretName>) -> bool {
        let slots: Vec<(SecretName, Arc<Slot>)> = {
            let known = lock(&self.known);
            names
                .into_iter()
                .filter_map(|name| Some((name.clone(), known.get(&name)?.clone())))
                .collect()
        };
        let versions = || slots.iter().map(|(_, slot)| lock(&slot.content).version).sum::<u64>();
        let before = versions();
        let mut reads = JoinSet::new();
        for (name, slot) in &slots {
            let read = Arc::clone(&self.reader).refresh(name.clone(), Arc::clone(slot));
            let read = tokio::spawn(read);
            reads.spawn(async move { drop(read.await) });
        }
        while reads.join_next().await.is_some() {}
        versions() != before
    }
}

impl Reader {
    async fn refresh(self: Arc<Self>, name: SecretName, slot: Arc<Slot>) {
        let mut read = slot.read.lock().await;
        if read.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let answer = self.read(&name).await;
        *read = Some(Instant::now());
        let told = {
            let mut content = lock(&slot.content);
            let (secret, problem) = match answer {
                Ok(secret) => (Some(Arc::new(secret)), None),
                Err(Problem::Passing(problem)) => (content.secret.clone(), Some(problem)),
                Err(Problem::Lasting(problem)) => (None, Some(problem)),
            };
            if content.secret != secret {
                content.secret = secret;
                content.version += 1;
            }
            let told = problem.clone().filter(|_| content.problem != problem);
            content.problem = problem;
            told
        };
        if let Some(problem) = told {
            self.tell(&name, &problem);
        }
    }

    async fn read(&self, name: &SecretName) -> Result<Secret, Problem> {
        match name {
            SecretName::Installation => {
                let path = self.file.as_deref().unwrap_or(Path::new(""));
                read_file(path).await.map_err(|error| Problem::Passing(format!("{error:#}")))
            }
            SecretName::Own(name) => self.read_object(name).await,
        }
    }

    async fn read_object(&self, name: &str) -> Result<Secret, Problem> {
        let _place = self.places.acquire().await;
        let (namespace, name) = name.split_once('/').unwrap_or_default();
        let secrets = Request::new(format!("/api/v1/namespaces/{namespace}/secrets"));
        let request = secrets
            .get(name, &GetParams::default())
            .map_err(|_| Problem::Lasting(format!("{name} is not the name of a Secret.")))?;
        let what = format!("Secret {name}, which spec.source.webhookSecretRef names,");
        let secret: v1::Secret = self.cluster.read(request).await.map_err(|error| {
            if error.is_not_found() {
                Problem::Lasting(format!("{what} does not exist in namespace {namespace}. Create it, or correct the name."))
            } else if error.is_transient() {
                Problem::Passing(format!("{what} cannot be read: {error}."))
            } else {
                Problem::Lasting(format!("{what} cannot be read: {error}."))
            }
        })?;
        let token = secret.data.unwrap_or_default().remove(KEY).unwrap_or_default();
        Secret::new(&token.0).map_err(|_| {
            Problem::Lasting(format!(
                "{what} has nothing under the key `{KEY}`. Put the secret of the webhook there."
            ))
        })
    }

    fn tell(&self, name: &SecretName, problem: &str) {
        if *name == SecretName::Installation {
            tracing::warn!(
                problem,
                "the webhook secret of the installation is the one read before"
            );
            return;
        }
        for app in lock(&self.directory).apps_of(name) {
            self.recorder.tell(&app, EventReason::WebhookSecretUnusable, problem);
        }
    }
}

async fn read_file(path: &Path) -> anyhow::Result<Secret> {
    let content = tokio::fs::read(path).await.with_context(|| {
        format!("the file of the webhook secret, {}, cannot be read", path.display())
    })?;
    Secret::new(&content)
        .with_context(|| format!("the file of the webhook secret, {}", path.display()))
}
