//! A sender of webhooks: what a forge does after a push, or somebody who pretends to be one.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use aws_lc_rs::hmac;
use serde_json::json;

/// Sends webhooks to one controller.
#[derive(Debug, Clone)]
pub struct Sender {
    url: String,
    http: reqwest::Client,
}

impl Sender {
    /// Sends to a port of loopback.
    pub fn to(port: u16) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?;
        Ok(Self { url: format!("http://127.0.0.1:{port}/hooks"), http })
    }

    /// Says, in the form of GitHub, that a repository has changed; signed with `secret`, if there is one. `text`
    /// makes the delivery unlike all others. Returns the status of the answer.
    pub async fn say(&self, repository: &str, text: &str, secret: Option<&str>) -> Result<u16> {
        let body = json!({
            "ref": "refs/heads/main",
            "after": text,
            "repository": {"clone_url": repository},
        })
        .to_string();
        let mut request = self.http.post(format!("{}/github", self.url));
        if let Some(secret) = secret {
            request = request.header("x-hub-signature-256", sign(secret, body.as_bytes()));
        }
        Ok(request.body(body).send().await?.status().as_u16())
    }
}

/// The signature of a body, as GitHub writes it.
fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, body).as_ref().iter().fold("sha256=".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
