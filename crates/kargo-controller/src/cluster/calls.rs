//! One call to the API server: its deadline, its answer, and the pause that the API server asked for.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header::RETRY_AFTER};
use kube::{client::Body, core::Status};
use serde::de::DeserializeOwned;

use super::{CallError, Identity};
use crate::lease::WritePermit;

/// How long a read that is not a watch may take. kube itself would wait for ever on a dead connection.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// The longest pause that is waited for within a call, and the longest that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The connection pool for everything that is not a watch. The client itself stays in here: what changes
/// something needs a [`WritePermit`].
pub(super) struct Calls {
    client: kube::Client,
    /// The API server asked to be left alone until then.
    paused_until: Mutex<Option<Instant>>,
}

impl Calls {
    pub(super) fn new(client: kube::Client) -> Self {
        Self { client, paused_until: Mutex::default() }
    }

    /// Reads. What is no read is refused without being sent.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        request: Request<Vec<u8>>,
        identity: &Identity,
    ) -> Result<T, CallError> {
        if request.method() != Method::GET {
            return Err(CallError::NotHolding);
        }
        self.wait().await?;
        tokio::time::timeout(READ_DEADLINE, self.send(request, identity))
            .await
            .unwrap_or(Err(CallError::TimedOut))
    }

    /// Writes.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        request: Request<Vec<u8>>,
        identity: &Identity,
        permit: WritePermit,
    ) -> Result<T, CallError> {
        match permit.run(self.send(request, identity)).await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(CallError::TimedOut),
            Err(_) => Err(CallError::NotHolding),
        }
    }

    /// Waits for the end of a pause that the API server asked for: once for all who call, so that many who were
    /// refused do not ask again one by one.
    pub(super) async fn wait(&self) -> Result<(), CallError> {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = until.filter(|until| *until > Instant::now()) else { return Ok(()) };
        if until > Instant::now() + LONGEST_WAIT {
            tokio::time::sleep(LONGEST_WAIT).await;
            return Err(CallError::Throttled);
        }
        tokio::time::sleep_until(until.into()).await;
        Ok(())
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: Request<Vec<u8>>,
        identity: &Identity,
    ) -> Result<T, CallError> {
        let mut request = request.map(Body::from);
        if let Identity::Account(account) = identity {
            let user =
                HeaderValue::from_str(&account.user()).map_err(|_| CallError::Unreachable)?;
            request.headers_mut().insert("Impersonate-User", user);
        }
        let response = self.client.send(request).await.map_err(|error| {
            // The variant only: texts of this error may repeat more than people should read.
            tracing::debug!(kind = ?std::mem::discriminant(&error), "a call failed");
            CallError::Unreachable
        })?;
        let status = response.status();
        let pause = asked_pause(&response);
        let body =
            response.into_body().collect_bytes().await.map_err(|_| CallError::Unreachable)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| CallError::Unreachable);
        }
        let refusal = refusal(status, &body);
        self.note_pause(&refusal, pause);
        Err(CallError::Refused(Box::new(refusal)))
    }

    fn note_pause(&self, refusal: &Status, header: Option<Duration>) {
        if !matches!(refusal.code, 429 | 503) {
            return;
        }
        let in_body = refusal.details.as_ref().map(|details| details.retry_after_seconds);
        let in_body = in_body.filter(|seconds| *seconds > 0);
        let asked = header.or(in_body.map(|seconds| Duration::from_secs(seconds.into())));
        let Some(asked) = asked else { return };
        let until = Instant::now() + asked.min(LONGEST_PAUSE);
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        if paused.is_none_or(|before| before < until) {
            *paused = Some(until);
        }
    }
}

fn asked_pause(response: &Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Not every refusal is a `Status`: those of proxies and of the API server's own overload are text, whose content
/// nobody vouches for.
fn refusal(status: StatusCode, body: &[u8]) -> Status {
    let parsed = serde_json::from_slice::<Status>(body).ok().filter(|parsed| parsed.code != 0);
    parsed.unwrap_or_else(|| {
        let reason = status.canonical_reason().unwrap_or("unknown");
        Status::failure(reason, reason).with_code(status.as_u16())
    })
}
