//! The checks and tests of a commit, part by part.

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::ValueEnum;

use crate::deny;
use crate::run::{ask_program, cargo, say, with_lines};

/// How many black-box tests run side by side: they wait for the cluster most of the time.
const BLACK_BOX_THREADS: &str = "8";

/// How many tests of faults run side by side: some of them run several controllers at once.
const FAULT_THREADS: &str = "4";

/// One part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// All code is formatted: `cargo fmt --check`.
    Format,
    /// No warning of the compiler or of clippy.
    Lint,
    /// Licenses, sources and duplicates of the dependencies: `cargo deny check`.
    Dependencies,
    /// The unit tests beside the code, and the examples in its documentation.
    Unit,
    /// Random kustomizations, rendered by our engine and by the real kustomize to the same objects.
    Differential,
    /// What the black-box tests stand on: control plane, git server, supervisor.
    Support,
    /// The pure heart against a real API server: what it believes of server-side apply.
    Api,
    /// Kargo from the outside, against a real API server, a real git server and a real forge.
    BlackBox,
    /// Kargo under faults: cuts, silence, refusals, lies and crashes; a sample of the long ones.
    Faults,
    /// The Helm chart: lint, template, install, upgrade, uninstall.
    Chart,
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Lint => "lint",
            Self::Dependencies => "dependencies",
            Self::Unit => "unit tests",
            Self::Differential => "comparison with the real kustomize",
            Self::Support => "tests of the test support",
            Self::Api => "tests of the API server",
            Self::BlackBox => "black-box tests",
            Self::Faults => "faults",
            Self::Chart => "chart tests",
        }
    }
}

/// Runs `only` these parts, or all of them, and ends with what their runners said of themselves.
pub(crate) fn run(only: &[Part], arguments: &[String]) -> Result<ExitCode> {
    let parts: Vec<Part> = Part::value_variants()
        .iter()
        .copied()
        .filter(|part| only.is_empty() || only.contains(part))
        .collect();
    let mut failed = Vec::new();
    let mut summaries = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        say(&format!("\n=== [{}/{}] {} ===", index + 1, parts.len(), part.title()));
        if !run_part(*part, arguments, &mut summaries)? {
            failed.push(part.title());
        }
    }
    say("\n=== summary ===");
    for summary in &summaries {
        say(summary);
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("failed: {}", failed.join(", ")));
    Ok(ExitCode::FAILURE)
}

fn run_part(part: Part, arguments: &[String], summaries: &mut Vec<String>) -> Result<bool> {
    match part {
        Part::Format => plain(cargo().args(["fmt", "--all", "--check"])),
        Part::Lint => plain(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ])),
        Part::Dependencies => deny::check(summaries),
        Part::Unit => {
            cargo_test(&["--workspace", "--exclude", "kargo-tests"], &[], arguments, summaries)
        }
        Part::Differential => {
            let kustomize = ask_program("kargo-cluster", &["kustomize"])?;
            let kustomize = [("KUSTOMIZE_BIN", kustomize.trim().to_owned())];
            let targets = ["--package", "kustomize", "--test", "differential"];
            cargo_test(&targets, &kustomize, arguments, summaries)
        }
        Part::Support => {
            let targets = ["--package", "kargo-tests", "--lib", "--test", "support"];
            cargo_test(&targets, &[], arguments, summaries)
        }
        Part::BlackBox => {
            // Where its progress can be seen; the tests would build it without a word.
            if !plain(cargo().args(["build", "--package", "kargo"]))? {
                return Ok(false);
            }
            let gitea = ask_program("kargo-cluster", &["gitea"])?;
            let targets = ["--package", "kargo-tests", "--test", "blackbox"];
            let environment = [
                ("GITEA_BIN", gitea.trim().to_owned()),
                ("RUST_TEST_THREADS", BLACK_BOX_THREADS.to_owned()),
            ];
            cargo_test(&targets, &environment, arguments, summaries)
        }
        Part::Api => {
            let targets = ["--package", "kargo-tests", "--test", "api"];
            cargo_test(&targets, &[], arguments, summaries)
        }
        Part::Faults => {
            if !plain(cargo().args(["build", "--package", "kargo"]))? {
                return Ok(false);
            }
            let targets = ["--package", "kargo-tests", "--test", "faults"];
            let threads = [("RUST_TEST_THREADS", FAULT_THREADS.to_owned())];
            cargo_test(&targets, &threads, arguments, summaries)
        }
        Part::Chart => {
            let helm = ask_program("kargo-cluster", &["helm"])?;
            let helm = [("HELM", helm.trim().to_owned())];
            let targets = ["--package", "kargo-tests", "--test", "chart"];
            cargo_test(&targets, &helm, arguments, summaries)
        }
    }
}

fn cargo_test(
    targets: &[&str],
    environment: &[(&str, String)],
    arguments: &[String],
    summaries: &mut Vec<String>,
) -> Result<bool> {
    let mut command = cargo();
    command.args(["test", "--no-fail-fast"]).args(targets);
    for (name, value) in environment {
        // Whoever sets it knows better.
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    command.arg("--").args(arguments);
    with_lines(&mut command, |line| {
        if line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed; 0 ignored;") {
            summaries.push(line.to_owned());
        }
    })
}

fn plain(command: &mut Command) -> Result<bool> {
    with_lines(command, |_| {})
}
