//! When a remote is asked, and what its answer means.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::{Duration, Instant},
};

use kargo_api::{
    SourceReference,
    reasons::{EventReason, Reason},
};
use kargo_core::{
    object::AppKey,
    world::event::{Event, Failure, Subscription},
};
use kargo_git::{Cause, CommitId, Reference, Remote, Store};
use tokio::sync::{Notify, mpsc};

use super::{Subscribers, Target, lock, remote};
use crate::{cluster::Cluster, metrics::Metrics, recorder::Recorder};

/// A remote that fails this often in a row is asked less and less often.
const PATIENCE: u32 = 3;

/// The longest time between two attempts at a failing remote.
const LONGEST_DELAY: Duration = Duration::from_mins(10);

/// Those who asked, and the loads that follow, have a head start of this over all others who share the remote:
/// a thousand apps whose files a push does not touch.
const HEAD_START: Duration = Duration::from_millis(200);

/// One poller.
pub(super) struct Poll {
    pub(super) store: Arc<Store>,
    pub(super) cluster: Cluster,
    pub(super) target: Target,
    pub(super) subscribers: Arc<std::sync::Mutex<Subscribers>>,
    pub(super) wake: Arc<Notify>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) metrics: Metrics,
    pub(super) recorder: Recorder,
}

/// What came of one question.
struct Answer {
    commit: Result<String, Failure>,
    /// What was asked; `None` if there was nothing to ask with.
    remote: Option<Remote>,
    /// Whether the remote, or the way to it, is at fault.
    failed: bool,
    /// Until when the server wants to be left alone.
    retry_after: Option<Duration>,
}

impl Poll {
    pub(super) async fn run(self) {
        let mut failures: u32 = 0;
        let mut turn: u64 = 0;
        let mut tip: Option<String> = None;
        loop {
            // Who asks while the request is under way is told what the next one finds.
            let untold = std::mem::take(&mut lock(&self.subscribers).untold);
            let answer = self.ask().await;
            failures = if answer.failed { failures.saturating_add(1) } else { 0 };
            let Some(interval) = self.tell(&answer.commit, &untold).await else { return };
            if let (Ok(new), Some(remote)) = (&answer.commit, &answer.remote)
                && let Some(old) = tip.replace(new.clone()).filter(|old| old != new)
            {
                tokio::time::sleep(HEAD_START).await;
                self.notice_force_push(remote, &old, new).await;
            }
            turn += 1;
            let delay = match &self.target.reference {
                // What it names can only change with the spec, or with the Secret that did not work.
                SourceReference::Revision(_) if answer.commit.is_ok() => None,
                _ => Some(delay(&self.target, interval, failures, turn)),
            };
            let delay = delay.map(|delay| delay.max(answer.retry_after.unwrap_or_default()));
            self.wait(delay, interval, answer.remote.filter(|_| answer.failed)).await;
        }
    }

    /// Tells the answer to those who do not know it. The result is how often it is wanted; `None` at the end.
    async fn tell(
        &self,
        answer: &Result<String, Failure>,
        untold: &BTreeSet<AppKey>,
    ) -> Option<Duration> {
        let (told, interval) = {
            let mut subscribers = lock(&self.subscribers);
            let changed = subscribers.last.as_ref() != Some(answer);
            subscribers.last = Some(answer.clone());
            let mut told = subscribers.apps.clone();
            told.retain(|app, _| changed || untold.contains(app));
            (told, subscribers.interval())
        };
        let (asked, others): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|(app, _)| untold.contains(app));
        let pause = if asked.is_empty() || others.is_empty() { None } else { Some(HEAD_START) };
        for (app, subscription) in asked {
            self.tell_one(app, subscription, answer).await?;
        }
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        for (app, subscription) in others {
            self.tell_one(app, subscription, answer).await?;
        }
        Some(interval.unwrap_or(LONGEST_DELAY))
    }

    async fn tell_one(
        &self,
        app: AppKey,
        subscription: Subscription,
        answer: &Result<String, Failure>,
    ) -> Option<()> {
        let tip = answer.clone();
        self.events.send(Event::TipSeen { app, subscription, tip }).await.ok()
    }

    /// Sleeps until it is time, somebody wants to know now, or the Secret that did not work has changed.
    async fn wait(&self, delay: Option<Duration>, interval: Duration, failed: Option<Remote>) {
        let until = delay.map(|delay| Instant::now() + delay);
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let watches_secret = failed.is_some() && self.target.secret.is_some();
            let nap = if watches_secret { left.map(|left| left.min(interval)) } else { left };
            let sleep = async {
                match nap {
                    Some(nap) => tokio::time::sleep(nap).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                () = self.wake.notified() => return,
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return;
            }
            let now = self.remote().await;
            if now.is_ok_and(|now| failed.as_ref() != Some(&now)) {
                return;
            }
        }
    }

    async fn remote(&self) -> Result<Remote, Failure> {
        remote(&self.cluster, &self.target.repo_url, self.target.secret.as_ref()).await
    }

    async fn ask(&self) -> Answer {
        let broken = |failure| Answer {
            commit: Err(failure),
            remote: None,
            failed: false,
            retry_after: None,
        };
        let reference = match reference(&self.target.reference) {
            Ok(reference) => reference,
            Err(failure) => return broken(failure),
        };
        let remote = match self.remote().await {
            Ok(remote) => remote,
            Err(failure) => return broken(failure),
        };
        let answer = self.store.resolve(&remote, &reference).await;
        self.metrics.git_request("resolve", answer.is_ok());
        let (failed, retry_after) = match &answer {
            Ok(_) => (false, None),
            Err(error) => (!is_answer(error.cause()), error.retry_after()),
        };
        let commit = answer.map(|commit| commit.to_string()).map_err(|error| failure(&error));
        Answer { commit, remote: Some(remote), failed, retry_after }
    }

    /// Says it if the history of `new` does not hold `old`.
    async fn notice_force_push(&self, remote: &Remote, old: &str, new: &str) {
        let SourceReference::Branch(branch) = &self.target.reference else { return };
        let (Ok(old_id), Ok(new_id)) = (old.parse::<CommitId>(), new.parse::<CommitId>()) else {
            return;
        };
        match self.store.descends(remote, new_id, old_id).await {
            Ok(Some(false)) => {}
            Ok(Some(true) | None) => return,
            Err(error) => {
                tracing::debug!(%error, "whether a push was forced is not known");
                return;
            }
        }
        let note = format!(
            "Branch {branch} of {} was force-pushed: {} is not part of its history any more. {} is deployed in its place.",
            remote.url(),
            old_id.short(),
            new_id.short(),
        );
        tracing::info!(repository = %remote.url(), branch, old, new, "a branch was force-pushed");
        let apps: Vec<_> = lock(&self.subscribers).apps.keys().cloned().collect();
        for app in apps {
            self.recorder.tell(&app, EventReason::ForcePushed, &note);
        }
    }
}

