//! What an answer's status means for people.

use super::{Http, failure};
use crate::error::Cause;
use crate::text::{LINE, sanitize};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

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

/// The wait that the server asks for: in seconds, or up to a date (RFC 9110, section 10.2.3). A date is read by
/// the server's own clock, if the answer tells its time, since ours may be another.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    let wait = if let Ok(seconds) = wanted.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = httpdate::parse_http_date(wanted).ok()?;
        let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        until.duration_since(now.unwrap_or_else(SystemTime::now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::{media_type, retry_after};
    use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
    use std::time::Duration;

    #[test]
    fn waits_are_bounded() {
        let table = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999", Some(3600)),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("Wed, 21 Oct 2026 07:30:05 GMT", Some(125)),
            ("Wednesday, 21-Oct-26 07:28:05 GMT", Some(5)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3600)),
        ];
        for (value, expected) in table {
            let date = "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap();
            let headers =
                HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap()), (DATE, date)]);
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn a_date_is_read_by_our_clock_where_the_server_does_not_tell_the_time() {
        let past =
            HeaderMap::from_iter([(RETRY_AFTER, "Wed, 21 Oct 2015 07:28:00 GMT".parse().unwrap())]);
        assert_eq!(retry_after(&past), Some(Duration::ZERO));
    }

    #[test]
    fn media_types_lose_their_parameters() {
        assert_eq!(media_type(b"Text/HTML; charset=utf-8"), "text/html");
    }
}
