//! Which Kubernetes is supported.

use serde_json::Value;

use super::{CallError, Cluster, patiently};

/// The oldest minor version that is supported and tested against.
pub const OLDEST_MINOR: u32 = 33;

/// Asks the API server for its version. An old one is an error; a newer one than was tested is not.
pub async fn check(cluster: &Cluster) -> anyhow::Result<String> {
    let request =
        || http::Request::get("/version").body(Vec::new()).map_err(|_| CallError::Unreachable);
    let version = patiently(|| async { cluster.read(request()?).await }).await.map_err(explain)?;
    supported(&version)
}

/// Judges the answer of `/version`.
fn supported(version: &Value) -> anyhow::Result<String> {
    let text = |key: &str| version.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    // Some providers write `33+`.
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::supported;

    #[rstest]
    #[case("1", "33", None)]
    #[case("1", "37+", None)]
    #[case("2", "0", None)]
    #[case("1", "32", Some("Kargo needs 1.33 or newer"))]
    #[case("1", "9", Some("Kargo needs 1.33 or newer"))]
    #[case("", "", Some("does not say which version"))]
    fn old_clusters_are_refused(
        #[case] major: &str,
        #[case] minor: &str,
        #[case] refusal: Option<&str>,
    ) {
        let answer = supported(&json!({"major": major, "minor": minor, "gitVersion": "v0.0.0"}));
        match refusal {
            None => assert_eq!(answer.ok().as_deref(), Some("v0.0.0")),
            Some(text) => {
                assert!(answer.is_err_and(|error| error.to_string().contains(text)));
            }
        }
    }
}
