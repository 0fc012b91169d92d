//! The HTTP front: who may, what is counted, what fails on purpose.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;

use super::{Behaviour, Password, Shared, http_backend, split_path};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some((name, rest)) = split_path(&shared.root, &path) else {
        return (StatusCode::NOT_FOUND, "there is no such repository\n").into_response();
    };
    let (password, behaviour) = {
        let mut records = shared.records();
        let record = records.entry(name.to_owned()).or_default();
        record.traffic.requests += 1;
        (record.password.clone(), record.behaviour)
    };
    match behaviour {
        Behaviour::Works => {}
        Behaviour::Fails(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, "the git server fails on purpose\n").into_response();
        }
        Behaviour::Hangs => std::future::pending().await,
    }
    if let Some(password) = &password
        && !is_allowed(request.headers(), password)
    {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "a password is needed\n").into_response();
    }
    let request = count_request(request, &shared, name);
    match http_backend::run(&shared.root, rest, name, request).await {
        Ok(response) => count_response(response, &shared, name),
        Err(error) => {
            let text = format!("git http-backend failed: {error:#}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

fn is_allowed(headers: &HeaderMap, password: &Password) -> bool {
    let expected = STANDARD.encode(format!("{}:{}", password.user, password.password));
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .is_some_and(|given| given == expected)
}

fn count_request(request: Request, shared: &Arc<Shared>, name: &str) -> Request {
    let is_pack_request = request.uri().path().ends_with("/git-upload-pack");
    let (parts, body) = request.into_parts();
    let (shared, name) = (Arc::clone(shared), name.to_owned());
    let mut first = true;
    let counted = body.into_data_stream().inspect(move |chunk| {
        let Ok(chunk) = chunk else { return };
        let mut records = shared.records();
        let traffic = &mut records.entry(name.clone()).or_default().traffic;
        traffic.received += chunk.len() as u64;
        // In protocol v2 `ls-refs` goes to the same place, and says so in its first line.
        if first && is_pack_request {
            let is_poll = contains(chunk, b"command=ls-refs");
            *if is_poll { &mut traffic.polls } else { &mut traffic.fetches } += 1;
        }
        first = false;
    });
    Request::from_parts(parts, Body::from_stream(counted))
}

fn count_response(response: Response, shared: &Arc<Shared>, name: &str) -> Response {
    let (parts, body) = response.into_parts();
    let (shared, name) = (Arc::clone(shared), name.to_owned());
    let counted = body.into_data_stream().inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            shared.records().entry(name.clone()).or_default().traffic.sent += chunk.len() as u64;
        }
    });
    Response::from_parts(parts, Body::from_stream(counted))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
