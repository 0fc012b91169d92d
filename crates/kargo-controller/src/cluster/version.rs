//! Which Kubernetes is supported.

use super::{CallError, Cluster, patiently};

/// The oldest minor version that is supported and tested against.
pub const OLDEST_MINOR: u32 = 33;

/// Asks the API server for its version. An old one is an error; a newer one than was tested is not.
pub async fn check(cluster: &Cluster) -> anyhow::Result<String> {
    let request =
        || http::Request::get("/version").body(Vec::new()).map_err(|_| CallError::Unreachable);
    let version: serde_json::Value =
        patiently(|| async { cluster.read(request()?).await }).await.map_err(explain)?;
    let text = |key: &str| {
        version.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let digits = |text: String| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let (major, minor) = (digits(text("major")), digits(text("minor")));
    let (Ok(major), Ok(minor)) = (major.parse::<u32>(), minor.parse::<u32>()) else {
        anyhow::bail!("the API server does not say which version of Kubernetes it is");
    };
    anyhow::ensure!(
        (major, minor) >= (1, OLDEST_MINOR),
        "this cluster runs Kubernetes {major}.{minor}; Kargo needs 1.{OLDEST_MINOR} or newer. Upgrade the cluster"
    );
    Ok(text("gitVersion"))
}

fn explain(error: CallError) -> anyhow::Error {
    anyhow::Error::new(error).context("cannot read the version of the API server")
}
