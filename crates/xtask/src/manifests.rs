//! The plain manifests for people without Helm.

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::run::{ask_program, say, workspace};

/// The namespace that the plain manifests install into.
const NAMESPACE: &str = "kargo-system";

/// Writes `deploy/kargo.yaml` from the chart.
pub(crate) fn write() -> Result<ExitCode> {
    let helm = ask_program("kargo-cluster", &["helm"])?;
    let output = Command::new(helm)
        .current_dir(workspace())
        .args(["template", "kargo", "charts/kargo", "--namespace", NAMESPACE])
        .stderr(Stdio::inherit())
        .output()
        .context("helm cannot be started")?;
    if !output.status.success() {
        bail!("the chart cannot be rendered; see above");
    }
    let path = workspace().join("deploy/kargo.yaml");
    fs::write(&path, output.stdout)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    say(&format!("{} is written.", path.display()));
    Ok(ExitCode::SUCCESS)
}
