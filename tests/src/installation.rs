//! Kargo's own objects, as people install them who have no Helm.

use std::fs;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::folders;
use crate::helm::PLAIN_MANIFESTS;

/// The namespace that the manifests install Kargo into.
pub const SYSTEM_NAMESPACE: &str = "kargo-system";

/// Applies all of [`PLAIN_MANIFESTS`] but the Deployment, as no pod runs here, and returns the
/// name of the `ServiceAccount` that the Deployment would run as.
pub fn install(cluster: &Cluster) -> Result<String> {
    let path = folders::workspace().join(PLAIN_MANIFESTS);
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let objects: Vec<Value> = serde_yaml::from_multiple(&text)?;
    let (deployments, others): (Vec<Value>, Vec<Value>) = objects
        .into_iter()
        .filter(|object| !object.is_null())
        .partition(|object| object["kind"] == "Deployment");
    let account = deployments
        .iter()
        .find_map(|each| each.pointer("/spec/template/spec/serviceAccountName")?.as_str())
        .with_context(|| format!("{PLAIN_MANIFESTS} has no Deployment with a ServiceAccount"))?;
    let list = json!({"apiVersion": "v1", "kind": "List", "items": others});
    let mut child = cluster
        .kubectl()
        .args(["apply", "--server-side", "--filename", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("kubectl cannot be started")?;
    let stdin = child.stdin.take().context("kubectl has no standard input")?;
    serde_json::to_writer(stdin, &list)?;
    if !child.wait()?.success() {
        bail!("{PLAIN_MANIFESTS} cannot be applied; see above");
    }
    Ok(account.to_owned())
}
