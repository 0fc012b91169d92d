//! What an answer's status means for people.

use super::{Http, failure};
use crate::error::Cause;
use crate::text::{LINE, sanitize};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// Waits that servers may ask for are believed up to this length.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

impl Http {
    /// What a status other than 200 and the redirects means.
    pub(super) async fn refusal(&mut self, mut answer: reqwest::Response) -> Cause {
        let authenticated = self.authorization.is_some();
        let headers = answer.headers();
        let retry_after = retry_after(headers);
        let is_limit = headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        match answer.status() {
            StatusCode::UNAUTHORIZED => {
                Cause::Unauthorised { authenticated, message: self.message(&mut answer).await }
            }
            StatusCode::FORBIDDEN if is_limit || retry_after.is_some() => {
                Cause::RateLimited { retry_after }
            }
            StatusCode::FORBIDDEN => {
                Cause::Forbidden { authenticated, message: self.message(&mut answer).await }
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Cause::NotFoundOrPrivate { authenticated },
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Cause::Proxy { reason: "it asks for a user name and a password".into() }
            }
            StatusCode::TOO_MANY_REQUESTS => Cause::RateLimited { retry_after },
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Cause::ServerTrouble { status: status.as_u16(), retry_after }
            }
            status => {
                Cause::Protocol { what: format!("it answers with HTTP status {}", status.as_u16()) }
            }
        }
    }

    /// What the server says about its refusal, if it says it in plain text.
    async fn message(&self, answer: &mut reqwest::Response) -> String {
        let headers = answer.headers();
        let kind = headers.get(CONTENT_TYPE).map(|value| media_type(value.as_bytes()));
        if kind.as_deref() != Some("text/plain") || headers.contains_key(CONTENT_ENCODING) {
            return String::new();
        }
        let mut message = Vec::new();
        while message.len() < 4 * LINE {
            match tokio::time::timeout(self.idle_timeout, answer.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    message.extend_from_slice(&chunk[..chunk.len().min(4 * LINE)]);
                }
                Ok(Ok(None)) | Err(_) => break,
                Ok(Err(error)) => {
                    tracing::debug!(
                        reason = failure::root(&error),
                        "the words of a refusal were cut off"
                    );
                    break;
                }
            }
        }
        sanitize(&message, LINE)
    }
}

/// The media type without its parameters, in lower case and sanitised.
pub(super) fn media_type(value: &[u8]) -> String {
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    sanitize(&kind.to_ascii_lowercase(), 60)
}

/// The wait that the server asks for in seconds. Dates are not read: whoever asks again has a wait of their
/// own for failures without one.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::{media_type, retry_after};
    use reqwest::header::{HeaderMap, RETRY_AFTER};
    use std::time::Duration;

    #[test]
    fn waits_are_bounded() {
        let table = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999", Some(3600)),
            ("-1", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ];
        for (value, expected) in table {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn media_types_lose_their_parameters() {
        assert_eq!(media_type(b"Text/HTML; charset=utf-8"), "text/html");
    }
}
