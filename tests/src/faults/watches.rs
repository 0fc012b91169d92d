//! The events of open watches.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value;
use tokio::sync::mpsc;

use super::proxy::Shared;
use super::rule::Fault;
use super::{Call, proxy};

/// A watch that is open right now: what is sent to it reaches the controller as an event.
#[derive(Debug)]
pub(super) struct OpenWatch {
    pub(super) target: String,
    pub(super) inject: mpsc::UnboundedSender<Value>,
}

/// One step of a stream.
enum Step {
    Events(Vec<Bytes>),
    Cut,
}

/// The body of a watch: the API server's events as the rules let them through, and those that a
/// test injects.
pub(super) fn body(
    call: Call,
    upstream: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    shared: Arc<Shared>,
) -> Body {
    let (inject, injected) = mpsc::unbounded_channel();
    shared.open_watch(OpenWatch { target: call.target.clone(), inject });
    let real = stream::unfold(
        (Box::pin(upstream), Vec::new(), call, shared),
        |(mut upstream, mut rest, call, shared)| async move {
            let chunk = upstream.next().await?.ok()?;
            rest.extend_from_slice(&chunk);
            let step = match rest.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => {
                    let behind = rest.split_off(end + 1);
                    let lines = std::mem::replace(&mut rest, behind);
                    filter(&lines, &call, &shared).await
                }
                None => Step::Events(Vec::new()),
            };
            Some((step, (upstream, rest, call, shared)))
        },
    );
    // A cut ends the body without its end, which the client sees as a broken connection.
    let real = real.flat_map(|step| {
        stream::iter(match step {
            Step::Events(events) => events.into_iter().map(Ok).collect::<Vec<_>>(),
            Step::Cut => vec![Err(proxy::Cut)],
        })
    });
    let injected = stream::unfold(injected, |mut injected| async move {
        let event = injected.recv().await?;
        Some((Ok(line(&event)), injected))
    });
    // It ends when the API server ends it, whoever may still inject something.
    let both =
        stream::select(real.map(Some).chain(stream::once(async { None })), injected.map(Some));
    Body::from_stream(
        both.take_while(|item| std::future::ready(item.is_some())).filter_map(std::future::ready),
    )
}

async fn filter(lines: &[u8], call: &Call, shared: &Shared) -> Step {
    let mut events = Vec::new();
    shared.pass_partition().await;
    for text in lines.split_inclusive(|byte| *byte == b'\n') {
        let Ok(mut event) = serde_json::from_slice::<Value>(text) else {
            events.push(Bytes::copy_from_slice(text));
            continue;
        };
        shared.remember(&call.target, &event);
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let namespace =
            event["object"]["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let about = Call { verb: "event".to_owned(), target: call.target.clone(), namespace, name };
        let Some(met) = shared.meet(&about) else {
            events.push(Bytes::copy_from_slice(text));
            continue;
        };
        met.reached.send_modify(|count| *count += 1);
        match met.fault {
            Fault::Hold(gate) => gate.pass().await,
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Edit(change) => change(&mut event),
            Fault::Answer(other) => event = other,
            Fault::Drop => continue,
            _ => return Step::Cut,
        }
        events.push(line(&event));
    }
    Step::Events(events)
}

fn line(event: &Value) -> Bytes {
    Bytes::from(format!("{event}\n"))
}
