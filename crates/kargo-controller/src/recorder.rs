//! Events for people, on the `KargoApp`. Never in the way: what cannot be queued is counted and dropped.

use std::sync::{Arc, Mutex, PoisonError};

use kargo_api::{names::GROUP, reasons::EventReason};
use kargo_core::object::AppKey;
use kube::core::{Request, params::PostParams};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{cluster::Cluster, metrics::Metrics};

/// How many Events may wait.
const QUEUE: usize = 512;

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Sends Events one by one.
#[derive(Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Note>,
    metrics: Metrics,
    /// The incarnation of each app, for what is told without naming it.
    uids: Arc<Mutex<std::collections::HashMap<AppKey, String>>>,
}

struct Note {
    app: AppKey,
    uid: String,
    reason: EventReason,
    text: String,
    time: jiff::Timestamp,
}

impl Recorder {
    /// A recorder, and the task that sends for it.
    pub(crate) fn new(cluster: Cluster, metrics: Metrics) -> (Self, impl Future<Output = ()>) {
        let (queue, mut notes) = mpsc::channel::<Note>(QUEUE);
        let sender = async move {
            while let Some(note) = notes.recv().await {
                send(&cluster, &note).await;
            }
        };
        (Self { queue, metrics, uids: Arc::default() }, sender)
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
        let note = Note {
            app: app.clone(),
            uid,
            reason,
            text: text.to_owned(),
            time: jiff::Timestamp::now(),
        };
        tracing::info!(%app, %reason, "{text}");
        if self.queue.try_send(note).is_err() {
            self.metrics.event_dropped();
        }
    }
}

async fn send(cluster: &Cluster, note: &Note) {
    let mut text = note.text.clone();
    if text.len() > LONGEST_NOTE {
        let end = (0..=LONGEST_NOTE - '…'.len_utf8())
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "generateName": format!("{}-", note.app.name), "namespace": note.app.namespace },
        "eventTime": format!("{:.6}", note.time),
        "reportingController": format!("{GROUP}/controller"),
        "reportingInstance": cluster.installation(),
        "action": action(note.reason),
        "reason": note.reason.as_str(),
        "type": if is_warning(note.reason) { "Warning" } else { "Normal" },
        "note": text,
        "regarding": {
            "apiVersion": format!("{GROUP}/v1alpha1"),
            "kind": "KargoApp",
            "namespace": note.app.namespace,
            "name": note.app.name,
            "uid": note.uid,
        },
    });
    let events =
        Request::new(format!("/apis/events.k8s.io/v1/namespaces/{}/events", note.app.namespace));
    let Ok(request) = events.create(&PostParams::default(), event.to_string().into_bytes()) else {
        return;
    };
    if let Err(error) = cluster.write::<Value>(request).await {
        tracing::debug!(app = %note.app, %error, "an Event could not be sent");
    }
}

fn is_warning(reason: EventReason) -> bool {
    match reason {
        EventReason::Deployed
        | EventReason::DriftRepaired
        | EventReason::Pruned
        | EventReason::NamespaceCreated => false,
        EventReason::DeployFailed
        | EventReason::RenderFailed
        | EventReason::SourceUnavailable
        | EventReason::PruneHeld
        | EventReason::PruneFailed
        | EventReason::ClaimRefused
        | EventReason::DriftFound
        | EventReason::Fighting
        | EventReason::Unhealthy => true,
    }
}

/// What Kargo was doing, as the Events API wants it said.
fn action(reason: EventReason) -> &'static str {
    match reason {
        EventReason::RenderFailed | EventReason::SourceUnavailable => "Load",
        EventReason::Pruned | EventReason::PruneHeld | EventReason::PruneFailed => "Prune",
        EventReason::DriftRepaired => "Repair",
        EventReason::Unhealthy | EventReason::DriftFound | EventReason::Fighting => "Observe",
        EventReason::Deployed
        | EventReason::DeployFailed
        | EventReason::NamespaceCreated
        | EventReason::ClaimRefused => "Deploy",
    }
}
