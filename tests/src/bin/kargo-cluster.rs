//! The control plane for people: `cargo xtask cluster` runs this.

use std::io::{self, Write as _};
use std::process::Command;

use anyhow::Result;
use clap::Parser;
use kargo_tests::cluster::kept::Kept;
use kargo_tests::{gitea, helm, kustomize};

/// A real Kubernetes control plane on loopback, for trying things out.
#[derive(Debug, Parser)]
enum Arguments {
    /// Start it in the background, unless it is up already, and say how to use it.
    Up,
    /// End it. All that was in it is gone.
    Down,
    /// Say whether it is up, and how to use it.
    Status,
    /// Print the path of the real kustomize, building it first if need be.
    Kustomize,
    /// Print the path of a helm binary, building it first if need be.
    Helm,
    /// Print the path of Gitea, the forge of the tests, building it first if need be.
    Gitea,
    /// Print the manifests for people without Helm, made from the chart.
    Manifests,
    /// Run it in the foreground until SIGTERM.
    #[command(hide = true)]
    Serve,
}

fn main() -> Result<()> {
    let out = &mut io::stdout();
    match Arguments::parse() {
        Arguments::Up => {
            let mut server = Command::new(std::env::current_exe()?);
            server.arg("serve");
            Kept::find()?.up(server, out)
        }
        Arguments::Down => say_down(Kept::find()?.down()?, out),
        Arguments::Status => Kept::find()?.describe(out),
        Arguments::Kustomize => Ok(writeln!(out, "{}", kustomize::provide()?.display())?),
        Arguments::Helm => Ok(writeln!(out, "{}", helm::provide()?.display())?),
        Arguments::Gitea => Ok(writeln!(out, "{}", gitea::provide()?.display())?),
        Arguments::Manifests => Ok(write!(out, "{}", helm::plain_manifests()?)?),
        Arguments::Serve => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(Kept::find()?.serve())
        }
    }
}

fn say_down(was_up: bool, out: &mut dyn io::Write) -> Result<()> {
    let text = if was_up { "The control plane is down." } else { "There was no control plane." };
    Ok(writeln!(out, "{text}")?)
}
