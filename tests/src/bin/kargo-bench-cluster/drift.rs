//! Objects that people delete and edit, again and again.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::calls;
use crate::figures::percentile;
use crate::observer::Observer;
use crate::say;
use crate::stage::Stage;
use crate::workload::{self, DRIFTING, DRIFTING_KEYS, NAMESPACE};

/// How often each object is deleted, and edited.
const ROUNDS: usize = 100;

/// Later than this is not restored, for a person who looks; the rounds end there.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was measured of one way to change objects, from the request of the person to what a watch
/// shows: the 99th percentile over the objects.
pub(crate) struct Rounds {
    pub(crate) first: Duration,
    pub(crate) last: Duration,
    /// How many rounds there were.
    pub(crate) count: usize,
}

/// What was measured.
pub(crate) struct Drift {
    pub(crate) deleted: Rounds,
    pub(crate) edited: Rounds,
}

/// Deletes and edits objects of one app, one by one.
pub(crate) async fn measure(stage: &Stage) -> Result<Drift> {
    let mut observer = Observer::open(&stage.client, "ConfigMap", NAMESPACE).await?;
    let deleted = rounds("deleted", async |_, number| delete(stage, &mut observer, number).await);
    let deleted = deleted.await?;
    let edited =
        rounds("edited", async |round, number| edit(stage, &mut observer, number, round).await);
    let edited = edited.await?;
    calls::until_quiet(stage, Duration::from_secs(5)).await?;
    Ok(Drift { deleted, edited })
}

/// Changes all objects again and again; ends early when one is not restored in time.
async fn rounds(
    what: &str,
    mut change: impl AsyncFnMut(usize, usize) -> Result<Duration>,
) -> Result<Rounds> {
    let mut first = None;
    let mut count = 0;
    loop {
        count += 1;
        let mut times = Vec::new();
        for number in 0..DRIFTING {
            times.push(change(count, number).await?);
            if times.last() == Some(&PATIENCE) {
                break;
            }
        }
        let last = percentile(&mut times, 99);
        let first = *first.get_or_insert(last);
        let is_last = count == ROUNDS || last >= PATIENCE;
        if count == 1 || is_last {
            say(&format!("  {what}, time {count}: p99 {last:.1?}"));
        }
        if is_last {
            return Ok(Rounds { first, last, count });
        }
    }
}

async fn delete(stage: &Stage, observer: &mut Observer, number: usize) -> Result<Duration> {
    let name = workload::drifting_name(number);
    observer.forget();
    let begun = Instant::now();
    stage.objects.delete(NAMESPACE, "ConfigMap", &name).await?;
    let mut gone = false;
    let restored = observer.when(PATIENCE, |seen| {
        let is_it = seen.object.metadata.name.as_ref() == Some(&name);
        gone |= is_it && seen.gone;
        is_it && gone && !seen.gone
    });
    Ok(restored.await.map_or(PATIENCE, |at| at.duration_since(begun)))
}

async fn edit(
    stage: &Stage,
    observer: &mut Observer,
    number: usize,
    round: usize,
) -> Result<Duration> {
    let name = workload::drifting_name(number);
    let key = workload::drifting_key(round % DRIFTING_KEYS);
    let foreign = format!("by hand in round {round}");
    observer.forget();
    let begun = Instant::now();
    let patch = json!({"data": {key.clone(): foreign}});
    stage.objects.edit(NAMESPACE, "ConfigMap", &name, &patch).await?;
    let mut taken = false;
    let restored = observer.when(PATIENCE, |seen| {
        let is_it = seen.object.metadata.name.as_ref() == Some(&name) && !seen.gone;
        let value = &seen.object.data["data"][&key];
        taken |= is_it && *value == foreign.as_str();
        is_it && taken && *value != foreign.as_str()
    });
    Ok(restored.await.map_or(PATIENCE, |at| at.duration_since(begun)))
}
