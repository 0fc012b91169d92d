//! One run of one program: time and peak memory.
//!
//! The operating system tells the peak memory of the largest child that a process has had. So every run is
//! the only child of a process of its own: this program, called with `bench measure`.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use serde::{Deserialize, Serialize};

use crate::run::say;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Seconds after which the program is ended.
    #[arg(long)]
    seconds: u64,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What a run took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Seconds from before the start of the process to its end.
    pub(crate) seconds: f64,
    /// Seconds of all processors together.
    pub(crate) processor_seconds: f64,
    /// Largest resident memory in bytes.
    pub(crate) peak_bytes: u64,
}

/// Runs a program to its end; `None` if it takes longer than `most`.
pub(crate) fn measure(command: &[OsString], most: Duration) -> Result<Option<Usage>> {
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "measure", "--seconds", &most.as_secs().to_string(), "--"])
        .args(command)
        .output()?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command, String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("the measuring process answered something else")
}

/// The measuring process.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (program, rest) = arguments.command.split_first().context("no program is named")?;
    let start = Instant::now();
    let mut child = Command::new(program).args(rest).stdout(Stdio::null()).spawn()?;
    let deadline = start + Duration::from_secs(arguments.seconds);
    // Fine enough for the shortest runs, which take some milliseconds.
    let pause = Duration::from_micros(200);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            say("null");
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(pause);
    };
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{} ended with {status}", program.display());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let usage = Usage {
        seconds,
        processor_seconds: seconds_of(usage.user_time()) + seconds_of(usage.system_time()),
        // Linux counts kibibytes, macOS bytes.
        peak_bytes: u64::try_from(usage.max_rss())?
            * if cfg!(target_os = "macos") { 1 } else { 1024 },
    };
    say(&serde_json::to_string(&usage)?);
    Ok(ExitCode::SUCCESS)
}

fn seconds_of(time: TimeVal) -> f64 {
    Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or_default()).as_secs_f64()
}
