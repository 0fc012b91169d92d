//! The helm binary, for the tests of the chart and the manifests that are made from it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::folders;
use crate::go_tools::{Module, Program, required_version};

const MODULE: &str = "helm";
const HELM: Program = Program { name: "helm", package: "helm.sh/helm/v4/cmd/helm" };

/// The path of helm: the one that the environment variable `HELM` names, else the version of
/// our `go.mod`, built on first use.
pub fn provide() -> Result<PathBuf> {
    if let Some(helm) = env::var_os("HELM").filter(|helm| !helm.is_empty()) {
        return Ok(PathBuf::from(helm));
    }
    let version = required_version(MODULE, "helm.sh/helm/v4")?;
    let flags = format!("-s -w -X helm.sh/helm/v4/internal/version.version={version}");
    let module = Module::open(MODULE, flags)?;
    module.build(&[HELM], "about 4 minutes on two cores")?;
    Ok(module.cache().join(HELM.name))
}

/// The chart.
pub const CHART: &str = "charts/kargo";

/// The manifests for people without Helm, made from the chart.
pub const PLAIN_MANIFESTS: &str = "deploy/kargo.yaml";

/// What [`PLAIN_MANIFESTS`] has to hold: the chart with its default values, and with its
/// namespace, which Helm would have created.
pub fn plain_manifests() -> Result<String> {
    template(&["--namespace", "kargo-system", "--set", "namespace.create=true"])
}

/// What the chart renders as release `kargo` with these flags of `helm template`.
pub fn template(flags: &[&str]) -> Result<String> {
    let output = Command::new(provide()?)
        .current_dir(folders::workspace())
        .args(["template", "kargo", CHART])
        .args(flags)
        .output()
        .context("helm cannot be started")?;
    if !output.status.success() {
        bail!("the chart cannot be rendered: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
