//! One poller per repository, credential and reference, shared by all apps that follow it. A poller is a task
//! that sleeps, not a thread, and remembers nothing but the last answer.
//!
//! - `poll`: when a remote is asked, and what its answer means.
//! - `secrets`: Secrets of the app's namespace: access to a repository, keys of trusted signers.

mod poll;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use kargo_api::SourceReference;
use kargo_core::{
    object::AppKey,
    world::event::{Event, Failure, Subscription},
};
use kargo_git::Store;
use tokio::sync::{Notify, mpsc};

use crate::{
    cluster::{
        Cluster,
        acting::Nobody,
        identity::{Identity, NoIdentity},
    },
    metrics::Metrics,
    recorder::Recorder,
};
use poll::Poll;
pub(crate) use poll::failure;
pub(crate) use secrets::{SecretName, nobody, remote, signers};

/// What is polled, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Target {
    repo_url: String,
    reference: SourceReference,
    secret: Option<SecretName>,
}

/// Everything that is polled, and for whom.
pub(crate) struct Sources {
    store: Arc<Store>,
    cluster: Cluster,
    events: mpsc::Sender<Event>,
    metrics: Metrics,
    recorder: Recorder,
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
    /// The shortest of their intervals.
    fn interval(&self) -> Option<Duration> {
        self.apps.values().map(|subscription| subscription.interval).min()
    }
}

impl Sources {
    /// Nothing is polled yet.
    pub(crate) fn new(
        store: Arc<Store>,
        cluster: Cluster,
        events: mpsc::Sender<Event>,
        metrics: Metrics,
        recorder: Recorder,
    ) -> Self {
        let (pollers, followed) = (HashMap::new(), BTreeMap::new());
        Self { store, cluster, events, metrics, recorder, pollers, followed }
    }

    /// Follows a branch or a tag for an app, instead of what it followed before.
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
            reference: subscription.reference.clone(),
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
            recorder: self.recorder.clone(),
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

fn lock(subscribers: &std::sync::Mutex<Subscribers>) -> std::sync::MutexGuard<'_, Subscribers> {
    subscribers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
