//! Random trees, rendered by our engine and by the real kustomize, until the first difference.

use std::process::ExitCode;

use anyhow::Result;

use crate::run::{ask_program, cargo, say, with_lines, workspace};

/// Trees of one round; each round has a seed of its own.
const ROUND: u64 = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// End after this many trees; without it, go on until there is a difference.
    #[arg(long)]
    trees: Option<u64>,
    /// Seed of the first round of 500 trees; the next rounds have the next numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Goes on round by round. Ends with 1 at the first difference, whose tree and results are then in
/// `target/differential`.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let kustomize = match std::env::var("KUSTOMIZE_BIN") {
        Ok(kustomize) => kustomize,
        Err(_) => ask_program("kargo-cluster", &["kustomize"])?.trim().to_owned(),
    };
    let folder = workspace().join("target").join("differential");
    std::fs::create_dir_all(&folder)?;
    let (mut done, mut seed) = (0, arguments.seed);
    while arguments.trees.is_none_or(|trees| done < trees) {
        let round = arguments.trees.map_or(ROUND, |trees| ROUND.min(trees - done));
        let mut test = cargo();
        test.args(["test", "--quiet", "--package", "kustomize", "--test", "differential_wide"])
            .args(["--", "--nocapture"])
            .env("KUSTOMIZE_BIN", &kustomize)
            .env("DIFFERENTIAL_SEED", seed.to_string())
            .env("DIFFERENTIAL_TREES", round.to_string())
            .env("DIFFERENTIAL_FOLDER", &folder);
        if !with_lines(&mut test, |_| {})? {
            say(&format!(
                "a difference after {done} trees without; seed {seed}, see {}",
                folder.display()
            ));
            return Ok(ExitCode::FAILURE);
        }
        done += round;
        seed += 1;
        say(&format!("{done} trees without a difference; the next seed is {seed}"));
    }
    Ok(ExitCode::SUCCESS)
}
