//! One poller per repository and branch, shared by all apps that follow it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Secret;
use kargo_api::reasons::Reason;
use kargo_core::{
    object::AppKey,
    world::event::{Event, Failure, Subscription},
};
use kargo_git::{Access, Cause, Reference, Remote, Store, Url};
use kube::core::{Request, params::GetParams};
use tokio::sync::{Notify, mpsc};

use crate::{
    cluster::{
        Cluster,
        acting::Nobody,
        identity::{Identity, NoIdentity},
    },
    metrics::Metrics,
};

/// A remote that fails this often in a row is asked less and less often.
const PATIENCE: u32 = 3;

/// The longest time between two attempts at a failing remote.
const LONGEST_DELAY: Duration = Duration::from_mins(10);

/// What is polled, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Target {
    repo_url: String,
    branch: String,
    secret: Option<SecretName>,
}

/// A Secret of an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SecretName {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// As whom it is read: two apps of one namespace may not have the same rights.
    pub(crate) identity: Identity,
}

/// Everything that is polled, and for whom.
pub(crate) struct Sources {
    store: Arc<Store>,
    cluster: Cluster,
    events: mpsc::Sender<Event>,
    metrics: Metrics,
    pollers: HashMap<Target, Poller>,
    followed: BTreeMap<AppKey, Target>,
}

struct Poller {
    subscribers: Arc<std::sync::Mutex<Subscribers>>,
    wake: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Subscribers {
    apps: BTreeMap<AppKey, Subscription>,
    /// Those that have not been told anything yet.
    untold: BTreeSet<AppKey>,
    last: Option<Result<String, Failure>>,
}

impl Subscribers {
    fn interval(&self) -> Duration {
        self.apps.values().map(|subscription| subscription.interval).min().unwrap_or(LONGEST_DELAY)
    }
}

impl Sources {
    /// Nothing is polled yet.
    pub(crate) fn new(
        store: Arc<Store>,
        cluster: Cluster,
        events: mpsc::Sender<Event>,
        metrics: Metrics,
    ) -> Self {
        let (pollers, followed) = (HashMap::new(), BTreeMap::new());
        Self { store, cluster, events, metrics, pollers, followed }
    }

    /// Follows a branch for an app, instead of what it followed before.
    pub(crate) fn subscribe(
        &mut self,
        app: AppKey,
        subscription: Subscription,
        identity: Result<Identity, NoIdentity>,
    ) {
        let identity = match identity {
            Ok(identity) => identity,
            Err(error) => return self.refuse(app, subscription, &error),
        };
        let secret = subscription.secret.clone();
        let target = Target {
            repo_url: subscription.repo_url.clone(),
            branch: subscription.branch.clone(),
            secret: secret.map(|name| SecretName {
                namespace: app.namespace.clone(),
                name,
                identity,
            }),
        };
        if self.followed.get(&app).is_some_and(|before| *before != target) {
            self.unsubscribe(&app);
        }
        self.followed.insert(app.clone(), target.clone());
        if let Some(poller) = self.pollers.get(&target) {
            let mut subscribers = lock(&poller.subscribers);
            subscribers.untold.insert(app.clone());
            subscribers.apps.insert(app, subscription);
            poller.wake.notify_one();
            return;
        }
        let subscribers = Subscribers {
            untold: BTreeSet::from([app.clone()]),
            apps: BTreeMap::from([(app, subscription)]),
            last: None,
        };
        let subscribers = Arc::new(std::sync::Mutex::new(subscribers));
        let wake = Arc::new(Notify::new());
        let poll = Poll {
            store: Arc::clone(&self.store),
            cluster: self.cluster.clone(),
            target: target.clone(),
            subscribers: Arc::clone(&subscribers),
            wake: Arc::clone(&wake),
            events: self.events.clone(),
            metrics: self.metrics.clone(),
        };
        self.pollers.insert(target, Poller { subscribers, wake, task: tokio::spawn(poll.run()) });
    }

    /// Follows nothing for an app that may act as nobody, and says so.
    fn refuse(&mut self, app: AppKey, subscription: Subscription, error: &NoIdentity) {
        self.unsubscribe(&app);
        let events = self.events.clone();
        let tip = Err(nobody(&Nobody::from(error.clone())));
        tokio::spawn(async move { events.send(Event::TipSeen { app, subscription, tip }).await });
    }

    /// Follows nothing for this app any more.
    pub(crate) fn unsubscribe(&mut self, app: &AppKey) {
        let Some(target) = self.followed.remove(app) else { return };
        let Some(poller) = self.pollers.get(&target) else { return };
        let unused = {
            let mut subscribers = lock(&poller.subscribers);
            subscribers.apps.remove(app);
            subscribers.apps.is_empty()
        };
        if unused {
            self.pollers.remove(&target);
        }
    }

