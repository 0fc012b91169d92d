//! What following git costs: `cargo xtask bench git` runs this, built with optimisation.
//!
//! - [`one`]: one repository, by the library: a poll, a push, a cold fetch compared with the git CLI.
//! - [`many`]: a thousand apps, by the real controller against a real API server.
//! - [`wire`]: a counter of bytes between a client and a server.

mod many;
mod one;
mod wire;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use serde::Serialize;

/// Measures what following git costs, and compares it with the targets.
#[derive(Debug, Parser)]
struct Arguments {
    /// Print one JSON object, and nothing else.
    #[arg(long)]
    json: bool,
    /// How many apps; the targets are meant for the default.
    #[arg(long, default_value_t = 1000)]
    apps: usize,
}

/// What is printed by `--json`.
#[derive(Debug, Serialize)]
struct Figures {
    poll_bytes: u64,
    poll_ms: f64,
    push_fetch_ms: f64,
    cold_fetch_ratio: f64,
    cold_fetch_unfiltered_ratio: f64,
    rss_mib: f64,
    many_repositories_cpu_percent: f64,
}

/// One line of the report: what was measured, the figure, and the most that is good.
struct Line(&'static str, String, f64, Option<f64>);

impl Line {
    fn is_missed(&self) -> bool {
        self.3.is_some_and(|most| self.2 > most)
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let one = one::measure().await?;
        let many = many::measure(arguments.apps).await?;
        let figures = Figures {
            poll_bytes: one.poll_bytes,
            poll_ms: one.poll_ms,
            push_fetch_ms: one.push_fetch_ms,
            cold_fetch_ratio: one.cold_ms / one.clone_ms,
            cold_fetch_unfiltered_ratio: one.cold_unfiltered_ms / one.clone_ms,
            rss_mib: many.rss_mib,
            many_repositories_cpu_percent: many.cpu_percent,
        };
        let line = |what, unit: &str, figure: f64, most| {
            Line(what, format!("{figure:.2} {unit}"), figure, most)
        };
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let lines = [
            line("unchanged poll, both ways", "bytes", figures.poll_bytes as f64, Some(1024.0)),
            line("unchanged poll", "ms", figures.poll_ms, None),
            line("small push, resolved, fetched and read", "ms", figures.push_fetch_ms, None),
            line("git clone --depth 1 of 5,000 files, 100 MB", "ms", one.clone_ms, None),
            line("the same, cold, with the blob filter", "x", figures.cold_fetch_ratio, Some(0.3)),
            line("the same, without", "x", figures.cold_fetch_unfiltered_ratio, Some(2.0)),
            line("polls of one repository in 60 s, for all apps", "", many.polls as f64, Some(3.0)),
            line("CPU, each app its own repository, 30 s", "%", many.cpu_percent, Some(5.0)),
            line("threads of the controller", "", many.threads as f64, Some(64.0)),
            line("memory of the controller", "MiB", figures.rss_mib, None),
        ];
        let mut out = io::stdout().lock();
        if arguments.json {
            writeln!(out, "{}", serde_json::to_string(&figures)?)?;
        } else {
            writeln!(out, "{} apps\n", arguments.apps)?;
            for line @ Line(what, figure, _, most) in &lines {
                let target = most.map(|most| format!("at most {most}")).unwrap_or_default();
                let verdict = if line.is_missed() { "MISSED" } else { "" };
                writeln!(out, "{what:<50} {figure:>16}   {target:<14} {verdict}")?;
            }
        }
        let missed = lines.iter().any(Line::is_missed);
        Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    })
}
