//! One delivery, from its headers to its answer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::extract::Request;
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, sleep_until, timeout_at},
};

use super::body::{self, Reader};
use crate::{
    answer::Answer,
    desk::Desk,
    host::{Host, Receiver},
    judge::{Delivery, Verdict, judge},
    proof::Proof,
    provider::Provider,
};

/// When a refusal is given, counted from the moment at which all of the body was there. A secret may have changed,
/// and a look at it takes longer than none; whoever is refused always waits for as long as that look may take, and
/// so cannot tell whether there was one.
const REFUSED_AFTER: Duration = Duration::from_millis(200);

/// Takes deliveries in.
pub(super) struct Intake<H> {
    host: Arc<H>,
    reader: Reader,
    desk: Mutex<Desk>,
    /// The zero of the desk's clock.
    start: Instant,
    /// One delivery is judged at a time: a storm costs the process one of its threads at most.
    judging: Semaphore,
    /// There is a window to be waited for.
    windows: Notify,
}

impl<H: Host> Intake<H> {
    pub(super) fn new(host: Arc<H>) -> Self {
        Self {
            host,
            reader: Reader::new(),
            desk: Mutex::default(),
            start: Instant::now(),
            judging: Semaphore::new(1),
            windows: Notify::new(),
        }
    }

    pub(super) fn host(&self) -> &H {
        &self.host
    }

    /// Receives a delivery, and says what has become of it.
    pub(super) async fn receive(&self, provider: Provider, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let Some(proof) = Proof::read(provider, &parts.headers) else {
            body::discard(body);
            return Answer::Unauthorised;
        };
        let content = match self.reader.read(&parts.headers, body).await {
            Ok(content) => content,
            Err(answer) => return answer,
        };
        let refused_at = Instant::now() + REFUSED_AFTER;
        let delivery = Delivery { provider, proof: &proof, body: &content.bytes };
        let mut verdict = self.judge(&delivery).await;
        if let Verdict::Refused { claimed } = &verdict {
            let claimed = claimed.iter().cloned().collect();
            let refreshed = timeout_at(refused_at, self.host.refresh(claimed)).await;
            if refreshed.unwrap_or(false) {
                verdict = self.judge(&delivery).await;
            }
        }
        match verdict {
            Verdict::Accepted { receivers, fingerprint } => {
                let now = self.start.elapsed();
                let Some(due) = self.desk().take(fingerprint, receivers, now) else {
                    return Answer::Repeated;
                };
                self.trigger(&due);
                self.windows.notify_one();
                Answer::Queued
            }
            Verdict::Unwatched => Answer::Unwatched,
            Verdict::Malformed(error) => Answer::Malformed(error),
            Verdict::Refused { .. } => {
                drop(content);
                sleep_until(refused_at).await;
                Answer::Unauthorised
            }
        }
    }

    /// Triggers at the end of each window in which somebody asked, for ever.
    pub(super) async fn end_windows(&self) {
        loop {
            let next = self.desk().next();
            match next {
                Some(next) => sleep_until(self.start + next).await,
                None => self.windows.notified().await,
            }
            let due = self.desk().due(self.start.elapsed());
            self.trigger(&due);
        }
    }

    async fn judge(&self, delivery: &Delivery<'_>) -> Verdict {
        let _turn = self.judging.acquire().await;
        judge(delivery, &*self.host)
    }

    fn trigger(&self, receivers: &[Receiver]) {
        for receiver in receivers {
            tracing::info!(repository = %receiver.repository, "a webhook says that there is news");
            self.host.trigger(receiver);
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
