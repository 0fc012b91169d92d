//! CPU time and memory of a process, from `/proc`. Linux only.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The CPU time that it has used (proc(5): `utime` and `stime`, in hundredths of a second).
pub(crate) fn cpu_time(id: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The second field, the name, may hold spaces.
    let rest = stat.rsplit_once(')').context("the name of a process has no end")?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let sum = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    Ok(Duration::from_millis(10 * sum.context("utime and stime are no numbers")?))
}

/// Its memory in use, in MiB.
pub(crate) fn memory(id: u32) -> Result<f64> {
    mebibytes(id, "VmRSS:")
}

/// The most memory that it ever had in use, in MiB.
pub(crate) fn peak_memory(id: u32) -> Result<f64> {
    mebibytes(id, "VmHWM:")
}

fn mebibytes(id: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let value =
        status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB"));
    let kibibytes: f64 = value.with_context(|| format!("the process has no {field}"))?.parse()?;
    Ok(kibibytes / 1024.0)
}
