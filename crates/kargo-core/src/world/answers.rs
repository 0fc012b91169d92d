//! What came of the commands: applies, prunes, writes.

use kargo_api::reasons::EventReason;

use super::{
    PERMANENT_DELAY, TRANSIENT_DELAY, World,
    app::{ObjectFailure, Retry, backoff},
    event::{Accepted, ApplyFailure, ApplyOutcome, Command, Gone, Now, PruneOutcome},
};
use crate::{
    desired::Desired,
    finding::{Finding, Severity},
    marks::Mark,
    object::{AppKey, ObjectId},
};

impl World {
    pub(super) fn object_applied(&mut self, key: &AppKey, outcome: ApplyOutcome, now: Now) {
        let id = outcome.desired.id().clone();
        let left_behind = !self.apps.contains_key(key);
        match outcome.result {
            // If it is there after all, because it only lost our labels, the watch shows that too.
            Ok(Accepted { live, .. })
                if self.gone.contains_key(&(live.id.clone(), live.uid.clone())) => {}
            Ok(Accepted { mut live, remarks }) => {
                live.settle_applied(&outcome.desired);
                let as_sent = live.deleting
                    || outcome.desired.policy().apply_once
                    || (live.mark == Mark::Ours(key.clone()) && live.is_intact(&outcome.desired));
                if !as_sent {
                    let finding = Finding::error(format!(
                        "{} was stored without the labels and annotations that Kargo puts on it; something on the way changes them",
                        id.short()
                    ));
                    let finding = finding.about(&id).at(outcome.desired.location().cloned()).help(
                        "Look at the mutating admission webhooks and policies of the cluster",
                    );
                    let failure = ApplyFailure { finding, transient: false };
                    self.live_seen(*live, None);
                    self.apply_failed(key, &outcome.desired, failure, now);
                    return;
                }
                let repaired = self.apps.get_mut(key).and_then(|app| {
                    let deployment = app.deployment.as_mut()?;
                    deployment.failures.remove(&id);
                    // Notes tell of what happened once, and were Events; warnings of what stays.
                    let lasting = remarks.into_iter().filter(|it| it.severity != Severity::Note);
                    match lasting.collect::<Vec<_>>() {
                        none if none.is_empty() => drop(deployment.remarks.remove(&id)),
                        some => drop(deployment.remarks.insert(id.clone(), some)),
                    }
                    deployment.repairs.answered(&id, &live.uid)
                });
                if let Some(note) = repaired {
                    self.commands.push(Command::Tell {
                        app: key.clone(),
                        reason: EventReason::DriftRepaired,
                        note,
                    });
                }
                self.live_seen(*live, Some(&outcome.desired));
                if left_behind {
                    self.unmark(key);
                }
            }
            Err(failure) => self.apply_failed(key, &outcome.desired, failure, now),
        }
    }

    pub(super) fn apply_ended(&mut self, key: &AppKey, run: u64) {
        self.running.remove(&run);
        let oldest = self.running.first().copied().unwrap_or(u64::MAX);
        self.gone.retain(|_, newest| *newest >= oldest);
        self.with(key, |app| app.applying = app.applying.filter(|current| *current != run));
    }

    /// Remembers what went, as long as an answer from before may still come.
    pub(super) fn note_gone(&mut self, id: &ObjectId, uid: &str) {
        if !self.running.is_empty() {
            self.gone.insert((id.clone(), uid.to_owned()), self.runs);
        }
    }

    pub(super) fn apply_failed(
        &mut self,
        key: &AppKey,
        desired: &Desired,
        failure: ApplyFailure,
        now: Now,
    ) {
        let id = desired.id();
        self.with(key, |app| {
            let Some(deployment) = &mut app.deployment else { return };
            // The answer to an older desired set says nothing about this one.
            if deployment.rendered.get(id).is_none_or(|now| now.digest() != desired.digest()) {
                return;
            }
            // The write took effect and only its answer was lost: the watch has shown it already.
            if !deployment.dirty.contains(id) {
                return;
            }
            let attempts = deployment.failures.get(id).map_or(0, |before| before.attempts + 1);
            let (first, cap) = if failure.transient { TRANSIENT_DELAY } else { PERMANENT_DELAY };
            let retry_at = now.monotonic + backoff(key, attempts, first, cap);
            deployment.failures.insert(id.clone(), ObjectFailure { failure, attempts, retry_at });
        });
    }

    pub(super) fn pruned(&mut self, key: &AppKey, outcomes: Vec<PruneOutcome>, now: Now) {
        let mut findings = Vec::new();
        for outcome in outcomes {
            let candidate = outcome.candidate;
            match outcome.result {
                Ok(Gone::Deleted) => {
                    if let Some(live) =
                        self.cluster.get_mut(&candidate.id).filter(|live| live.uid == candidate.uid)
                    {
                        live.deleting = true;
                    }
                }
                // It may also belong to another app by now, and the watch has shown that already.
                Ok(Gone::NotThere) => {
                    let known = self.cluster.get(&candidate.id);
                    if known.is_some_and(|live| live.mark == Mark::Ours(key.clone())) {
                        self.live_gone(&candidate.id, &candidate.uid);
                    }
                }
                Ok(Gone::InUse(by)) => findings.push(
                    Finding::note(format!(
                        "{} left git and is still used by {by}",
                        candidate.id.short()
                    ))
                    .about(&candidate.id)
                    .help("It is deleted once nothing uses it any more"),
                ),
                Err(failure) => findings.push(failure.finding),
            }
        }
        self.with(key, |app| {
            app.pruning = None;
            let attempts = app.prune_failure.as_ref().map_or(0, |retry| retry.attempts + 1);
            app.prune_failure = (!findings.is_empty()).then(|| Retry {
                what: findings,
                attempts,
                at: now.monotonic
                    + backoff(key, attempts, TRANSIENT_DELAY.0 * 4, PERMANENT_DELAY.1),
            });
        });
    }

    pub(super) fn status_written(&mut self, key: &AppKey, stored: bool, now: Now) {
        self.with(key, |app| {
            let written = app.writing.take();
            if let Some(status) = written.filter(|_| stored) {
                app.stored = *status;
                app.status_retry_at = None;
                app.status_attempts = 0;
            } else {
                let delay =
                    backoff(key, app.status_attempts, TRANSIENT_DELAY.0 * 2, TRANSIENT_DELAY.1);
                app.status_retry_at = Some(now.monotonic + delay);
                app.status_attempts += 1;
            }
        });
        // A refused claim counts once it is durable, and so does being ready.
        self.touch_dependents(key);
        self.touch_pruning();
    }
}
