//! What Kargo costs on a cluster: `cargo xtask bench cluster` runs this, built with optimisation.
//!
//! One run on one control plane measures a floor and Kargo, both with the rights of the same
//! `ServiceAccount`: the one that people install.
//!
//! - [`stage`]: the control plane, the git server and Kargo.
//! - [`workload`]: the apps, their objects and the repositories that they come from.
//! - [`floor`]: a bare client that sends what has to be sent, and nothing else.
//! - [`deploy`], [`idle`], [`push`], [`drift`], [`restart`]: the cases.
//! - [`observer`]: when something is seen by a watch. [`calls`]: what was asked of the API server.
//! - [`process`]: CPU time and memory. [`figures`]: what is printed, with the targets.

mod calls;
mod deploy;
mod drift;
mod figures;
mod floor;
mod idle;
mod observer;
mod process;
mod push;
mod restart;
mod stage;
mod workload;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::figures::Figures;
use crate::stage::Stage;

/// Measures what Kargo costs on a cluster, and compares it with the targets.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many `KargoApps`; the targets are meant for the default.
    #[arg(long, default_value_t = 1000)]
    apps: usize,
    /// How long nothing happens in the idle case, in seconds.
    #[arg(long, default_value_t = 600)]
    idle: u64,
    /// Print one JSON object on standard output; the table goes to standard error.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = run(&arguments) => outcome,
            _ = interrupted.recv() => Ok(ExitCode::FAILURE),
            _ = terminated.recv() => Ok(ExitCode::FAILURE),
        }
    })
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut stage = Stage::set(arguments.apps).await?;
    let measured = measure(&mut stage, arguments).await;
    let figures = match measured {
        Ok(figures) => figures,
        Err(error) => {
            say(&format!("The controller's log ends with:\n{}", stage.log_tail()));
            return Err(error);
        }
    };
    let table = figures.table();
    if arguments.json {
        say(&table);
        writeln!(io::stdout(), "{}", serde_json::to_string(&figures.keys())?)?;
    } else {
        writeln!(io::stdout(), "{table}")?;
    }
    Ok(if figures.meet_all_targets() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(stage: &mut Stage, arguments: &Arguments) -> Result<Figures> {
    let apps = arguments.apps;
    let objects = apps * workload::CONFIG_MAPS_PER_APP;
    say(&format!("The floor: {apps} apps, and one with {objects} ConfigMaps"));
    let floor = floor::deploy(stage, apps).await?;
    let large_floor = floor::large(stage, objects).await?;

    stage.start_kargo().await?;
    say(&format!("Kargo deploys {apps} apps"));
    let deployed = deploy::all_good(stage, apps).await?;
    let rss_peak_mib = process::peak_memory(stage.kargo_id())?;

    say(&format!("Nothing happens for {} s", arguments.idle));
    let idle = idle::measure(stage, Duration::from_secs(arguments.idle)).await?;
    let rss_mib = process::memory(stage.kargo_id())?;

    say("Pushes to one app");
    let push = push::measure(stage, apps).await?;

    say("Objects are deleted and edited by hand");
    let drift = drift::measure(stage).await?;

    say("Kargo is killed and started again");
    let restart = restart::measure(stage, apps).await?;

    let broken = workload::broken_of(apps);
    say(&format!("The same anew, with {broken} broken apps among {apps}"));
    stage.begin_anew(workload::NAMESPACE).await?;
    let disturbed = deploy::with_broken(stage, apps, broken).await?;

    say(&format!("One app with {objects} ConfigMaps"));
    let large = deploy::large(stage).await?;

    Ok(Figures {
        apps,
        objects,
        broken,
        floor,
        large_floor,
        deployed,
        disturbed,
        large,
        rss_mib,
        rss_peak_mib,
        idle,
        push,
        drift,
        restart,
    })
}

/// Progress, for whoever waits.
fn say(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}
