//! The real kustomize, for the comparison of our engine with it.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::go_tools::{Module, Program, required_version};

const MODULE: &str = "kustomize";
const PACKAGE: &str = "sigs.k8s.io/kustomize/kustomize/v5";
const KUSTOMIZE: Program = Program { name: "kustomize", package: PACKAGE };

/// The path of kustomize: the one that the environment variable `KUSTOMIZE_BIN` names, else the
/// version of our `go.mod`, built on first use.
pub fn provide() -> Result<PathBuf> {
    if let Some(kustomize) = env::var_os("KUSTOMIZE_BIN").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(kustomize));
    }
    let version = required_version(MODULE, PACKAGE)?;
    let flags = format!("-s -w -X sigs.k8s.io/kustomize/api/provenance.version={version}");
    let module = Module::open(MODULE, flags)?;
    module.build(&[KUSTOMIZE], "half a minute on two cores")?;
    Ok(module.cache().join(KUSTOMIZE.name))
}
