//! The proxy between a controller and a real API server.
//!
//! It ends TLS with a certificate of its own, hands everything on with the caller's own
//! credentials, and does what its rules say to the calls that they meet. Bodies of watches are
//! streamed event by event. It runs in a thread of its own, so that a test may block.

use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use super::rule::{Fault, Gate, Rule};
use super::watches::{self, OpenWatch};
use super::{Call, tls};

/// The connection ends here, without an answer or in the middle of one.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// One request that came to the proxy.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What was asked.
    pub call: Call,
    /// The path and the query.
    pub uri: String,
    /// The body, where it is JSON.
    pub body: Value,
    /// How the API server answered, if it was asked and has answered.
    pub answer: Option<u16>,
    /// When it came, counted from the start of the proxy.
    pub at: std::time::Duration,
}

/// A rule with its fault in the proxy.
#[derive(Debug)]
struct Active {
    number: u64,
    rule: Rule,
    fault: Fault,
    seen: u32,
    reached: watch::Sender<u32>,
}

/// A call that met a rule.
pub(super) struct Met {
    pub(super) fault: Fault,
    pub(super) reached: watch::Sender<u32>,
}

/// What the proxy's thread shares with the test.
#[derive(Debug)]
pub(super) struct Shared {
    upstream: Mutex<String>,
    client: reqwest::Client,
    rules: Mutex<(u64, Vec<Active>)>,
    recorded: Mutex<Vec<Recorded>>,
    watches: Mutex<Vec<OpenWatch>>,
    events: Mutex<Vec<(String, Value)>>,
    partition: Mutex<Option<Gate>>,
    started: std::time::Instant,
}

impl Shared {
    pub(super) fn meet(&self, call: &Call) -> Option<Met> {
        let mut rules = lock(&self.rules);
        for active in rules.1.iter_mut().filter(|active| active.rule.is_about(call)) {
            let number = active.seen;
            active.seen += 1;
            if active.rule.meets(number) {
                return Some(Met { fault: active.fault.clone(), reached: active.reached.clone() });
            }
        }
        None
    }

    pub(super) fn open_watch(&self, watch: OpenWatch) {
        let mut watches = lock(&self.watches);
        watches.retain(|watch| !watch.inject.is_closed());
        watches.push(watch);
    }

    pub(super) async fn pass_partition(&self) {
        let partition = lock(&self.partition).clone();
        if let Some(partition) = partition {
            partition.pass().await;
        }
    }

    pub(super) fn remember(&self, target: &str, event: &Value) {
        lock(&self.events).push((target.to_owned(), event.clone()));
    }
}

/// A running proxy. It ends with this value.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    port: u16,
    authority: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A fault that is in place.
#[derive(Debug)]
pub struct Attached {
    shared: Arc<Shared>,
    number: u64,
    reached: watch::Receiver<u32>,
}

impl Attached {
    /// Waits until the fault has met a call; of a fault after the effect, until the effect.
    ///
    /// # Panics
    /// When that does not happen within the deadline of all waits.
    pub async fn reached(&self) {
        assert!(self.reached_within(crate::world::DEADLINE).await, "the fault met no call");
    }

    /// The same; false when it does not happen in time.
    pub async fn reached_within(&self, deadline: std::time::Duration) -> bool {
        let mut reached = self.reached.clone();
        matches!(
            tokio::time::timeout(deadline, reached.wait_for(|count| *count > 0)).await,
            Ok(Ok(_))
        )
    }

    /// How many calls it has met.
    pub fn hits(&self) -> u32 {
        *self.reached.borrow()
    }

    /// Takes the fault away. Calls that it holds stay as they are.
    pub fn remove(&self) {
        lock(&self.shared.rules).1.retain(|active| active.number != self.number);
    }
}

