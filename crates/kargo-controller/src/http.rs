//! Health and metrics for machines.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// What the probes ask about.
#[derive(Clone)]
pub(crate) struct Probes {
    /// Everything that existed at the start has been seen.
    pub ready: Arc<AtomicBool>,
    /// The metrics.
    pub metrics: Metrics,
}

/// Serves `/healthz`, `/readyz` and `/metrics` until it is dropped.
pub(crate) async fn serve(listener: TcpListener, probes: Probes) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "health and metrics are not served any more");
    }
}

async fn ready(State(probes): State<Probes>) -> (StatusCode, &'static str) {
    if probes.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "still listing what is in the cluster\n")
    }
}

async fn metrics(State(probes): State<Probes>) -> ([(&'static str, &'static str); 1], String) {
    (
        [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        probes.metrics.text(),
    )
}