/// What the store is asked for.
fn reference(reference: &SourceReference) -> Result<Reference, Failure> {
    Ok(match reference {
        SourceReference::Branch(branch) => Reference::Branch(branch.clone()),
        SourceReference::Tag(tag) => Reference::Tag(tag.clone()),
        SourceReference::Revision(revision) => {
            Reference::Commit(revision.parse().map_err(|error: kargo_git::object::IdError| {
                Failure {
                    reason: Reason::InvalidSpec,
                    message: format!("spec.source.revision cannot be used: {error}"),
                    findings: Vec::new(),
                    transient: false,
                }
            })?)
        }
    })
}

/// Whether the remote has answered well: it is there and works, and what was asked for is not in it.
fn is_answer(cause: &Cause) -> bool {
    matches!(cause, Cause::BranchMissing { .. } | Cause::TagMissing { .. } | Cause::RepositoryEmpty)
}

/// The interval, spread a little so that many remotes are not asked at the same moment; longer and longer
/// for a remote that fails.
fn delay(target: &Target, interval: Duration, failures: u32, turn: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    (target, turn).hash(&mut hasher);
    let spread =
        interval.mul_f64(f64::from(u32::try_from(hasher.finish() % 100).unwrap_or(0)) / 1000.0);
    let factor = 1 << failures.saturating_sub(PATIENCE).min(8);
    (interval * factor).min(LONGEST_DELAY.max(interval)).saturating_sub(spread)
}

/// What a failure of git means for an app.
pub(crate) fn failure(error: &kargo_git::Error) -> Failure {
    let reason = match error.cause() {
        Cause::BranchMissing { .. } | Cause::TagMissing { .. } | Cause::RepositoryEmpty => {
            Reason::BranchMissing
        }
        Cause::Distrusted { .. } => Reason::Untrusted,
        _ => Reason::SourceUnavailable,
    };
    // Only what lies in the commit itself stays as it is until there is another one: a Secret, a server or a
    // network may be put right without anybody telling us.
    let transient = !matches!(
        error.cause(),
        Cause::TooLarge { .. } | Cause::NotACommit { .. } | Cause::Unsupported { .. }
    );
    Failure { reason, message: error.to_string(), findings: Vec::new(), transient }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_DELAY, Target, delay, is_answer};
    use kargo_api::SourceReference;
    use kargo_git::Cause;
    use std::time::Duration;

    fn target(name: &str) -> Target {
        Target {
            repo_url: format!("https://git.example/{name}"),
            reference: SourceReference::Branch("main".to_owned()),
            secret: None,
        }
    }

    #[test]
    fn a_remote_that_fails_is_asked_less_and_less_often_up_to_a_cap() {
        let interval = Duration::from_secs(30);
        let at = |failures| delay(&target("shop"), interval, failures, 1).as_secs();
        for (failures, most) in
            [(0, 30), (1, 30), (3, 30), (4, 60), (5, 120), (7, 480), (8, 600), (50, 600)]
        {
            let found = at(failures);
            assert!((most - 3..=most).contains(&found), "{failures} failures: {found} s");
        }
        let long = Duration::from_hours(1);
        assert!(delay(&target("shop"), long, 50, 1) > LONGEST_DELAY, "never below the interval");
    }

    #[test]
    fn remotes_are_not_asked_all_at_the_same_moment() {
        let interval = Duration::from_secs(30);
        let moments = (0..100)
            .map(|number| delay(&target(&number.to_string()), interval, 0, 1))
            .collect::<std::collections::BTreeSet<_>>();
        assert!(moments.len() > 50, "{} different delays", moments.len());
        assert!(moments.iter().all(|delay| *delay <= interval && *delay >= interval.mul_f64(0.9)));
    }

    #[test]
    fn what_is_not_in_a_repository_that_answers_is_no_reason_to_stay_away() {
        assert!(is_answer(&Cause::RepositoryEmpty));
        assert!(!is_answer(&Cause::NotFoundOrPrivate { authenticated: false }));
        assert!(!is_answer(&Cause::RateLimited { retry_after: None }));
    }
}
