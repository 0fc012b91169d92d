//! The program `kargo-bench-cluster` of the package `kargo-tests`, built as what people get is.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::run;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many `KargoApps`; the targets are meant for the default.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=9999))]
    apps: u32,
    /// How long nothing happens in the idle case, in seconds.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    idle: u64,
    /// Print one JSON object on standard output; the table goes to standard error.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (apps, idle) = (arguments.apps.to_string(), arguments.idle.to_string());
    let mut flags = vec!["--apps", &apps, "--idle", &idle];
    if arguments.json {
        flags.push("--json");
    }
    run::optimised_program("kargo-bench-cluster", &flags)
}
