//! The gitea binary, and the folder with its templates.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::go_tools::{Module, Program, required_version};

const MODULE: &str = "gitea";
const PACKAGE: &str = "code.gitea.io/gitea";
const GITEA: Program = Program { name: "gitea", package: PACKAGE };

/// Gitea keeps its data in `SQLite`, which is C.
const TAGS: &str = "sqlite,sqlite_unlock_notify";

/// What it takes to run Gitea.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) binary: PathBuf,
    /// The source of its module: templates and texts are read from there, as they are not part
    /// of the binary.
    pub(super) static_root: PathBuf,
}

/// The path of gitea: the one that the environment variable `GITEA_BIN` names, else the version
/// of our `go.mod`, built on first use.
pub fn provide() -> Result<PathBuf> {
    Ok(installed()?.binary)
}

pub(super) fn installed() -> Result<Installed> {
    let version = required_version(MODULE, PACKAGE)?;
    let flags = format!("-s -w -X main.Version={}", version.trim_start_matches('v'));
    let module = Module::open_with_c(MODULE, flags, TAGS)?;
    let static_root = module.source_of(PACKAGE)?;
    if let Some(binary) = env::var_os("GITEA_BIN").filter(|path| !path.is_empty()) {
        return Ok(Installed { binary: PathBuf::from(binary), static_root });
    }
    module.build(&[GITEA], "about 7 minutes on two cores")?;
    Ok(Installed { binary: module.cache().join(GITEA.name), static_root })
}
