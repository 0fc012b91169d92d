//! Metrics, each defined once with its meaning.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GitLabels {
    operation: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    provider: &'static str,
    result: &'static str,
}

/// The metrics of one process.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    leader: Gauge,
    apps: Gauge,
    git_requests: Family<GitLabels, Counter>,
    renders: Family<ResultLabel, Counter>,
    applies: Family<ResultLabel, Counter>,
    prunes: Family<ResultLabel, Counter>,
    status_writes: Counter<u64, AtomicU64>,
    events_dropped: Counter<u64, AtomicU64>,
    webhook_requests: Family<WebhookLabels, Counter>,
    webhook_triggers: Counter<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("kargo");
        let metrics = Self {
            registry: Arc::default(),
            leader: Gauge::default(),
            apps: Gauge::default(),
            git_requests: Family::default(),
            renders: Family::default(),
            applies: Family::default(),
            prunes: Family::default(),
            status_writes: Counter::default(),
            events_dropped: Counter::default(),
            webhook_requests: Family::default(),
            webhook_triggers: Counter::default(),
        };
        registry.register(
            "leader",
            "Whether this process holds the lease and so is the one that writes: 1 if it does, else 0",
            metrics.leader.clone(),
        );
        registry.register("apps", "KargoApps that this process serves", metrics.apps.clone());
        registry.register(
            "git_requests",
            "Conversations with git remotes, by operation and result",
            metrics.git_requests.clone(),
        );
        registry.register(
            "renders",
            "Commits that were rendered, by result",
            metrics.renders.clone(),
        );
        registry.register(
            "applies",
            "Objects that were sent to the API server, by result",
            metrics.applies.clone(),
        );
        registry.register(
            "prunes",
            "Objects that left git and were deleted, by result",
            metrics.prunes.clone(),
        );
        registry.register(
            "status_writes",
            "Writes of the status of a KargoApp",
            metrics.status_writes.clone(),
        );
        registry.register(
            "events_dropped",
            "Events for people that were not sent, because too many waited",
            metrics.events_dropped.clone(),
        );
        registry.register(
            "webhook_requests",
            "Requests to the port for webhooks, by provider and result",
            metrics.webhook_requests.clone(),
        );
        registry.register(
            "webhook_triggers",
            "Times that webhooks had git asked",
            metrics.webhook_triggers.clone(),
        );
        Self { registry: Arc::new(registry), ..metrics }
    }
}

impl Metrics {
    /// All metrics in the `OpenMetrics` text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    pub(crate) fn leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    pub(crate) fn apps(&self, count: usize) {
        self.apps.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn git_request(&self, operation: &'static str, succeeded: bool) {
        self.git_requests.get_or_create(&GitLabels { operation, result: word(succeeded) }).inc();
    }

    pub(crate) fn render(&self, succeeded: bool) {
        self.renders.get_or_create(&label(succeeded)).inc();
    }

    pub(crate) fn apply(&self, succeeded: bool) {
        self.applies.get_or_create(&label(succeeded)).inc();
    }

    pub(crate) fn prune(&self, succeeded: bool) {
        self.prunes.get_or_create(&label(succeeded)).inc();
    }

    pub(crate) fn status_write(&self) {
        self.status_writes.inc();
    }

    pub(crate) fn webhook_request(&self, provider: &'static str, result: &'static str) {
        self.webhook_requests.get_or_create(&WebhookLabels { provider, result }).inc();
    }

    pub(crate) fn webhook_trigger(&self) {
        self.webhook_triggers.inc();
    }

    pub(crate) fn event_dropped(&self) {
        self.events_dropped.inc();
    }
}

fn word(succeeded: bool) -> &'static str {
    if succeeded { "success" } else { "failure" }
}

fn label(succeeded: bool) -> ResultLabel {
    ResultLabel { result: word(succeeded) }
}
