//! Nothing happens.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::calls::{self, Moment};
use crate::process;
use crate::stage::Stage;

/// What was measured.
pub(crate) struct Idle {
    pub(crate) seconds: u64,
    pub(crate) writes: usize,
    pub(crate) lists: usize,
    pub(crate) git_requests: u64,
    pub(crate) cpu_percent: f64,
}

/// What Kargo does while nothing happens.
pub(crate) async fn measure(stage: &Stage, period: Duration) -> Result<Idle> {
    calls::until_quiet(stage, Duration::from_secs(5)).await?;
    let (moment, begun) = (Moment::now(), Instant::now());
    let (cpu, git) = (process::cpu_time(stage.kargo_id())?, stage.git_requests());
    tokio::time::sleep(period).await;
    let cpu = process::cpu_time(stage.kargo_id())?.saturating_sub(cpu);
    let calls = calls::since(stage, &moment)?;
    Ok(Idle {
        seconds: period.as_secs(),
        writes: calls::writes(&calls),
        lists: calls::lists(&calls),
        git_requests: stage.git_requests() - git,
        cpu_percent: cpu.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0,
    })
}
