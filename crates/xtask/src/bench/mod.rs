//! Measurements that can be repeated, with the targets that they have to meet.
//!
//! - [`render`]: how long `kargo build` takes and how much memory it needs, beside the real kustomize.
//! - [`git`]: following git, beside the git command.
//! - [`overlay`]: the trees that are rendered.
//! - [`measure`]: one run of one program: time and peak memory.

mod git;
mod measure;
mod overlay;
mod render;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Rendering: overlays of 10 to 10,000 resources, by `kargo build` and by the real kustomize.
    ///
    /// Both run in turn, several times; the table shows medians. Ends with 1 if a target is missed.
    Render(render::Arguments),
    /// Following git: a poll, a push, a cold fetch, and a thousand apps.
    Git(git::Arguments),
    /// One run of a program, measured from a small process of its own.
    #[command(hide = true)]
    Measure(measure::Arguments),
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<ExitCode> {
    match bench {
        Bench::Render(arguments) => render::run(arguments),
        Bench::Git(arguments) => git::run(arguments),
        Bench::Measure(arguments) => measure::run(arguments),
    }
}
