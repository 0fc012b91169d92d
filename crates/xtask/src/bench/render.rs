//! How long rendering takes, and how much memory it needs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use super::measure::{Usage, measure};
use super::overlay;
use crate::run::{ask_program, cargo, say, workspace};

/// What has to hold.
mod target {
    /// Ten times the resources may cost this many times the time.
    pub(super) const LINEAR: f64 = 12.0;
    /// How many times faster than kustomize at 1,000 resources.
    pub(super) const FASTER_AT_1000: f64 = 50.0;
    /// How many times faster than kustomize at 10 resources, where most of it is the start of a process.
    pub(super) const FASTER_AT_10: f64 = 5.0;
    /// Peak memory over that of a process that renders one object, in sizes of the input.
    pub(super) const MEMORY: f64 = 10.0;
}

/// A run of kustomize is given up after this time.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many times each program renders each overlay.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// The kargo to measure; without it, the release build of this checkout.
    #[arg(long, value_name = "FILE")]
    kargo: Option<PathBuf>,
    /// The kustomize to compare with; without it, that of the tests.
    #[arg(long, value_name = "FILE", env = "KUSTOMIZE_BIN")]
    kustomize: Option<PathBuf>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    resources: usize,
    input_bytes: u64,
    kargo: Usage,
    /// Nothing if it took longer than [`PATIENCE`].
    kustomize: Option<Usage>,
    /// How many times the time of kargo kustomize takes.
    times_faster: Option<f64>,
    /// Peak memory over the base, in sizes of the input.
    memory_per_input: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
    base_bytes: u64,
    missed: Vec<String>,
}

/// Measures, prints, and ends with 1 if a target is missed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let kargo = match &arguments.kargo {
        Some(kargo) => kargo.clone(),
        None => release_build()?,
    };
    let kustomize = match &arguments.kustomize {
        Some(kustomize) => kustomize.clone(),
        None => ask_program("kargo-cluster", &["kustomize"])?.trim().into(),
    };
    let folder = workspace().join("target").join("bench-render");
    let repeat = arguments.repeat.max(1);
    let tree = folder.join("1");
    overlay::write(&tree, 2)?;
    let base = several(&[&kargo], &tree, repeat)?[0];
    let base_bytes = base.map_or(0, |usage| usage.peak_bytes);
    let mut rows = Vec::new();
    for resources in [10, 100, 1_000, 10_000] {
        let tree = folder.join(resources.to_string());
        let input_bytes = overlay::write(&tree, resources)?;
        let usages = several(&[&kargo, &kustomize], &tree, repeat)?;
        let Some(kargo) = usages[0] else { bail!("kargo took longer than {PATIENCE:?}") };
        let kustomize = usages[1];
        let over_base = kargo.peak_bytes.saturating_sub(base_bytes);
        rows.push(Row {
            resources,
            input_bytes,
            kargo,
            kustomize,
            times_faster: kustomize.map(|kustomize| kustomize.seconds / kargo.seconds),
            memory_per_input: ratio(over_base, input_bytes),
        });
    }
    let missed = missed(&rows);
    let report = Report { rows, base_bytes, missed };
    if arguments.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn release_build() -> Result<PathBuf> {
    let status = cargo().args(["build", "--release", "--package", "kargo"]).status()?;
    if !status.success() {
        bail!("kargo cannot be built; see above");
    }
    Ok(workspace().join("target").join("release").join("kargo"))
}

/// Runs the programs in turn, and gives the medians of each. One that was given up once is not asked again.
fn several(programs: &[&Path], tree: &Path, repeat: usize) -> Result<Vec<Option<Usage>>> {
    let mut runs: Vec<Option<Vec<Usage>>> = vec![Some(Vec::new()); programs.len()];
    for _ in 0..repeat {
        for (program, runs) in programs.iter().zip(&mut runs) {
            let Some(taken) = runs else { continue };
            let command: Vec<OsString> =
                vec![program.into(), "build".into(), tree.join("overlay").into()];
            match measure(&command, PATIENCE)? {
                Some(usage) => taken.push(usage),
                None => *runs = None,
            }
        }
    }
    Ok(runs.into_iter().map(|runs| runs.map(|runs| median(&runs))).collect())
}

fn median(runs: &[Usage]) -> Usage {
    let middle = |value: fn(&Usage) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let mut peaks: Vec<u64> = runs.iter().map(|usage| usage.peak_bytes).collect();
    peaks.sort_unstable();
    Usage {
        seconds: middle(|usage| usage.seconds),
        processor_seconds: middle(|usage| usage.processor_seconds),
        peak_bytes: peaks.get(peaks.len() / 2).copied().unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the sizes of files and memory are far below 2^52")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// The targets that are missed, in words.
fn missed(rows: &[Row]) -> Vec<String> {
    let row = |resources: usize| rows.iter().find(|row| row.resources == resources);
    let mut missed = Vec::new();
    if let (Some(small), Some(large)) = (row(1_000), row(10_000)) {
        let times = large.kargo.processor_seconds / small.kargo.processor_seconds;
        if times > target::LINEAR {
            missed.push(format!(
                "10,000 resources cost {times:.1} times as much as 1,000; at most {} is the target",
                target::LINEAR
            ));
        }
    }
    for (resources, wanted) in [(10, target::FASTER_AT_10), (1_000, target::FASTER_AT_1000)] {
        let Some(times) = row(resources).and_then(|row| row.times_faster) else { continue };
        if times < wanted {
            missed.push(format!(
                "{resources} resources render {times:.1} times as fast as with kustomize; {wanted} is the target"
            ));
        }
    }
    for row in rows.iter().filter(|row| row.resources >= 1_000) {
        if row.memory_per_input > target::MEMORY {
            missed.push(format!(
                "{} resources need {:.1} times the memory of the input; at most {} is the target",
                row.resources,
                row.memory_per_input,
                target::MEMORY
            ));
        }
    }
    missed
}

fn print(report: &Report) {
    let milliseconds = |seconds: f64| format!("{:.1} ms", seconds * 1000.0);
    let mebibytes = |bytes: u64| format!("{:.1} MiB", ratio(bytes, 1 << 20));
    say(
        "| resources | input | kargo | processor | peak memory | over base / input | kustomize | times faster |",
    );
    say("|---|---|---|---|---|---|---|---|");
    for row in &report.rows {
        let given_up = format!("over {} s", PATIENCE.as_secs());
        say(&format!(
            "| {} | {} KiB | {} | {} | {} | {:.1} | {} | {} |",
            row.resources,
            row.input_bytes / 1024,
            milliseconds(row.kargo.seconds),
            milliseconds(row.kargo.processor_seconds),
            mebibytes(row.kargo.peak_bytes),
            row.memory_per_input,
            row.kustomize.map_or(given_up, |usage| milliseconds(usage.seconds)),
            row.times_faster.map_or_else(|| "-".to_owned(), |times| format!("{times:.0}")),
        ));
    }
    say(&format!(
        "\nBase: {} for a process that renders two objects.",
        mebibytes(report.base_bytes)
    ));
    for missed in &report.missed {
        say(&format!("missed: {missed}"));
    }
}
