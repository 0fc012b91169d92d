//! One term of a holder, and the gate that every write passes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How many writes are under way at once.
const WRITES_AT_ONCE: usize = 16;

/// The time from one acquisition of the lease to its loss. What was started in one term can never write in another.
#[derive(Debug, Clone)]
pub struct Term(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Until when writes may begin; `None` if there is no lease and so no end.
    until: Option<Mutex<Instant>>,
    write_deadline: Duration,
    slots: Arc<Semaphore>,
    ended: CancellationToken,
}

/// A place among the writes that are under way at once. It is no permission yet.
#[derive(Debug)]
pub struct Turn {
    term: Term,
    slot: OwnedSemaphorePermit,
}

/// Permission for one write that begins now. There is no other way to get one than to hold the lease.
#[derive(Debug)]
pub struct WritePermit {
    ended: CancellationToken,
    deadline: Duration,
    _slot: OwnedSemaphorePermit,
}

/// This process may not write: it does not hold the lease, or cannot be sure that it still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHolding;

impl Term {
    pub(super) fn new(until: Instant, write_deadline: Duration) -> Self {
        Self::with(Some(Mutex::new(until)), write_deadline)
    }

    /// The term of a process that was told to do without a lease.
    pub fn without_lease(write_deadline: Duration) -> Self {
        Self::with(None, write_deadline)
    }

    fn with(until: Option<Mutex<Instant>>, write_deadline: Duration) -> Self {
        let slots = Arc::new(Semaphore::new(WRITES_AT_ONCE));
        Self(Arc::new(Inner { until, write_deadline, slots, ended: CancellationToken::new() }))
    }

    /// Waits for a place among the writes.
    pub async fn turn(&self) -> Result<Turn, NotHolding> {
        let slots = Arc::clone(&self.0.slots);
        let slot = tokio::select! {
            biased;
            () = self.0.ended.cancelled() => return Err(NotHolding),
            slot = slots.acquire_owned() => slot.map_err(|_| NotHolding)?,
        };
        Ok(Turn { term: self.clone(), slot })
    }

    /// Whether a write may begin now. Needs no thread to be scheduled to become false.
    pub fn is_held(&self) -> bool {
        let in_time = self.0.until.as_ref().is_none_or(|until| {
            Instant::now() < *until.lock().unwrap_or_else(PoisonError::into_inner)
        });
        in_time && !self.0.ended.is_cancelled()
    }

    /// Resolves when the term is over.
    pub async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    pub(super) fn extend(&self, to: Instant) {
        if let Some(until) = &self.0.until {
            *until.lock().unwrap_or_else(PoisonError::into_inner) = to;
        }
    }

    /// No write begins any more, and those under way are given up.
    pub fn end(&self) {
        self.0.ended.cancel();
    }

    /// No write begins any more; those under way are waited for, but not longer than this, and then given up.
    pub async fn finish(&self, grace: Duration) {
        let writes = u32::try_from(WRITES_AT_ONCE).unwrap_or(u32::MAX);
        // The slots are handed out in order: who asks from now on stands behind this.
        let all = tokio::time::timeout(grace, self.0.slots.acquire_many(writes)).await;
        if all.is_err() {
            tracing::warn!("writes that are still under way are given up");
        }
        self.0.slots.close();
        self.end();
    }
}

impl Turn {
    /// The permission, if the lease is held at this very moment.
    pub fn permit(self) -> Result<WritePermit, NotHolding> {
        if !self.term.is_held() {
            return Err(NotHolding);
        }
        let inner = &self.term.0;
        let (ended, deadline) = (inner.ended.clone(), inner.write_deadline);
        Ok(WritePermit { ended, deadline, _slot: self.slot })
    }
}

impl WritePermit {
    /// Runs a write: to its deadline, and not after the term is over.
    pub(crate) async fn run<T>(
        self,
        write: impl Future<Output = T>,
    ) -> Result<Option<T>, NotHolding> {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Err(NotHolding),
            answer = tokio::time::timeout(self.deadline, write) => Ok(answer.ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn permit_of(term: &Term) -> Result<WritePermit, NotHolding> {
        term.turn().await?.permit()
    }

    fn held() -> Term {
        Term::new(Instant::now() + Duration::from_hours(1), SECOND)
    }

    #[tokio::test]
    async fn there_is_a_permit_while_the_lease_is_held_and_none_after() {
        let term = held();
        assert!(permit_of(&term).await.is_ok());
        term.extend(Instant::now());
        assert!(permit_of(&term).await.is_err(), "its time has run out");
        term.extend(Instant::now() + Duration::from_hours(1));
        assert!(permit_of(&term).await.is_ok(), "it was renewed");
        term.end();
        assert!(permit_of(&term).await.is_err(), "it was lost");
    }

    #[tokio::test]
    async fn a_write_under_way_is_given_up_when_the_term_ends() {
        let term = held();
        let permit = permit_of(&term).await.expect("it is held");
        let write = tokio::spawn(permit.run(std::future::pending::<()>()));
        term.end();
        assert_eq!(write.await.expect("it ends"), Err(NotHolding));
    }

    #[tokio::test]
    async fn a_write_has_a_deadline() {
        let term = Term::without_lease(Duration::from_millis(1));
        let permit = permit_of(&term).await.expect("there is no lease to be lost");
        assert_eq!(permit.run(std::future::pending::<()>()).await, Ok(None));
    }

    #[tokio::test]
    async fn a_stop_waits_for_the_writes_under_way_and_lets_none_begin() {
        let term = held();
        let permit = permit_of(&term).await.expect("it is held");
        let (finish, answer) = tokio::sync::oneshot::channel();
        let write = tokio::spawn(permit.run(answer));
        let stopping = tokio::spawn({
            let term = term.clone();
            async move { term.finish(Duration::from_mins(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(!stopping.is_finished(), "a write is under way");
        finish.send(5).expect("it waits");
        assert_eq!(write.await.expect("it ends"), Ok(Some(Ok(5))));
        stopping.await.expect("it ends");
        assert!(permit_of(&term).await.is_err());
    }
}
