//! `kargo crd`: the custom resource definition, made from the Rust types.

use std::io::Write as _;

#[derive(clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> anyhow::Result<()> {
    let text = serde_yaml::to_string(&kargo_api::crd())?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
