//! The helm binary, for the tests of the chart.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

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
