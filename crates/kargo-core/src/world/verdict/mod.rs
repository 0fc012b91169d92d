//! What people are told of an app: the status, and Events when the verdict changes.
//!
//! A verdict that is final is written at once; one that is only progress is written if it still stands
//! after a moment, so that a quick deployment costs one write.
//!
//! - `desired`: the verdict on git. `current`: the verdict on the cluster.
//! - `history`: what was deployed before. `conditions`: both verdicts as conditions. `told`: both as Events. `words`: names in sentences.

mod conditions;
mod current;
mod desired;
mod history;
mod told;
mod words;

use std::time::Duration;

use conditions::conditions;
use current::{current_status, hold_current, keep_current};
use desired::desired_status;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kargo_api::{
    KargoAppStatus,
    reasons::{ConditionType, Reason},
    status::{DesiredState, DesiredStatus},
};
pub(in crate::world) use told::Told;
pub(in crate::world) use words::{how_to_request, short};

use super::{
    World,
    app::{App, Phase},
    event::{Command, Now},
    gate::Hold,
};
use crate::finding::Finding;

/// How long a verdict that is only progress has to stand before it is written.
pub(super) const PROGRESS_DELAY: Duration = Duration::from_secs(1);

/// A state with its reason and a sentence.
struct Verdict<S> {
    state: S,
    reason: Reason,
    message: String,
    findings: Vec<Finding>,
}

impl World {
    /// Writes the status and tells people, where the verdict has changed.
    pub(super) fn report(&mut self, app: &mut App, now: Now) {
        if app.progresses_unread(now) {
            return;
        }
        let Some(status) = self.verdict(app, now.wall) else { return };
        self.tell(app, &status);
        let as_written = app.writing.as_deref().unwrap_or(&app.stored);
        // After a failed write nobody knows what is stored: its answer may have been lost.
        if *as_written == status && app.status_attempts == 0 {
            app.verdict_waits_since = None;
            return;
        }
        if app.writing.is_some() || app.status_retry_at.is_some_and(|at| now.monotonic < at) {
            return;
        }
        let is_progress = condition(&status, ConditionType::Reconciling)
            .is_some_and(|found| found.status == "True");
        if is_progress || is_same_verdict(as_written, &status) {
            let since = *app.verdict_waits_since.get_or_insert(now.monotonic);
            if now.monotonic < since + PROGRESS_DELAY {
                return;
            }
        }
        app.verdict_waits_since = None;
        app.writing = Some(Box::new(status.clone()));
        self.commands.push(Command::WriteStatus {
            app: app.key.clone(),
            uid: app.uid.clone(),
            status: Box::new(status),
        });
    }

    /// The status as it should be; `None` while nothing is known that was not known to a former process.
    fn verdict(&self, app: &App, wall: Timestamp) -> Option<KargoAppStatus> {
        let desired = app.desired_verdict();
        let Some(desired) = desired else {
            // Loading for the first time: said once, and never over an older verdict.
            let first = app.stored.observed_generation.is_none();
            return first.then(|| loading(app, wall));
        };
        if app.deployment.as_ref().is_some_and(|deployment| !app.is_about_the_spec(deployment)) {
            // The spec asks for something else by now, and nothing is known of that yet.
            return None;
        }
        let current = app.deployment.as_ref().map(|deployment| {
            let mut verdict = deployment.verdict(app, self);
            verdict.findings.extend(deployment.worth_knowing(app, self));
            verdict
        });
        let mut status = KargoAppStatus {
            observed_generation: Some(app.generation),
            ..KargoAppStatus::default()
        };

        status.desired = Some(desired_status(app, &desired, wall));
        if let (Some(deployment), Some(current)) = (&app.deployment, &current) {
            status.current = Some(current_status(app, deployment, current, wall));
            deployment.describe(app, self, &mut status);
        } else {
            // Nothing was rendered since the start of the process: what is deployed is what it was.
            keep_current(&app.stored, &mut status);
        }
        if let Some(hold) = app.hold.as_ref().filter(|hold| **hold == Hold::Empty) {
            hold_current(app, hold, &mut status, wall);
        }
        status.history = history::updated(&app.stored.history, status.current.as_ref());
        status.last_handled_sync.clone_from(&app.handled_sync);
        status.conditions = conditions(app, &status, &desired, current.as_ref(), wall);
        status.message =
            condition(&status, ConditionType::Ready).map(|ready| ready.message.clone());
        Some(status)
    }
}

impl App {
    /// Whether objects are being sent, nothing has failed, and the moment to write that has not come: whatever
    /// the verdict is by now, it is only progress. With thousands of objects, most of the time would go into it.
    fn progresses_unread(&self, now: Now) -> bool {
        let waits = self.verdict_waits_since.is_some_and(|at| now.monotonic < at + PROGRESS_DELAY);
        waits
            && self.applying.is_some()
            && self.load_failure.is_none()
            && self.source_failure.is_none()
            && self.deployment.as_ref().is_some_and(|deployment| {
                deployment.phase == Phase::Applying
                    && deployment.failures.is_empty()
                    && !deployment.dirty.is_empty()
            })
    }
}

/// Whether two statuses differ in counts and addresses at most. Those change often while many objects come
/// up; they are no verdict of their own.
fn is_same_verdict(left: &KargoAppStatus, right: &KargoAppStatus) -> bool {
    let verdict = |status: &KargoAppStatus| KargoAppStatus {
        health: None,
        objects: None,
        url: None,
        urls: Vec::new(),
        ..status.clone()
    };
    verdict(left) == verdict(right)
}

fn loading(app: &App, wall: Timestamp) -> KargoAppStatus {
    let source = &app.spec.source;
    let message = format!("Looking for {} of {}.", source.reference(), source.repo_url);
    let mut status = KargoAppStatus {
        observed_generation: Some(app.generation),
        message: Some(message.clone()),
        desired: Some(DesiredStatus {
            state: DesiredState::Loading,
            revision: None,
            digest: None,
            message: message.clone(),
            time: Some(Time(wall)),
            findings: Vec::new(),
            findings_left_out: None,
        }),
        ..KargoAppStatus::default()
    };
    let verdict = Verdict {
        state: DesiredState::Loading,
        reason: Reason::Loading,
        message,
        findings: Vec::new(),
    };
    status.conditions = conditions(app, &status, &verdict, None, wall);
    status
}

pub(in crate::world) fn condition(
    status: &KargoAppStatus,
    kind: ConditionType,
) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind.as_str())
}
