//! The files that are made from others: the definition in the chart from the Rust types, and the
//! plain manifests for people without Helm from the chart.

use std::fs;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::run::{ask_program, cargo, say, workspace};

/// Writes the definition in the chart, and then `deploy/kargo.yaml` from the chart.
pub(crate) fn write() -> Result<ExitCode> {
    replace("charts/kargo/files/kargoapps.yaml", &definition()?)?;
    replace("deploy/kargo.yaml", &ask_program("kargo-cluster", &["manifests"])?)?;
    Ok(ExitCode::SUCCESS)
}

/// What `kargo crd` prints.
fn definition() -> Result<String> {
    let output = cargo()
        .args(["run", "--quiet", "--package", "kargo", "--", "crd"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("`kargo crd` failed; see above");
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn replace(path: &str, text: &str) -> Result<()> {
    let file = workspace().join(path);
    let is_same = fs::read_to_string(&file).is_ok_and(|old| old == text);
    if !is_same {
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    say(&format!("{path}: {}", if is_same { "as it was" } else { "written anew" }));
    Ok(())
}
