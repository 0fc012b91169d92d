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

/// The times of one round, from the request of the person to what a watch shows.
pub(crate) struct Round {
    pub(crate) deleted: Duration,
    pub(crate) edited: Duration,
}

impl Round {
    /// The worse of both.
    pub(crate) fn worst(&self) -> Duration {
        self.deleted.max(self.edited)
    }
}

/// What was measured: the 99th percentile over the objects, the first and the last time.
pub(crate) struct Drift {
    pub(crate) first: Round,
    pub(crate) last: Round,
    /// How many rounds there were.
    pub(crate) rounds: usize,
}

/// Deletes and edits objects of one app, one by one.
pub(crate) async fn measure(stage: &Stage) -> Result<Drift> {
    let mut observer = Observer::open(&stage.client, "ConfigMap", NAMESPACE).await?;
    let mut first = None;
    let mut round = 1;
    loop {
        let mut deleted = Vec::new();
        for number in 0..DRIFTING {
            deleted.push(delete(stage, &mut observer, number).await?);
        }
        let mut edited = Vec::new();
        for number in 0..DRIFTING {
            edited.push(edit(stage, &mut observer, number, round).await?);
        }
        let this =
            Round { deleted: percentile(&mut deleted, 99), edited: percentile(&mut edited, 99) };
        let is_last = round == ROUNDS || this.worst() >= PATIENCE;
        if round == 1 || is_last || round % 25 == 0 {
            let Round { deleted, edited } = &this;
            say(&format!("  round {round}: p99 deleted {deleted:.1?}, edited {edited:.1?}"));
        }
        if is_last {
            calls::until_quiet(stage, Duration::from_secs(5)).await?;
            let rounds = round;
            return Ok(match first {
                Some(first) => Drift { first, last: this, rounds },
                None => Drift { first: Round { ..this }, last: this, rounds },
            });
        }
        first = first.or(Some(this));
        round += 1;
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
