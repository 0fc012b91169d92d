//! One process from start to stop: probes, the lease, and one engine for each term in which it holds it.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use kargo_git::Store;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    engine,
    http::{self, Probes},
    lease::{
        Leadership, Standing, Term,
        record::{self, Address},
    },
    metrics::Metrics,
    settings::Settings,
};

/// How long writes that are under way may take after a stop was asked for. With the release of the lease, a stop
/// takes less than five seconds.
const STOP_GRACE: Duration = Duration::from_millis(2500);

/// Runs the controller until `stop`.
pub async fn run(
    settings: Settings,
    config: kube::Config,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let settings = Arc::new(settings);
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {} for health and metrics", settings.listen))?;
    tracing::info!(address = %listener.local_addr()?, "serving /healthz, /readyz and /metrics");
    let folder = &settings.cache_folder;
    let (limits, policy) = (settings.git_limits.clone(), settings.git_policy.clone());
    let store = Store::open_with(folder, limits, policy)
        .with_context(|| format!("the cache folder {} cannot be used", folder.display()))?;
    let (metrics, probes) = (Metrics::default(), Probes::default());
    let mut helpers = JoinSet::new();
    helpers.spawn(http::serve(listener, probes.clone(), metrics.clone()));
    let shared = engine::Shared {
        settings: Arc::clone(&settings),
        config: config.clone(),
        store: Arc::new(store),
        metrics,
        probes,
    };
    if !settings.lease.is_used {
        let term = Term::without_lease(settings.lease.timing.write_deadline);
        return lead(&shared, &term, &stop).await;
    }
    let address = Address {
        namespace: settings.namespace.clone(),
        name: record::name_of(&settings.installation),
        identity: settings.lease.identity.clone(),
    };
    let leadership = Leadership::seek(config, address, settings.lease.timing)?;
    let result = take_turns(&shared, leadership.standing(), &stop).await;
    tracing::info!("stopping");
    leadership.release().await;
    result
}

/// Waits for the lease, leads while it is held, and waits again.
async fn take_turns(
    shared: &engine::Shared,
    mut standing: watch::Receiver<Standing>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let current = standing.borrow_and_update().clone();
        match current {
            Standing::Leading(term) => lead(shared, &term, stop).await?,
            Standing::Unknown => {}
            Standing::Standby => shared.probes.stand_by(),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            changed = standing.changed() => changed.context("the thread of the lease has ended")?,
        }
    }
    Ok(())
}

/// Leads until the term is over or a stop is asked for. Afterwards nothing of this term is left that could write.
async fn lead(
    shared: &engine::Shared,
    term: &Term,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    shared.probes.lead();
    shared.metrics.leader(true);
    let result = tokio::select! {
        result = engine::run(shared, term) => result,
        () = stop.cancelled() => {
            term.finish(STOP_GRACE).await;
            Ok(())
        }
        () = term.ended() => {
            tracing::warn!("the lease was lost to another process; this one writes nothing any more and starts again from lists when it gets it back");
            Ok(())
        }
    };
    term.end();
    shared.metrics.leader(false);
    result
}
