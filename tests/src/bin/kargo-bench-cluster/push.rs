//! Pushes to one app, with all others in the same repository.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use kargo_git::{Limits, Reference, Remote, Store, Url};
use serde_json::json;

use crate::calls::{self, Moment};
use crate::figures::percentile;
use crate::observer::Observer;
use crate::stage::Stage;
use crate::workload::{self, NAMESPACE};
use crate::{floor, say};

const PUSHES: usize = 15;
const PATIENCE: Duration = Duration::from_mins(2);
const FLOOR_NAMESPACE: &str = "bench-floor-push";

/// What was measured.
pub(crate) struct Push {
    /// From the request by annotation until the object has changed.
    pub(crate) p50: Duration,
    /// One `ls-refs`, one fetch and one apply, of the same commits.
    pub(crate) floor_p50: Duration,
    /// What Kargo wrote about other apps than the one that was pushed to, for each push.
    pub(crate) other_writes: f64,
}

/// Pushes several times, and waits after each until all is quiet.
pub(crate) async fn measure(stage: &Stage, apps: usize) -> Result<Push> {
    stage.create_namespace(FLOOR_NAMESPACE).await?;
    // Neither the first one of those who follow the repository nor the last.
    let name = workload::app_name(apps / 2);
    let store = Store::open(&stage.folder.path().join("floor-cache"), Limits::default())?;
    let remote = Remote::new(Url::parse(stage.repository.url())?);
    // Both know the repository before the first push.
    bare(stage, &store, &remote, &name, "hello").await?;
    let mut observer = Observer::open(&stage.client, "ConfigMap", NAMESPACE).await?;
    let (mut times, mut floors, mut others) = (Vec::new(), Vec::new(), 0);
    for push in 0..PUSHES {
        let greeting = format!("push {push}");
        workload::write_app(&stage.repository, &name, &greeting)?;
        stage.repository.commit_and_push(&greeting)?;
        floors.push(bare(stage, &store, &remote, &name, &greeting).await?);

        let moment = Moment::now();
        observer.forget();
        let begun = Instant::now();
        let request = json!({"metadata": {"annotations": {
            "kargo.krampoline.io/sync-requested-at": greeting,
        }}});
        stage.objects.edit(NAMESPACE, "KargoApp", &name, &request).await?;
        let changed = observer.when(PATIENCE, |seen| {
            seen.object.metadata.name.as_deref() == Some(&name)
                && seen.object.data["data"]["greeting"] == greeting.as_str()
        });
        let changed = changed.await.context("a push was not deployed")?;
        times.push(changed.duration_since(begun));
        calls::until_quiet(stage, Duration::from_secs(2)).await?;
        let calls = calls::since(stage, &moment)?;
        let about_others = calls.iter().filter(|call| {
            let object = call.object();
            // An Event carries the name of its app at the front of its own; a new one has none yet.
            call.is_write()
                && object.namespace == NAMESPACE
                && !object.name.is_empty()
                && !object.name.starts_with(&name)
        });
        others += about_others.count();
    }
    let other_writes = f64::from(u32::try_from(others)?) / f64::from(u32::try_from(PUSHES)?);
    let (p50, floor_p50) = (percentile(&mut times, 50), percentile(&mut floors, 50));
    say(&format!("  p50 {p50:.1?}, floor {floor_p50:.1?}, {other_writes:.1} other writes"));
    Ok(Push { p50, floor_p50, other_writes })
}

async fn bare(
    stage: &Stage,
    store: &Store,
    remote: &Remote,
    name: &str,
    greeting: &str,
) -> Result<Duration> {
    let [object, ..] = workload::objects(name, greeting);
    let begun = Instant::now();
    let commit = store.resolve(remote, &Reference::Branch("main".to_owned())).await?;
    store.fetch(remote, commit, name).await?;
    floor::send_one(stage, FLOOR_NAMESPACE, object).await?;
    Ok(begun.elapsed())
}
