//! Health and metrics for machines.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What the probes ask about. Nothing is known at first.
#[derive(Clone, Default)]
pub(crate) struct Probes(Arc<AtomicU8>);

const STANDBY: u8 = 1;
const LISTING: u8 = 2;
const WORKING: u8 = 3;

impl Probes {
    /// Another process holds the lease. This one is ready to take over, and has to say so: a rolling update
    /// waits for it before it ends the other.
    pub(crate) fn stand_by(&self) {
        self.0.store(STANDBY, Ordering::Relaxed);
    }

    /// This process holds the lease, and has seen nothing yet.
    pub(crate) fn lead(&self) {
        self.0.store(LISTING, Ordering::Relaxed);
    }

    /// Whether everything that existed at the start of the term has been seen.
    pub(crate) fn seen_everything(&self, seen: bool) {
        self.0.store(if seen { WORKING } else { LISTING }, Ordering::Relaxed);
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` until it is dropped.
pub(crate) async fn serve(listener: TcpListener, probes: Probes, metrics: Metrics) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(probes))
        .route("/metrics", get(text_of).with_state(metrics));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "health and metrics are not served any more");
    }
}

async fn ready(State(probes): State<Probes>) -> (StatusCode, &'static str) {
    match probes.0.load(Ordering::Relaxed) {
        WORKING => (StatusCode::OK, "ok\n"),
        STANDBY => (StatusCode::OK, "ok: on standby, another process holds the lease\n"),
        LISTING => (StatusCode::SERVICE_UNAVAILABLE, "still listing what is in the cluster\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the lease has not been read yet\n"),
    }
}

async fn text_of(State(metrics): State<Metrics>) -> ([(&'static str, &'static str); 1], String) {
    (
        [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        metrics.text(),
    )
}
