//! What Kargo does, told and shown in a few minutes: `cargo xtask demo` runs this.
//!
//! - [`stage`]: the control plane, the git server and Kargo, installed with the rights and
//!   started with the binary that people get.
//! - [`story`]: the steps, each of which checks what it tells.
//! - [`teller`]: how it is printed.

mod stage;
mod story;
mod teller;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::stage::Stage;
use crate::teller::{Audience, Teller};

/// Shows what Kargo does, on a Kubernetes control plane of its own.
#[derive(Debug, Parser)]
struct Arguments {
    /// Do all steps without a pause, check each, print how long it took, and end: with 0, or
    /// with 1 and the first thing that was not as told.
    #[arg(long)]
    once: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let at_a_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let audience = match (arguments.once, at_a_terminal) {
        (true, _) => Audience::Machine,
        (false, true) => Audience::Terminal,
        (false, false) => Audience::Reader,
    };
    let mut teller = Teller::new(audience);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = tell(&mut teller, arguments.once) => outcome,
            _ = interrupted.recv() => Ok(()),
            _ = terminated.recv() => Ok(()),
        }
    });
    // Somebody may still be asked to press Enter; nobody waits for the answer.
    runtime.shutdown_background();
    Ok(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            teller.say(&format!("\nNot as told: {error:#}"));
            ExitCode::FAILURE
        }
    })
}

async fn tell(teller: &mut Teller, once: bool) -> Result<()> {
    let mut stage = Stage::set(teller).await?;
    let told = story::tell(&mut stage, teller).await;
    if told.is_err() {
        teller.say(&format!("\nThe controller's log ends with:\n{}", stage.log_tail()));
    }
    told?;
    if once {
        teller.summary();
        return Ok(());
    }
    teller.say(&stage.how_to_play_on());
    std::future::pending().await
}
