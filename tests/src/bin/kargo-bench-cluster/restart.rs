//! Kargo is killed and started again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kargo_api::KargoApp;
use kargo_tests::kargo_process::KargoProcess;
use kube::Api;
use kube::api::ListParams;

use crate::calls::{self, Moment};
use crate::deploy::is_ready_app;
use crate::stage::Stage;
use crate::workload::NAMESPACE;

const PATIENCE: Duration = Duration::from_mins(5);

/// What was measured.
pub(crate) struct Restart {
    /// Until every app was rendered again, compared with the cluster and judged.
    pub(crate) took: Duration,
    /// What was written meanwhile and for a while afterwards.
    pub(crate) writes: usize,
}

/// Kills and starts it, and waits until it knows every app again.
pub(crate) async fn measure(stage: &mut Stage, apps: usize) -> Result<Restart> {
    let moment = Moment::now();
    let begun = Instant::now();
    let kargo = stage.kargo()?;
    kargo.restart()?;
    while !knows(kargo, apps).await {
        ensure!(begun.elapsed() < PATIENCE, "Kargo does not know all apps after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = begun.elapsed();
    let api: Api<KargoApp> = Api::namespaced(stage.client.clone(), NAMESPACE);
    let list = api.list(&ListParams::default()).await.context("the apps cannot be listed")?;
    let wrong = list.iter().filter(|app| !is_ready_app(app)).count();
    ensure!(wrong == 0, "{wrong} apps are not Ready any more after the restart");
    // What is late would still be written.
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok(Restart { took, writes: calls::writes(&calls::since(stage, &moment)?) })
}

/// Whether it is ready, and every app was rendered. The verdict follows in the same step.
async fn knows(kargo: &KargoProcess, apps: usize) -> bool {
    let is_ready = matches!(kargo.get("/readyz").await, Ok((200, _)));
    let Ok((200, metrics)) = kargo.get("/metrics").await else { return false };
    let renders = metrics
        .lines()
        .filter(|line| line.starts_with("kargo_renders_total{"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
        .sum::<usize>();
    is_ready && renders >= apps
}
