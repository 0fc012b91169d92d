//! Events for people, on the `KargoApp`. Never in the way: what cannot be queued is counted and dropped. What is
//! told again and again is one Event with a count.
//!
//! Events are Kargo's own, also for an app with a `ServiceAccount`: they say what the status says, and an account
//! that may not create Events would make its app mute.

mod series;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use kargo_api::{names::GROUP, reasons::EventReason};
use kargo_core::object::AppKey;
use kube::core::{
    Request,
    params::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use series::{Key, Series, Stored, Verdict};
use tokio::sync::mpsc;

use crate::{
    cluster::{CallError, Cluster},
    metrics::Metrics,
};

/// How many Events may wait: one of each of a thousand apps that are deployed at once, and some more.
const QUEUE: usize = 2048;

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Sends Events one by one.
#[derive(Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Told>,
    metrics: Metrics,
    /// The incarnation of each app, for what is told without naming it.
    uids: Arc<Mutex<std::collections::HashMap<AppKey, String>>>,
}

enum Told {
    Note(Note),
    Gone(AppKey),
}

struct Note {
    key: Key,
    time: jiff::Timestamp,
}

impl Recorder {
    /// A recorder, and the task that sends for it.
    pub(crate) fn new(cluster: Cluster, metrics: Metrics) -> (Self, impl Future<Output = ()>) {
        let (queue, told) = mpsc::channel(QUEUE);
        let sender = Sender {
            cluster,
            metrics: metrics.clone(),
            series: Series::default(),
            start: Instant::now(),
        };
        (Self { queue, metrics, uids: Arc::default() }, sender.run(told))
    }

    /// Remembers which incarnation of an app is the current one.
    pub(crate) fn know(&self, app: &AppKey, uid: &str) {
        self.uids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(app.clone(), uid.to_owned());
    }

    /// The app is gone.
    pub(crate) fn forget(&self, app: &AppKey) {
        self.uids.lock().unwrap_or_else(PoisonError::into_inner).remove(app);
        let _ = self.queue.try_send(Told::Gone(app.clone()));
    }

    /// Tells people something about an app.
    pub(crate) fn tell(&self, app: &AppKey, reason: EventReason, text: &str) {
        let uid = self
            .uids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(app)
            .cloned()
            .unwrap_or_default();
        let key = Key { app: app.clone(), uid, reason, text: text.to_owned() };
        let note = Note { key, time: jiff::Timestamp::now() };
        tracing::info!(%app, %reason, "{text}");
        if self.queue.try_send(Told::Note(note)).is_err() {
            self.metrics.event_dropped();
        }
    }
}

struct Sender {
    cluster: Cluster,
    metrics: Metrics,
    series: Series,
    start: Instant,
}

impl Sender {
    async fn run(mut self, mut told: mpsc::Receiver<Told>) {
        loop {
            let due = self.series.next_due().map(|at| self.start + at);
            let told = tokio::select! {
                told = told.recv() => told,
                () = crate::engine::sleep_until(due) => {
                    self.write_series().await;
                    continue;
                }
            };
            match told {
                Some(Told::Note(note)) => self.take(note).await,
                Some(Told::Gone(app)) => self.series.forget(&app),
                None => return,
            }
        }
    }

    async fn take(&mut self, note: Note) {
        match self.series.take(&note.key, self.start.elapsed()) {
            Verdict::Counted => {}
            Verdict::TooMany => self.metrics.event_dropped(),
            Verdict::New => match create(&self.cluster, &note).await {
                Ok(stored) => self.series.stored(&note.key, stored),
                Err(error) => {
                    tracing::debug!(app = %note.key.app, %error, "an Event could not be sent");
                    self.series.lost(&note.key);
                }
            },
        }
    }

    async fn write_series(&mut self) {
        for (key, event, count) in self.series.due(self.start.elapsed()) {
            match extend(&self.cluster, &key.app, &event, count).await {
                Ok(()) => {}
                // Events expire.
                Err(error) if error.is_not_found() => self.series.lost(&key),
                Err(error) => {
                    tracing::debug!(app = %key.app, %error, "an Event could not be counted");
                }
            }
        }
    }
}

