//! Webhooks: which apps want to hear of which repository, and by whose word.
//!
//! What a delivery must look like is decided in [`kargo_webhook`]; this is the program around it.
//!
//! - `directory`: who wants to hear of what, as the `KargoApps` say.
//! - `secrets`: the Secrets that they name and the file of the installation, kept in memory.
//! - `requests`: the apps that git is to be asked for, until the engine takes them.

mod directory;
mod requests;
mod secrets;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use kargo_core::world::event::{Event, SeenApp};
use kargo_webhook::{Answer, Host, Known, Provider, Receiver, Repository, Secret, SecretName};
use tokio::net::TcpListener;

pub(crate) use self::requests::Requests;
use self::{directory::Directory, secrets::Secrets};
use crate::{cluster::Cluster, metrics::Metrics, recorder::Recorder, settings};

/// What the webhooks of an installation stand on.
pub(crate) struct Webhooks {
    directory: Arc<Mutex<Directory>>,
    secrets: Secrets,
    requests: Arc<Requests>,
    metrics: Metrics,
}

impl Webhooks {
    /// Listens, and serves until the future is dropped. The apps that git is to be asked for go into `requests`.
    pub(crate) async fn listen(
        settings: &settings::Webhooks,
        cluster: Cluster,
        recorder: Recorder,
        metrics: Metrics,
        requests: Arc<Requests>,
    ) -> anyhow::Result<(Arc<Self>, impl Future<Output = ()> + use<>)> {
        let directory = Arc::default();
        let file = settings.secret_file.clone();
        let secrets = Secrets::new(cluster, recorder, Arc::clone(&directory), file).await?;
        let webhooks = Arc::new(Self { directory, secrets, requests, metrics });
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {} for webhooks", settings.listen))?;
        tracing::info!(address = %listener.local_addr()?, "serving /hooks");
        Ok((Arc::clone(&webhooks), kargo_webhook::serve(listener, webhooks)))
    }

    /// Learns from what happens who wants to hear of what.
    pub(crate) fn notice(&self, event: &Event) {
        match event {
            Event::AppsListed(namespace, apps) => {
                let listed: BTreeSet<_> = apps.iter().map(|app| &app.key).collect();
                lock(&self.directory).keep(namespace.as_deref(), &listed);
                for app in apps {
                    self.know(app);
                }
                self.review_secrets();
            }
            Event::AppSeen(app) => self.know(app),
            Event::AppGone(app) => {
                lock(&self.directory).forget(app);
                self.review_secrets();
            }
            _ => {}
        }
    }

    fn know(&self, app: &SeenApp) {
        let source = &app.app.spec.source;
        let secret = source.webhook_secret_ref.as_ref().map(|secret| secret.name.as_str());
        let is_new = lock(&self.directory).know(&app.key, &source.repo_url, secret);
        if is_new {
            self.review_secrets();
        }
    }

    /// Reads ahead what is named now, since forges do not send again what was refused because a Secret was not
    /// read in time; and forgets the others.
    fn review_secrets(&self) {
        let named = lock(&self.directory).secrets();
        self.secrets.keep(named);
    }
}

impl Known for Webhooks {
    fn installation_secret(&self) -> Option<Arc<Secret>> {
        self.secrets.get(&SecretName::Installation)
    }

    fn secrets(&self, repository: &Repository) -> Vec<(SecretName, Option<Arc<Secret>>)> {
        let names = lock(&self.directory).secrets_for(repository);
        names.into_iter().map(|name| (name.clone(), self.secrets.get(&name))).collect()
    }
}

impl Host for Webhooks {
    async fn refresh(&self, repositories: Vec<Repository>) -> bool {
        let mut names = BTreeSet::from([SecretName::Installation]);
        {
            let directory = lock(&self.directory);
            names.extend(repositories.iter().flat_map(|each| directory.secrets_for(each)));
        }
        self.secrets.refresh(names).await
    }

    fn trigger(&self, receiver: &Receiver) {
        self.metrics.webhook_trigger();
        self.requests.add(lock(&self.directory).apps(receiver));
    }

    fn answered(&self, provider: Option<Provider>, answer: &Answer) {
        self.metrics.webhook_request(provider.map_or("unknown", Provider::name), answer.word());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
