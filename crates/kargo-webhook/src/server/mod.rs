//! The shell: sockets and clocks around [`judge`](crate::judge) and [`Desk`].
//!
//! - `connections`: how many there may be, and which one makes room.
//! - `body`: how much is read, for how long, and how much of it all at once.
//! - `intake`: one delivery, from its headers to its answer.

mod body;
mod connections;
mod intake;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use self::{connections::Connections, intake::Intake};
use crate::{answer::Answer, host::Host, provider::Provider};

/// How many connections are open at once.
const MOST_CONNECTIONS: usize = 256;

/// How long a sender may take for the headers.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// How long a connection lives, which carries one delivery.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(15);

/// How many bytes of headers are read.
const MOST_HEADER_BYTES: usize = 16 * 1024;

/// The pause after a connection could not be accepted, for want of file descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `POST /hooks/<provider>` until it is dropped; open connections are cut then.
pub async fn serve(listener: TcpListener, host: Arc<impl Host>) {
    let intake = Arc::new(Intake::new(host));
    let router = Router::new()
        .route("/hooks/{provider}", post(receive))
        .fallback(nowhere)
        .with_state(Arc::clone(&intake));
    let connections = Connections::new(MOST_CONNECTIONS);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { intake.end_windows().await });
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection of a webhook cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = connections.open();
        let router = router.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = converse(stream, router) => {}
                () = place.taken() => {}
                () = tokio::time::sleep(CONNECTION_DEADLINE) => {}
            }
        });
        while tasks.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(MOST_HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = conversation.await {
        tracing::debug!(%error, "a webhook's connection broke");
    }
}

async fn receive<H: Host>(
    State(intake): State<Arc<Intake<H>>>,
    Path(provider): Path<String>,
    request: Request,
) -> Response {
    let provider = Provider::of_path(&provider);
    let answer = match provider {
        Some(provider) => intake.receive(provider, request).await,
        None => Answer::UnknownProvider,
    };
    tracing::debug!(provider = provider.map(Provider::name), answer = answer.word(), "a webhook");
    intake.host().answered(provider, &answer);
    respond(&answer)
}

async fn nowhere() -> Response {
    respond(&Answer::UnknownProvider)
}

fn respond(answer: &Answer) -> Response {
    let mut response = (answer.status(), answer.text()).into_response();
    let challenge = match response.status() {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Signature")),
        StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
        _ => None,
    };
    if let Some((name, value)) = challenge {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    response
}
