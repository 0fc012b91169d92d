//! Runs every test of the matrix of faults: `cargo xtask faults` runs this.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use kargo_tests::faults::matrix::{MATRIX, Row, Target};
use kargo_tests::faults::sweep::FAULTS_VARIABLE;
use kargo_tests::{folders, helm, kargo_process};

/// How many tests run side by side.
const THREADS: &str = "4";

/// Runs the tests of all faults, the sweeps in full, and ends with a table.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run only the tests of this fault, as in `F13`; may be given more than once.
    #[arg(long, value_name = "FAULT", ignore_case = true)]
    only: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let only: BTreeSet<String> =
        Arguments::parse().only.iter().map(|fault| fault.to_uppercase()).collect();
    for fault in &only {
        ensure!(
            MATRIX.iter().any(|row| row.fault == fault),
            "there is no fault {fault}; docs/faults.md lists them"
        );
    }
    let rows: Vec<&Row> =
        MATRIX.iter().filter(|row| only.is_empty() || only.contains(row.fault)).collect();
    let mut outcomes = BTreeMap::new();
    for target in Target::ALL {
        let tests: BTreeSet<&str> = rows
            .iter()
            .flat_map(|row| row.tests)
            .filter(|shown| shown.target == target)
            .map(|shown| shown.test)
            .collect();
        if !tests.is_empty() {
            run(target, &tests, &mut outcomes)?;
        }
    }
    table(&rows, &outcomes)
}

/// Runs some tests of one program, and notes how each ended.
fn run(
    target: Target,
    tests: &BTreeSet<&'static str>,
    outcomes: &mut BTreeMap<(Target, &'static str), bool>,
) -> Result<()> {
    let (package, program) = target.program();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(folders::workspace())
        .args(["test", "--package", package, "--test", program, "--", "--exact", "--nocapture"])
        .args(tests)
        .env(FAULTS_VARIABLE, "all")
        .env("RUST_TEST_THREADS", THREADS)
        .env(kargo_process::BINARY_VARIABLE, kargo_process::binary()?)
        .stdout(Stdio::piped());
    if target == Target::Chart && std::env::var_os("HELM").is_none() {
        command.env("HELM", helm::provide()?);
    }
    let mut child = command.spawn().context("cargo cannot be started")?;
    let stdout = child.stdout.take().context("cargo has no standard output")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        // With output in between, only the list of failures at the end is sure.
        let failed = line.trim();
        if let Some(test) = tests.iter().find(|test| **test == failed) {
            outcomes.insert((target, test), false);
        }
        writeln!(io::stdout(), "{line}")?;
    }
    let passed = child.wait()?.success();
    let any_failed = tests.iter().any(|test| outcomes.get(&(target, *test)) == Some(&false));
    for test in tests {
        // A program that failed and named no test did not run them.
        outcomes.entry((target, test)).or_insert(passed || any_failed);
    }
    Ok(())
}

fn table(rows: &[&Row], outcomes: &BTreeMap<(Target, &'static str), bool>) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    let mut is_good = true;
    writeln!(out, "\n{:<5} {:>7}  {:<12} what goes wrong", "fault", "tests", "must hold")?;
    for row in rows {
        let failed: Vec<&str> = row
            .tests
            .iter()
            .filter(|shown| outcomes.get(&(shown.target, shown.test)) != Some(&true))
            .map(|shown| shown.test)
            .collect();
        let count = match (row.tests.len(), failed.len()) {
            (0, _) => "none".to_owned(),
            (total, 0) => format!("{total} ok"),
            (total, failed) => format!("{failed}/{total} bad"),
        };
        writeln!(out, "{:<5} {count:>7}  {:<12} {}", row.fault, row.holds, row.what)?;
        for test in &failed {
            writeln!(out, "      FAILED: {test}")?;
        }
        is_good &= failed.is_empty();
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
