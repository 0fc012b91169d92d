//! Many apps at once, one app with many objects.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kargo_api::KargoApp;
use serde_json::Value;

use crate::calls::{self, Moment};
use crate::figures::percentile;
use crate::floor::WRITES_AT_ONCE;
use crate::observer::{Observer, Seen};
use crate::stage::Stage;
use crate::workload::{self, DISTURBED_NAMESPACE, LARGE_NAMESPACE, NAMESPACE};
use crate::{process, say};

const PATIENCE: Duration = Duration::from_mins(30);

/// What was measured.
pub(crate) struct Deployed {
    /// From before the first `KargoApp` was created until the last one was Ready.
    pub(crate) took: Duration,
    /// The same until 95 of 100 good ones were Ready.
    pub(crate) p95: Duration,
    /// How much of it the creation of the `KargoApps` took.
    pub(crate) created: Duration,
    /// CPU time of Kargo.
    pub(crate) cpu: Duration,
    /// What Kargo wrote.
    pub(crate) writes: usize,
}

/// All apps, none of them broken, and the one whose objects are changed by hand later, which is
/// not counted.
pub(crate) async fn all_good(stage: &Stage, apps: usize) -> Result<Deployed> {
    let good = (0..apps).map(|number| good_app(stage, number)).collect();
    let deployed = deploy(stage, NAMESPACE, Vec::new(), good).await?;
    let url = stage.repository.url();
    let drifting = workload::kargo_app(workload::DRIFT_APP, url, workload::DRIFT_APP);
    deploy(stage, NAMESPACE, Vec::new(), vec![drifting]).await?;
    Ok(deployed)
}

/// As many apps, with broken ones among them.
pub(crate) async fn with_broken(stage: &Stage, apps: usize, broken: usize) -> Result<Deployed> {
    let (working, missing, silent) = stage.urls();
    let urls = workload::Urls { working: &working, missing: &missing, silent: &silent };
    let bad = (0..broken).map(|number| workload::broken_app(number, &urls)).collect();
    let good = (0..apps - broken).map(|number| good_app(stage, number)).collect();
    deploy(stage, DISTURBED_NAMESPACE, bad, good).await
}

/// One app with many `ConfigMaps`.
pub(crate) async fn large(stage: &Stage) -> Result<Deployed> {
    let app = workload::kargo_app("large", stage.large.url(), "large");
    deploy(stage, LARGE_NAMESPACE, Vec::new(), vec![app]).await
}

fn good_app(stage: &Stage, number: usize) -> Value {
    let name = workload::app_name(number);
    workload::kargo_app(&name, stage.repository.url(), &name)
}

/// Creates apps, the broken ones first, and waits until the good ones are Ready.
async fn deploy(
    stage: &Stage,
    namespace: &str,
    broken: Vec<Value>,
    good: Vec<Value>,
) -> Result<Deployed> {
    let names = good.iter().filter_map(|app| app["metadata"]["name"].as_str().map(str::to_owned));
    let mut waiting: HashSet<String> = names.collect();
    let mut observer = Observer::open(&stage.client, "KargoApp", namespace).await?;
    let cpu = process::cpu_time(stage.kargo_id())?;
    let moment = Moment::now();
    let begun = Instant::now();
    let create = async {
        stream::iter(broken.iter().chain(&good))
            .map(|app| async { stage.objects.apply(namespace, app).await.map(drop) })
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(begun.elapsed())
    };
    let mut after = Vec::new();
    let wait = async {
        let end = observer.when(PATIENCE, |seen| {
            let name = seen.object.metadata.name.as_deref().unwrap_or_default();
            if is_ready(seen) && waiting.remove(name) {
                after.push(seen.at.duration_since(begun));
            }
            waiting.is_empty()
        });
        end.await.context("not every good app became Ready")
    };
    let (created, end) = tokio::try_join!(create, wait)?;
    let cpu = process::cpu_time(stage.kargo_id())?.saturating_sub(cpu);
    let took = end.duration_since(begun);
    let writes = calls::writes(&calls::since(stage, &moment)?);
    let p95 = percentile(&mut after, 95);
    let (seconds, created_s) = (took.as_secs_f64(), created.as_secs_f64());
    say(&format!(
        "  {seconds:.2} s (creation {created_s:.2} s), CPU of Kargo {:.2} s, {writes} writes",
        cpu.as_secs_f64()
    ));
    Ok(Deployed { took, p95, created, cpu, writes })
}

/// Whether a `KargoApp` is Ready about the spec that it has.
fn is_ready(seen: &Seen) -> bool {
    let app = serde_json::to_value(&seen.object).and_then(serde_json::from_value::<KargoApp>);
    app.is_ok_and(|app| is_ready_app(&app))
}

/// The same for an app that was read.
pub(crate) fn is_ready_app(app: &KargoApp) -> bool {
    let Some(status) = &app.status else { return false };
    status.observed_generation == app.metadata.generation
        && status.conditions.iter().any(|each| each.type_ == "Ready" && each.status == "True")
}