impl FaultProxy {
    /// Starts a proxy before the API server of `kubeconfig`, and makes `kubeconfig` lead to the
    /// proxy from now on.
    pub fn start(kubeconfig: &Path) -> Result<Self> {
        let mut config: Value = serde_yaml::from_str(&fs::read_to_string(kubeconfig)?)?;
        let cluster = &mut config["clusters"][0]["cluster"];
        let upstream =
            cluster["server"].as_str().context("the kubeconfig has no server")?.to_owned();
        let authority = cluster["certificate-authority-data"].as_str().unwrap_or_default();
        let authority = reqwest::Certificate::from_pem(&STANDARD.decode(authority)?)?;
        let proxy = Self::run(upstream, authority)?;
        cluster["server"] = json!(format!("https://127.0.0.1:{}", proxy.port));
        cluster["certificate-authority-data"] = json!(STANDARD.encode(&proxy.authority));
        fs::write(kubeconfig, format!("{config:#}\n"))?;
        Ok(proxy)
    }

    fn run(upstream: String, authority: reqwest::Certificate) -> Result<Self> {
        let client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .http1_only()
            .no_proxy()
            .build()?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            client,
            rules: Mutex::default(),
            recorded: Mutex::default(),
            watches: Mutex::default(),
            events: Mutex::default(),
            partition: Mutex::default(),
            started: std::time::Instant::now(),
        });
        let (acceptor, authority) = tls::acceptor()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("fault-proxy".to_owned()).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = serve(listener, acceptor, serving) => {}
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_background();
            })?;
        Ok(Self { shared, port, authority, stop: Some(stop), thread: Some(thread) })
    }

    /// Puts a fault in place. Of several that meet a call, the one that came first wins.
    pub fn add(&self, rule: Rule, fault: Fault) -> Attached {
        let (sender, reached) = watch::channel(0);
        let mut rules = lock(&self.shared.rules);
        rules.0 += 1;
        let number = rules.0;
        rules.1.push(Active { number, rule, fault, seen: 0, reached: sender });
        Attached { shared: Arc::clone(&self.shared), number, reached }
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        lock(&self.shared.rules).1.clear();
        if let Some(partition) = lock(&self.shared.partition).take() {
            partition.open();
        }
    }

    /// Cuts the controller off, until [`FaultProxy::heal`]: open watches fall silent, and nothing
    /// is answered. What somebody still waits for by then arrives, late.
    pub fn partition(&self) {
        lock(&self.shared.partition).get_or_insert_with(Gate::closed);
    }

    /// Every request so far, oldest first.
    pub fn recorded(&self) -> Vec<Recorded> {
        lock(&self.shared.recorded).clone()
    }

    /// Every watch event so far of this resource, oldest first, as the API server sent it.
    pub fn events(&self, target: &str) -> Vec<Value> {
        let events = lock(&self.shared.events);
        events.iter().filter(|(of, _)| of == target).map(|(_, event)| event.clone()).collect()
    }

    /// Sends an event to every open watch of this resource, and says how many there are.
    pub fn inject(&self, target: &str, event: &Value) -> usize {
        let watches = lock(&self.shared.watches);
        let open = watches.iter().filter(|watch| watch.target == target);
        open.filter(|watch| watch.inject.send(event.clone()).is_ok()).count()
    }

    /// Leads to another API server from now on.
    pub fn lead_to(&self, server: &str) {
        server.clone_into(&mut lock(&self.shared.upstream));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
) -> Result<Infallible> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request| answer(request, Arc::clone(&shared)));
            // An error is a cut, or a client that went away.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(Body::new(body), usize::MAX).await.map_err(|_| Cut)?;
    let call = Call::of(&parts.method, &parts.uri);
    let mut uri = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let place = {
        let mut recorded = lock(&shared.recorded);
        recorded.push(Recorded {
            call: call.clone(),
            uri: uri.clone(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            answer: None,
            at: shared.started.elapsed(),
        });
        recorded.len() - 1
    };
    shared.pass_partition().await;
    let met = shared.meet(&call);
    let reach = || {
        if let Some(met) = &met {
            met.reached.send_modify(|count| *count += 1);
        }
    };
    match met.as_ref().map(|met| &met.fault) {
        Some(Fault::Refuse(code)) => return Ok(and(reach, refusal(*code, None))),
        Some(Fault::TooMany(seconds)) => return Ok(and(reach, refusal(429, Some(*seconds)))),
        Some(Fault::Answer(value)) => return Ok(and(reach, json_body(StatusCode::OK, value))),
        Some(Fault::Cut) => return Err(and(reach, Cut)),
        Some(Fault::Swallow | Fault::Drop) => {
            reach();
            return std::future::pending().await;
        }
        Some(Fault::Delay(time)) => {
            reach();
            tokio::time::sleep(*time).await;
        }
        Some(Fault::Hold(gate)) => {
            reach();
            gate.pass().await;
        }
        Some(Fault::Query(key, value)) => {
            reach();
            uri = with_parameter(&uri, key, *value);
        }
        _ => {}
    }
    let server = lock(&shared.upstream).clone();
    let request = shared
        .client
        .request(parts.method, format!("{server}{uri}"))
        .headers(forwarded(&parts.headers))
        .body(body);
    let is_watch = call.verb == "watch";
    let sent = async move {
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let is_stream = is_watch && status.is_success();
        let content = if is_stream { Ok(answer) } else { Err(answer.bytes().await?) };
        reqwest::Result::Ok((status, headers, content))
    };
    // What was handed on happens, also if the caller is gone by then.
    let (status, headers, content) = tokio::spawn(sent).await.map_err(|_| Cut)?.map_err(|_| Cut)?;
    lock(&shared.recorded)[place].answer = Some(status.as_u16());
    let reply = |body: Body| {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if let Some(kind) = headers.get(header::CONTENT_TYPE) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        response
    };
    let whole = match content {
        Ok(stream) => return Ok(reply(watches::body(call, stream.bytes_stream(), shared))),
        Err(whole) => whole,
    };
    match met.as_ref().map(|met| &met.fault) {
        Some(Fault::RefuseAfter(code)) => Ok(and(reach, refusal(*code, None))),
        Some(Fault::CutAfter) => Err(and(reach, Cut)),
        Some(Fault::CutBody(bytes)) => {
            reach();
            let begin = whole.slice(..(*bytes).min(whole.len()));
            Ok(reply(Body::from_stream(futures::stream::iter([Ok(begin), Err(Cut)]))))
        }
        Some(Fault::SwallowAfter) => {
            reach();
            std::future::pending().await
        }
        Some(Fault::HoldAnswer(gate)) => {
            reach();
            gate.pass().await;
            Ok(reply(Body::from(whole)))
        }
        Some(Fault::Edit(change)) => {
            let mut value: Value = serde_json::from_slice(&whole).unwrap_or_default();
            change(&mut value);
            reach();
            Ok(reply(Body::from(value.to_string())))
        }
        _ => Ok(reply(Body::from(whole))),
    }
}

fn and<T>(reach: impl Fn(), value: T) -> T {
    reach();
    value
}

/// The caller's own headers, but those of the connection; nothing is compressed, so that it can
/// be read here.
fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = headers.clone();
    for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::ACCEPT_ENCODING]
    {
        forwarded.remove(name);
    }
    forwarded
}

fn with_parameter(uri: &str, key: &str, value: u32) -> String {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let is_other = |part: &&str| part.split('=').next() != Some(key);
    let others = query.split('&').filter(|part| !part.is_empty()).filter(is_other);
    let query: Vec<String> = others.map(str::to_owned).chain([format!("{key}={value}")]).collect();
    format!("{path}?{}", query.join("&"))
}

fn refusal(code: u16, retry_after: Option<u32>) -> Response<Body> {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "refused on purpose", "reason": reason, "code": code,
    });
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_body(code, &status);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn json_body(code: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(value.to_string())));
    *response.status_mut() = code;
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while a lock was held cannot have left these lists half changed.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