async fn create(cluster: &Cluster, note: &Note) -> Result<Stored, CallError> {
    let Key { app, uid, reason, text } = &note.key;
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "generateName": format!("{}-", app.name), "namespace": app.namespace },
        "eventTime": format!("{:.6}", note.time),
        "reportingController": format!("{GROUP}/controller"),
        "reportingInstance": cluster.installation(),
        "action": action(*reason),
        "reason": reason.as_str(),
        "type": if is_warning(*reason) { "Warning" } else { "Normal" },
        "note": shortened(text),
        "regarding": {
            "apiVersion": format!("{GROUP}/v1alpha1"),
            "kind": "KargoApp",
            "namespace": app.namespace,
            "name": app.name,
            "uid": uid,
        },
    });
    let request = events(app)
        .create(&PostParams::default(), event.to_string().into_bytes())
        .map_err(|_| CallError::Unreachable)?;
    let event: Value = cluster.write(request).await?;
    let text = |key: &str| event.get("metadata")?.get(key)?.as_str().map(str::to_owned);
    match (text("name"), text("uid")) {
        (Some(name), Some(uid)) => Ok(Stored { name, uid }),
        _ => Err(CallError::Unreachable),
    }
}

/// Adds to an Event how often it has come.
async fn extend(
    cluster: &Cluster,
    app: &AppKey,
    event: &Stored,
    count: u32,
) -> Result<(), CallError> {
    let patch = Patch::Merge(json!({
        "metadata": { "uid": event.uid },
        "series": { "count": count, "lastObservedTime": format!("{:.6}", jiff::Timestamp::now()) },
    }));
    let request = events(app)
        .patch(&event.name, &PatchParams::default(), &patch)
        .map_err(|_| CallError::Unreachable)?;
    cluster.write::<Value>(request).await.map(drop)
}

fn events(app: &AppKey) -> Request {
    Request::new(format!("/apis/events.k8s.io/v1/namespaces/{}/events", app.namespace))
}

fn shortened(text: &str) -> String {
    if text.len() <= LONGEST_NOTE {
        return text.to_owned();
    }
    let end = (0..=LONGEST_NOTE - '…'.len_utf8())
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}…", &text[..end])
}

fn is_warning(reason: EventReason) -> bool {
    match reason {
        EventReason::Deployed
        | EventReason::DriftRepaired
        | EventReason::Pruned
        | EventReason::Adopted
        | EventReason::Recreated
        | EventReason::NamespaceCreated => false,
        EventReason::DeployFailed
        | EventReason::RenderFailed
        | EventReason::SourceUnavailable
        | EventReason::ForcePushed
        | EventReason::Untrusted
        | EventReason::PruneHeld
        | EventReason::PruneFailed
        | EventReason::ClaimRefused
        | EventReason::DriftFound
        | EventReason::Fighting
        | EventReason::WebhookSecretUnusable
        | EventReason::Unhealthy => true,
    }
}

/// What Kargo was doing, as the Events API wants it said.
fn action(reason: EventReason) -> &'static str {
    match reason {
        EventReason::RenderFailed
        | EventReason::SourceUnavailable
        | EventReason::ForcePushed
        | EventReason::WebhookSecretUnusable
        | EventReason::Untrusted => "Load",
        EventReason::Pruned | EventReason::PruneHeld | EventReason::PruneFailed => "Prune",
        EventReason::DriftRepaired => "Repair",
        EventReason::Unhealthy | EventReason::DriftFound | EventReason::Fighting => "Observe",
        EventReason::Deployed
        | EventReason::DeployFailed
        | EventReason::Adopted
        | EventReason::Recreated
        | EventReason::NamespaceCreated
        | EventReason::ClaimRefused => "Deploy",
    }
}
