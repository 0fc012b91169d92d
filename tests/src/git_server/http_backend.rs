//! `git http-backend` speaks CGI: the request in the environment and on standard input, the
//! answer's headers and body on standard output.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio_util::io::ReaderStream;

use crate::repository::git;

/// More than git ever sends; an answer without an end of its headers is refused.
const MOST_HEADERS: usize = 64;

/// Lets git answer `request` about `rest` of the repository `name` below `root`.
pub(super) async fn run(root: &Path, rest: &str, name: &str, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let mut command = git(root);
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{name}{rest}"))
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for (header, variable) in [
        (header::CONTENT_TYPE, "CONTENT_TYPE"),
        (header::CONTENT_LENGTH, "CONTENT_LENGTH"),
        (header::CONTENT_ENCODING, "HTTP_CONTENT_ENCODING"),
        (HeaderName::from_static("git-protocol"), "HTTP_GIT_PROTOCOL"),
    ] {
        if let Some(value) = text(&parts.headers, &header) {
            command.env(variable, value);
        }
    }
    let mut child = Command::from(command).kill_on_drop(true).spawn()?;
    let stdin = child.stdin.take().context("git has no standard input")?;
    let stdout = child.stdout.take().context("git has no standard output")?;
    tokio::spawn(send(body, stdin));
    let mut stdout = BufReader::new(stdout);
    let (status, headers) = read_headers(&mut stdout).await?;
    // The child lives as long as somebody reads its answer.
    let body = ReaderStream::new(stdout).map(move |chunk| {
        let _alive = &child;
        chunk
    });
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

async fn send(body: Body, mut stdin: ChildStdin) {
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        // git stops reading when it has heard enough.
        if stdin.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

async fn read_headers(stdout: &mut BufReader<ChildStdout>) -> Result<(StatusCode, HeaderMap)> {
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    for _ in 0..MOST_HEADERS {
        let mut line = String::new();
        if stdout.read_line(&mut line).await? == 0 {
            bail!("its answer ends within the headers");
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').context("its answer has a malformed header")?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default();
            status = StatusCode::from_bytes(code.as_bytes())?;
        } else {
            headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
    }
    bail!("its answer has too many headers")
}

fn text<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers str> {
    headers.get(name)?.to_str().ok()
}
