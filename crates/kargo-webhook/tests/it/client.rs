//! A sender of webhooks that can misbehave.

use std::{net::SocketAddr, time::Duration};

use aws_lc_rs::hmac;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_mins(1);

/// An answer: status, headers in lower case, body.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// The HMAC-SHA256 of `body` in hexadecimal digits.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    use std::fmt::Write as _;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, body).as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The headers of GitHub for `body`.
pub(crate) fn signed(secret: &str, body: &[u8]) -> String {
    format!("x-hub-signature-256: sha256={}\r\n", sign(secret, body))
}

/// A push to a repository, as GitHub sends it; `text` makes it unlike all others.
pub(crate) fn push(address: &str, text: &str) -> Vec<u8> {
    let repository = serde_json::json!({"clone_url": address});
    serde_json::json!({"after": text, "repository": repository}).to_string().into_bytes()
}

/// Posts a body.
pub(crate) async fn post(to: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Answered {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: kargo\r\ncontent-length: {length}\r\n{headers}\r\n");
    let request = [head.as_bytes(), body].concat();
    converse(to, &request).await.expect("an answer")
}

/// Sends bytes, and reads the answer; nothing if the connection was cut without one.
pub(crate) async fn converse(to: SocketAddr, request: &[u8]) -> Option<Answered> {
    let stream = TcpStream::connect(to).await.expect("the server listens");
    let (mut read, mut write) = stream.into_split();
    let request = request.to_vec();
    // The answer may come before all of the request is sent.
    let sender = tokio::spawn(async move {
        let _ = write.write_all(&request).await;
        write
    });
    let mut answer = Vec::new();
    let _ = timeout(DEADLINE, read.read_to_end(&mut answer)).await.expect("it does not hang");
    drop(sender.await);
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Option<Answered> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let (status, headers) = head.split_once("\r\n")?;
    let status = status.split(' ').nth(1)?.parse().ok()?;
    Some(Answered { status, headers: headers.to_lowercase(), body: body.to_owned() })
}
