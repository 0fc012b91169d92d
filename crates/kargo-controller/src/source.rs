//! One poller per repository and branch, shared by all apps that follow it.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use kargo_api::reasons::Reason;
use kargo_core::{
    object::AppKey,
    world::event::{Event, Failure, Subscription},
};
use kargo_git::{Cause, Reference, Remote, Store, Url};
use tokio::sync::{Notify, mpsc};

use crate::metrics::Metrics;

/// A remote that fails this often in a row is asked less and less often.
const PATIENCE: u32 = 3;

/// The longest time between two attempts at a failing remote.
const LONGEST_DELAY: Duration = Duration::from_mins(10);

/// What is polled: the repository's URL and the branch.
type Target = (String, String);

/// Everything that is polled, and for whom.
pub(crate) struct Sources {
    store: Arc<Store>,
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
    last: Option<Result<String, Failure>>,
}

impl Subscribers {
    fn interval(&self) -> Duration {
        self.apps.values().map(|subscription| subscription.interval).min().unwrap_or(LONGEST_DELAY)
    }
}

impl Sources {
    /// Nothing is polled yet.
    pub(crate) fn new(store: Arc<Store>, events: mpsc::Sender<Event>, metrics: Metrics) -> Self {
        Self { store, events, metrics, pollers: HashMap::new(), followed: BTreeMap::new() }
    }

    /// Follows a branch for an app, instead of what it followed before.
    pub(crate) fn subscribe(&mut self, app: AppKey, subscription: Subscription) {
        let target = (subscription.repo_url.clone(), subscription.branch.clone());
        if self.followed.get(&app).is_some_and(|before| *before != target) {
            self.unsubscribe(&app);
        }
        self.followed.insert(app.clone(), target.clone());
        let known = if let Some(poller) = self.pollers.get(&target) {
            let mut subscribers = lock(&poller.subscribers);
            subscribers.apps.insert(app.clone(), subscription.clone());
            poller.wake.notify_one();
            subscribers.last.clone()
        } else {
            let subscribers = Subscribers { apps: BTreeMap::from([(app.clone(), subscription.clone())]), last: None };
            let subscribers = Arc::new(std::sync::Mutex::new(subscribers));
            let wake = Arc::new(Notify::new());
            let poll = Poll {
                store: Arc::clone(&self.store),
                target: target.clone(),
                subscribers: Arc::clone(&subscribers),
                wake: Arc::clone(&wake),
                events: self.events.clone(),
                metrics: self.metrics.clone(),
            };
            self.pollers.insert(target, Poller { subscribers, wake, task: tokio::spawn(poll.run()) });
            None
        };
        // Another app has asked already: its answer serves until the next one.
        if let Some(tip) = known {
            let events = self.events.clone();
            tokio::spawn(async move {
                let _ = events.send(Event::TipSeen { app, subscription, tip }).await;
            });
        }
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
        if unused && let Some(poller) = self.pollers.remove(&target) {
            poller.task.abort();
        }
    }

    /// Asks now.
    pub(crate) fn refresh(&self, app: &AppKey) {
        if let Some(poller) = self.followed.get(app).and_then(|target| self.pollers.get(target)) {
            poller.wake.notify_one();
        }
    }
}

struct Poll {
    store: Arc<Store>,
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
            let answer = self.ask().await;
            failures = if answer.is_ok() { 0 } else { failures.saturating_add(1) };
            let (told, interval) = {
                let mut subscribers = lock(&self.subscribers);
                let changed = subscribers.last.as_ref() != Some(&answer);
                subscribers.last = Some(answer.clone());
                let told = if changed { subscribers.apps.clone() } else { BTreeMap::new() };
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
        let (repo_url, branch) = &self.target;
        let remote = remote(repo_url)?;
        let answer = self.store.resolve(&remote, &Reference::Branch(branch.clone())).await;
        self.metrics.git_request("resolve", answer.is_ok());
        answer.map(|commit| commit.to_string()).map_err(|error| failure(&error))
    }

    /// The interval, spread a little so that many remotes are not asked at the same moment; longer and longer
    /// for a remote that fails.
    fn delay(&self, interval: Duration, failures: u32, turn: u64) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&self.target, turn).hash(&mut hasher);
        let spread = interval.mul_f64(f64::from(u32::try_from(hasher.finish() % 100).unwrap_or(0)) / 1000.0);
        let factor = 1 << failures.saturating_sub(PATIENCE).min(8);
        (interval * factor).min(LONGEST_DELAY.max(interval)).saturating_sub(spread)
    }
}

/// The remote of a repository URL.
pub(crate) fn remote(repo_url: &str) -> Result<Remote, Failure> {
    let url = Url::parse(repo_url).map_err(|error| Failure {
        reason: Reason::InvalidSpec,
        message: error.to_string(),
        findings: Vec::new(),
        transient: false,
    })?;
    Ok(Remote::new(url))
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
