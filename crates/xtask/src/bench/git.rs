//! The program `kargo-bench-git` of the package `kargo-tests`, built as what people get is.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::run;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    run::optimised_program("kargo-bench-git", if arguments.json { &["--json"] } else { &[] })
}
