//! One run for each write of a workload, with a fault at exactly that write.
//!
//! The learn pass runs the workload without a fault and records its writes, its end state and how
//! often each object was created and deleted. Each further run has one fault, and has to come to
//! the same.

use std::env;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use futures::{FutureExt as _, StreamExt as _, stream};
use serde_json::Value;

use super::oracles::{self, Canary, Counts};
use super::workload::Workload;
use super::{Call, Fault, Scene, on};

/// The environment variable that asks for all runs instead of a sample, when it is `all`.
pub const FAULTS_VARIABLE: &str = "KARGO_FAULTS";

/// How many runs of a sweep are under way at once.
const AT_ONCE: usize = 3;

/// How many runs of a sweep are a sample.
const SAMPLE: usize = 4;

/// How long nothing may be written for a run to have ended.
const QUIET: Duration = Duration::from_millis(1200);

/// What happens at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The process is killed; the write never arrived.
    KillBefore,
    /// The process is killed; the write took effect, and nobody has seen the answer.
    KillAfter,
    /// The write is refused with this status.
    ErrorBefore(u16),
    /// The write takes effect and is answered with this status.
    ErrorAfter(u16),
}

impl Harm {
    fn fault(self) -> Fault {
        match self {
            Self::KillBefore => Fault::Swallow,
            Self::KillAfter => Fault::SwallowAfter,
            Self::ErrorBefore(code) => Fault::Refuse(code),
            Self::ErrorAfter(code) => Fault::RefuseAfter(code),
        }
    }

    fn kills(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }
}

/// The n-th write of its kind, counted from 1.
#[derive(Debug, Clone)]
pub struct Point {
    call: Call,
    number: u32,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} #{}", self.call, self.number)
    }
}

/// What a run without a fault comes to.
#[derive(Debug)]
struct Learned {
    points: Vec<Point>,
    state: Value,
    counts: Counts,
}

/// Runs a workload once for each of its writes and each harm, or for a sample of them, and
/// returns one line about it.
///
/// # Errors
/// When a run came to something else than the one without a fault; all such runs are named.
pub async fn sweep(workload: Workload, harms: &[fn(usize) -> Harm]) -> Result<String> {
    let start = Instant::now();
    let learned = learn(workload).await?;
    let mut runs: Vec<(usize, &Point, Harm)> = learned
        .points
        .iter()
        .enumerate()
        .flat_map(|(index, point)| harms.iter().map(move |harm| (index, point, harm(index))))
        .collect();
    let all = runs.len();
    if env::var(FAULTS_VARIABLE).is_ok_and(|value| value == "all") {
        // All of them.
    } else {
        // Spread over the whole workload and over the harms.
        let step = all.div_ceil(SAMPLE).max(1) | 1;
        runs = runs.into_iter().step_by(step).collect();
    }
    let count = runs.len();
    let outcomes: Vec<(String, Result<bool>)> = stream::iter(runs)
        .map(|(index, point, harm)| {
            let learned = &learned;
            async move {
                let name = format!("{harm:?} at {point} (write {} of the workload)", index + 1);
                let run = AssertUnwindSafe(run(workload, learned, point, harm)).catch_unwind();
                let outcome = run.await.unwrap_or_else(|panic| Err(anyhow!(message(&*panic))));
                (name, outcome)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let missed = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Ok(false))).count();
    let failures: Vec<String> = outcomes
        .iter()
        .filter_map(|(name, outcome)| {
            outcome.as_ref().err().map(|error| format!("{name}: {error:#}"))
        })
        .collect();
    ensure!(
        failures.is_empty(),
        "{} of {count} runs came to something else:\n{}",
        failures.len(),
        failures.join("\n")
    );
    Ok(format!(
        "{}: {} writes, {count} of {all} runs, {missed} of them without the write, {:.0?}",
        workload.name(),
        learned.points.len(),
        start.elapsed()
    ))
}

async fn learn(workload: Workload) -> Result<Learned> {
    let mut scene = Scene::new(&format!("learn-{}", workload.name())).await;
    workload.prepare(&scene).await;
    oracles::becomes_quiet(&scene, QUIET).await?;
    let before = scene.proxy.recorded().len();
    workload.act(&scene).await;
    workload.finished(&scene).await;
    oracles::becomes_quiet(&scene, QUIET).await?;
    let mut points: Vec<Point> = Vec::new();
    for recorded in &scene.proxy.recorded()[before..] {
        // Events are told once and as well as can be, and the Lease is written all the time.
        let counts = !matches!(recorded.call.target.as_str(), "events" | "leases");
        if recorded.call.is_write() && counts {
            let same = points.iter().filter(|point| point.call == recorded.call).count();
            let number = u32::try_from(same)? + 1;
            points.push(Point { call: recorded.call.clone(), number });
        }
    }
    ensure!(!points.is_empty(), "the workload wrote nothing");
    let learned = Learned {
        points,
        state: oracles::end_state(&scene).await?,
        counts: oracles::counts(&scene),
    };
    check(workload, &mut scene).await?;
    Ok(learned)
}

/// One run with one fault. False if the write never came, which is allowed: what is written
/// depends on what comes first.
async fn run(workload: Workload, learned: &Learned, point: &Point, harm: Harm) -> Result<bool> {
    let mut scene = Scene::new(&format!("sweep-{}", workload.name())).await;
    workload.prepare(&scene).await;
    oracles::becomes_quiet(&scene, QUIET).await?;
    let rule =
        on(&point.call.verb, &point.call.target).named(&scene.renamed(point)).nth(point.number);
    let fault = scene.proxy.add(rule, harm.fault());
    workload.act(&scene).await;
    if harm.kills() {
        let came = {
            let finished = std::pin::pin!(workload.finished(&scene));
            tokio::select! {
                () = fault.reached() => true,
                () = finished => false,
            }
        };
        if came {
            scene.crash();
        }
    }
    workload.finished(&scene).await;
    oracles::becomes_quiet(&scene, QUIET).await?;
    check(workload, &mut scene).await?;
    let state = oracles::end_state(&scene).await?;
    ensure!(
        state == learned.state,
        "the end state differs: {state:#} instead of {:#}",
        learned.state
    );
    let counts = oracles::counts(&scene);
    ensure!(
        counts == learned.counts,
        "creations and deletions differ: {counts:?} instead of {:?}",
        learned.counts
    );
    Ok(fault.hits() > 0)
}

async fn check(workload: Workload, scene: &mut Scene) -> Result<()> {
    oracles::invariants(scene, workload.may_delete())?;
    let canary = Canary::of(scene);
    oracles::clean(scene, Some(&canary)).await
}

impl Scene {
    /// The name of the object that a point of another scene is about, in this one.
    fn renamed(&self, point: &Point) -> String {
        if point.call.target == "namespaces" {
            self.namespace.clone()
        } else {
            point.call.name.clone()
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
