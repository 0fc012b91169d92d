//! Tokens of GitHub Apps: the app's key signs a short statement, GitHub gives a token for it.

use super::{Client, failure, status};
use crate::error::Cause;
use crate::policy::Policy;
use crate::remote::GithubApp;
use crate::text::{LINE, sanitize};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{ACCEPT, CONTENT_ENCODING};
use reqwest::{StatusCode, Url};
use std::time::{Duration, Instant, SystemTime};

/// GitHub's tokens live for an hour; ours are renewed before.
const LIFE: Duration = Duration::from_mins(50);

/// The longest answer that is read.
const LONGEST: usize = 64 << 10;

/// A token, and until when it is used.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    until: Instant,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token")
    }
}

impl Token {
    /// Whether it can still be used.
    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }

    /// Asks GitHub for a token.
    pub(crate) async fn get(
        client: &Client,
        policy: &Policy,
        app: &GithubApp,
    ) -> Result<Self, Cause> {
        let unusable = |reason| Cause::Access { reason };
        let base = Url::parse(&app.api).ok().filter(Url::has_host);
        let base = base.ok_or(unusable("`githubAppBaseURL` of the Secret is not an address"))?;
        let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let is_refused = |address| !policy.allows_address(address);
        if !policy.allows_host(&host) || host.parse().is_ok_and(is_refused) {
            return Err(Cause::AddressRefused { host });
        }
        if base.scheme() != "https" && !policy.allow_credentials_in_clear {
            return Err(Cause::CredentialsInClear);
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let statement = statement(app, now.as_secs()).ok_or(unusable(
            "`githubAppPrivateKey` of the Secret is not the private key that GitHub gave out (PEM)",
        ))?;
        let api = app.api.trim_end_matches('/');
        let url = format!("{api}/app/installations/{}/access_tokens", app.installation);
        let request = client
            .pool
            .post(url)
            .bearer_auth(statement)
            .header(ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        let asked = Instant::now();
        let silent = |_| Cause::TimedOut { after: client.idle_timeout, silent: true };
        let sent =
            tokio::time::timeout(client.idle_timeout, request.send()).await.map_err(silent)?;
        let mut answer = sent.map_err(|error| failure::cause(&error, client.connect_timeout))?;
        let code = answer.status();
        if code != StatusCode::CREATED {
            let retry_after = status::retry_after(answer.headers());
            return Err(match code {
                StatusCode::UNAUTHORIZED => unusable(
                    "GitHub does not know the app: check `githubAppID` and `githubAppPrivateKey` in the Secret",
                ),
                StatusCode::NOT_FOUND => unusable(
                    "GitHub does not know the installation: check `githubAppInstallationID` in the Secret, and \
                     that the app is installed for the repository's owner",
                ),
                StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                    Cause::RateLimited { retry_after }
                }
                code if code.is_server_error() => {
                    Cause::ServerTrouble { status: code.as_u16(), retry_after }
                }
                code => Cause::Protocol {
                    what: format!(
                        "GitHub answers a request for a token with HTTP status {}",
                        code.as_u16()
                    ),
                },
            });
        }
        let mut body = Vec::new();
        let strange =
            |what: &str| Cause::Protocol { what: format!("GitHub's answer with a token {what}") };
        if answer.headers().contains_key(CONTENT_ENCODING) {
            return Err(strange("is compressed without being asked to"));
        }
        loop {
            let chunk =
                tokio::time::timeout(client.idle_timeout, answer.chunk()).await.map_err(silent)?;
            let chunk = chunk.map_err(|error| failure::cause(&error, client.connect_timeout))?;
            let Some(chunk) = chunk else { break };
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                return Err(strange("is too long"));
            }
        }
        let parsed = serde_json::from_slice::<serde_json::Value>(&body);
        let parsed =
            parsed.map_err(|error| strange(&sanitize(error.to_string().as_bytes(), LINE)))?;
        let text = parsed.get("token").and_then(serde_json::Value::as_str).unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(strange("has none"));
        }
        Ok(Self { text: text.to_owned(), until: asked + LIFE })
    }
}

/// Who we are, signed by the app's key, good for ten minutes (RFC 7519); `None` if the key is none.
fn statement(app: &GithubApp, now: u64) -> Option<String> {
    let (label, rest) = app.key.split_once("-----BEGIN ")?.1.split_once("-----")?;
    let body = rest.split_once("-----END ")?.0;
    let body = body.chars().filter(|character| !character.is_whitespace()).collect::<String>();
    let der = STANDARD.decode(body).ok()?;
    let key = match label {
        "RSA PRIVATE KEY" => KeyPair::from_der(&der).ok()?,
        "PRIVATE KEY" => KeyPair::from_pkcs8(&der).ok()?,
        _ => return None,
    };
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    // A minute back, for clocks that differ; GitHub allows ten minutes in all.
    let claims =
        serde_json::json!({"iat": now.saturating_sub(60), "exp": now + 480, "iss": app.id});
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::statement;
    use crate::remote::GithubApp;
    use aws_lc_rs::rsa::KeyPair;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    const KEY: &str = include_str!("../../../tests/it/keys/rsa_pkcs1");

    #[test]
    fn a_statement_is_signed_by_the_apps_key() {
        let app = |key: &str| GithubApp {
            id: "12345".into(),
            installation: "67".into(),
            key: key.into(),
            api: "https://api.github.com".into(),
        };
        let statement_text = statement(&app(KEY), 1_700_000_000).unwrap();
        let (signed, signature) = statement_text.rsplit_once('.').unwrap();
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let claims = String::from_utf8(decode(signed.split_once('.').unwrap().1)).unwrap();
        assert_eq!(claims, r#"{"iat":1699999940,"exp":1700000480,"iss":"12345"}"#);
        let body = KEY.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let key = KeyPair::from_der(&STANDARD.decode(body).unwrap()).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
        public.verify(signed.as_bytes(), &decode(signature)).unwrap();
        for bad in ["", "-----BEGIN RSA PRIVATE KEY-----", &KEY[..400]] {
            assert_eq!(statement(&app(bad), 0), None);
        }
    }
}
