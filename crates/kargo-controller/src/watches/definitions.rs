//! The watch of what changes the kinds that are served: custom resource definitions and aggregated APIs.

use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    kube_aggregator::pkg::apis::apiregistration::v1::APIService,
};
use kargo_core::world::event::Event;
use kube::{Api, core::PartialObjectMeta, runtime::WatchStreamExt};
use tokio::sync::mpsc;

use super::config;
use crate::cluster::{Cluster, discovery};

/// Changes come in bursts; discovery is asked once for those that come together.
const SETTLE: Duration = Duration::from_millis(100);

/// How often the API server is asked again while a definition that just changed is not served yet.
const ATTEMPTS: u32 = 20;

/// Reads discovery again whenever a definition changes, for ever.
pub(crate) async fn watch(cluster: Cluster, events: mpsc::Sender<Event>) {
    let definitions =
        cluster.watch(Api::<PartialObjectMeta<CustomResourceDefinition>>::all, config());
    let services = cluster.watch(Api::<PartialObjectMeta<APIService>>::all, config());
    let changes = stream::select(
        definitions.default_backoff().map(drop),
        services.default_backoff().map(drop),
    );
    let mut changes = Box::pin(changes.ready_chunks(256));
    while changes.next().await.is_some() {
        // The definition is stored before its kind is served: asked until something has changed, for a while.
        for attempt in 0..ATTEMPTS {
            tokio::time::sleep(SETTLE * (attempt + 1)).await;
            match discovery::refresh(&cluster).await {
                Ok(Some(lost)) => {
                    if events.send(Event::KindsChanged { lost }).await.is_err() {
                        return;
                    }
                    break;
                }
                Ok(None) if attempt >= 3 => break,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "discovery failed"),
            }
        }
    }
}
