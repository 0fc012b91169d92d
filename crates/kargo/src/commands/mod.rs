//! The verbs, one file each.

pub(crate) mod build;
pub(crate) mod controller;
pub(crate) mod crd;

use std::{io::Write as _, process::ExitCode};

/// Says what went wrong, cause after cause, and gives the exit code for it.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    // Nobody is left to be told if this fails too.
    let _ = writeln!(std::io::stderr().lock(), "error: {}", causes.join(": "));
    ExitCode::FAILURE
}
