//! Measurements that can be repeated, with the targets that they have to meet.
//!
//! - [`cluster`]: deploying, pushing, drift and idling with many apps, beside a bare client on the same API server.
//! - [`render`]: how long `kargo build` takes and how much memory it needs, beside the real kustomize.
//! - [`git`]: following git, beside the git command.
//! - [`overlay`]: the trees that are rendered.
//! - [`measure`]: one run of one program: time and peak memory.

mod cluster;
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
    /// The cluster: a thousand apps deployed, pushed to, changed by hand, left alone and restarted.
    ///
    /// Runs the release build against a real API server of its own, beside a bare client that sends the same
    /// objects to the same server. Takes about twenty minutes; ends with 1 if a target is missed.
    Cluster(cluster::Arguments),
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
        Bench::Cluster(arguments) => cluster::run(arguments),
        Bench::Git(arguments) => git::run(arguments),
        Bench::Measure(arguments) => measure::run(arguments),
    }
}