    /// Asks now, and tells the app the answer also if it is what is known.
    pub(crate) fn refresh(&self, app: &AppKey) {
        if let Some(poller) = self.followed.get(app).and_then(|target| self.pollers.get(target)) {
            lock(&poller.subscribers).untold.insert(app.clone());
            poller.wake.notify_one();
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Poll {
    store: Arc<Store>,
    cluster: Cluster,
    target: Target,
    subscribers: Arc<std::sync::Mutex<Subscribers>>,
    wake: Arc<Notify>,
    events: mpsc::Sender<Event>,
    metrics: Metrics,
}

impl Poll {
    async fn run(self) {
        let mut failures: u32 = 0;
        let mut turn: u64 = 0;
        loop {
            // Who asks while the request is under way is told what the next one finds.
            let untold = std::mem::take(&mut lock(&self.subscribers).untold);
            let answer = self.ask().await;
            failures = if answer.is_ok() { 0 } else { failures.saturating_add(1) };
            let (told, interval) = {
                let mut subscribers = lock(&self.subscribers);
                let changed = subscribers.last.as_ref() != Some(&answer);
                subscribers.last = Some(answer.clone());
                let mut told = subscribers.apps.clone();
                told.retain(|app, _| changed || untold.contains(app));
                (told, subscribers.interval())
            };
            for (app, subscription) in told {
                let event = Event::TipSeen { app, subscription, tip: answer.clone() };
                if self.events.send(event).await.is_err() {
                    return;
                }
            }
            turn += 1;
            tokio::select! {
                () = tokio::time::sleep(self.delay(interval, failures, turn)) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    async fn ask(&self) -> Result<String, Failure> {
        let Target { repo_url, branch, secret } = &self.target;
        let remote = remote(&self.cluster, repo_url, secret.as_ref()).await?;
        let answer = self.store.resolve(&remote, &Reference::Branch(branch.clone())).await;
        self.metrics.git_request("resolve", answer.is_ok());
        answer.map(|commit| commit.to_string()).map_err(|error| failure(&error))
    }

    /// The interval, spread a little so that many remotes are not asked at the same moment; longer and longer
    /// for a remote that fails.
    fn delay(&self, interval: Duration, failures: u32, turn: u64) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&self.target, turn).hash(&mut hasher);
        let spread =
            interval.mul_f64(f64::from(u32::try_from(hasher.finish() % 100).unwrap_or(0)) / 1000.0);
        let factor = 1 << failures.saturating_sub(PATIENCE).min(8);
        (interval * factor).min(LONGEST_DELAY.max(interval)).saturating_sub(spread)
    }
}

/// The remote of a repository URL, with what the app's Secret holds. The Secret is read each time, so that a
/// changed one is used at once.
pub(crate) async fn remote(
    cluster: &Cluster,
    repo_url: &str,
    secret: Option<&SecretName>,
) -> Result<Remote, Failure> {
    let url = Url::parse(repo_url).map_err(|error| unusable(error.to_string(), false))?;
    let remote = Remote::new(url);
    match secret {
        Some(secret) => Ok(remote.with_access(access(cluster, secret).await?)),
        None => Ok(remote),
    }
}

async fn access(cluster: &Cluster, secret: &SecretName) -> Result<Access, Failure> {
    let SecretName { namespace, name, identity } = secret;
    let acting = cluster.act_as(Ok(identity.clone())).await.map_err(|error| nobody(&error))?;
    let secrets = Request::new(format!("/api/v1/namespaces/{namespace}/secrets"));
    let request = secrets
        .get(name, &GetParams::default())
        .map_err(|_| unusable(format!("{name} is not the name of a Secret."), false))?;
    let secret: Secret = acting.read(request).await.map_err(|error| {
        let what = if error.is_not_found() {
            format!("Secret {name}, which spec.source.secretRef names, does not exist in namespace {namespace}. Create it, or correct the name.")
        } else if let (Some(403), Identity::Account(account)) = (error.code(), identity) {
            format!("ServiceAccount {account} may not read Secret {name}, which spec.source.secretRef names. Give it the right to get Secrets in namespace {namespace}.")
        } else {
            format!("Secret {name} in namespace {namespace} cannot be read: {error}.")
        };
        unusable(what, error.is_transient())
    })?;
    let data =
        secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    Access::from_secret(&data).map_err(|error| {
        unusable(format!("Secret {name} in namespace {namespace} cannot be used: {error}"), false)
    })
}

/// An app that may act as nobody, in the words of a failure.
pub(crate) fn nobody(error: &Nobody) -> Failure {
    unusable(
        format!("{}. {}.", capitalised(&error.to_string()), error.help()),
        error.is_transient(),
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn unusable(message: String, transient: bool) -> Failure {
    let reason = if transient { Reason::SourceUnavailable } else { Reason::InvalidSpec };
    Failure { reason, message, findings: Vec::new(), transient }
}

/// What a failure of git means for an app.
pub(crate) fn failure(error: &kargo_git::Error) -> Failure {
    let transient = error.is_transient();
    let reason = match error.cause() {
        Cause::BranchMissing { .. } | Cause::RepositoryEmpty => Reason::BranchMissing,
        _ => Reason::SourceUnavailable,
    };
    Failure { reason, message: error.to_string(), findings: Vec::new(), transient }
}

fn lock(subscribers: &std::sync::Mutex<Subscribers>) -> std::sync::MutexGuard<'_, Subscribers> {
    subscribers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
