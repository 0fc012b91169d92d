//! The commands of this repository, run as `cargo xtask <command>`.
//!
//! This crate is the first thing that a newcomer compiles, so it depends on next to nothing:
//! whatever needs Kubernetes or git is a program of the package `kargo-tests`, and started from
//! here.
//!
//! - [`bench`]: measurements with their targets.
//! - [`test`]: the checks and tests of a commit, part by part.
//! - [`differential`]: random trees, by our engine and by the real kustomize.
//! - [`deny`]: cargo-deny, installed on first use.
//! - [`manifests`]: the files that are made from others: the definition in the chart, `deploy/`.
//! - [`run`]: child processes that have to succeed.

mod bench;
mod deny;
mod differential;
mod manifests;
mod run;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// The commands of Kargo's repository.
///
/// New here? `cargo xtask demo` shows in a few minutes what Kargo does, on a Kubernetes control
/// plane of its own that leaves nothing behind. It needs Rust, Go and git; the first time, it
/// builds that control plane from source, which takes about 12 minutes on two cores.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what Kargo does: deploy by a push, undo a hand edit, prune, explain a broken push.
    ///
    /// Brings up a Kubernetes control plane and a git server on loopback, installs Kargo with
    /// the rights it has in a real installation, and tells the story step by step. Then it stays
    /// up, and says how to play on; Ctrl-C ends it and removes everything.
    Demo(DemoArguments),
    /// Check and test everything, as CI does.
    ///
    /// Changes no file. The parts run one after the other; all of them run, also after one has
    /// failed. The control plane for the black-box tests is built from source on first use.
    Test(TestArguments),
    /// Render random trees with our engine and with the real kustomize, until they differ.
    ///
    /// The smallest tree that shows the difference, and both results, are then in `target/differential`.
    Differential(differential::Arguments),
    /// Measure, and compare with the targets.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Do to Kargo what goes wrong in clusters, all of it, and end with a table.
    ///
    /// A proxy between the controller and a real API server cuts, delays, refuses and lies; the
    /// controller is killed before and after every single write. What must hold is checked against
    /// the audit log of the API server. docs/faults.md lists the faults. It takes a quarter of an hour.
    Faults(FaultsArguments),
    /// Keep a Kubernetes control plane in the background, to try things out.
    ///
    /// It is a real API server with a fake kubelet (kwok): objects behave as they do on a
    /// cluster, pods become ready, but no container runs. It listens on loopback only.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Write the files anew that are made from others.
    ///
    /// The definition in the chart is made from the Rust types, and `deploy/kargo.yaml` from the
    /// chart. A test fails when they are not equal to that; this makes them equal.
    DeployManifests,
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// Do all steps without a pause, check each, print how long it took, and end: with 0, or
    /// with 1 and the first thing that was not as told.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct TestArguments {
    /// Run only this part; may be given more than once.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<test::Part>,
    /// Arguments for the test programs, after `--`: a part of the names of the tests to run.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

#[derive(Debug, Args)]
struct FaultsArguments {
    /// Run only the tests of this fault, as in F13; may be given more than once.
    #[arg(long, value_name = "FAULT")]
    only: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Start it, unless it is up already, and print the lines that make kubectl use it.
    Up,
    /// End it. All that was in it is gone.
    Down,
    /// Say whether it is up, and how to use it.
    Status,
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Demo(DemoArguments { once }) => {
            let flags = if once { &["--once"][..] } else { &[] };
            run::program("kargo-demo", flags)
        }
        Command::Test(TestArguments { only, arguments }) => test::run(&only, &arguments),
        Command::Differential(arguments) => differential::run(&arguments),
        Command::Bench(bench) => bench::run(&bench),
        Command::Faults(FaultsArguments { only }) => {
            let flags: Vec<&str> =
                only.iter().flat_map(|fault| ["--only", fault.as_str()]).collect();
            run::program("kargo-faults", &flags)
        }
        Command::Cluster(command) => {
            let verb = match command {
                ClusterCommand::Up => "up",
                ClusterCommand::Down => "down",
                ClusterCommand::Status => "status",
            };
            run::program("kargo-cluster", &[verb])
        }
        Command::DeployManifests => manifests::write(),
    }
}
