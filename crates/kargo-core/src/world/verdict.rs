//! What people are told of an app: the status, and Events when the verdict changes.
//!
//! A verdict that is final is written at once; one that is only progress is written if it still stands
//! after a moment, so that a quick deployment costs one write.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kargo_api::{
    KargoAppStatus,
    reasons::{ConditionType, EventReason, Reason},
    status::{
        CurrentState, CurrentStatus, DesiredState, DesiredStatus, HealthSummary, ObjectCounts,
        RefusedClaim,
    },
};

use super::{
    World,
    app::{App, Deployment, Phase},
    event::{Command, Failure, Now},
};
use crate::{
    finding::{self, Finding},
    marks::Mark,
    object::ObjectId,
};

/// How long a verdict that is only progress has to stand before it is written.
pub(super) const PROGRESS_DELAY: Duration = Duration::from_secs(1);

/// How many names a message lists before it counts the rest.
const NAMES_IN_A_MESSAGE: usize = 5;

/// What people have been told by Events, so that a retry tells nothing twice.
#[derive(Debug, Default)]
pub(super) struct Told {
    deployed: Option<String>,
    deploy_failure: Option<String>,
    desired_failure: Option<String>,
    held: Option<String>,
    refused: Option<String>,
    unhealthy: bool,
}

impl Told {
    /// What a former process told, as far as the stored status shows.
    pub(super) fn from_status(status: &KargoAppStatus) -> Self {
        let mut told = Self::default();
        if let Some(desired) =
            status.desired.as_ref().filter(|desired| desired.state == DesiredState::Failed)
        {
            told.desired_failure = Some(desired.message.clone());
        }
        if let Some(current) = &status.current {
            match current.state {
                CurrentState::Succeeded => told.deployed.clone_from(&current.revision),
                CurrentState::Failed => told.deploy_failure = Some(current.message.clone()),
                CurrentState::Held => told.held = Some(current.message.clone()),
                CurrentState::Deploying => {}
            }
        }
        if !status.refused_claims.is_empty() {
            told.refused = status.current.as_ref().map(|current| current.message.clone());
        }
        told
    }
}

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
        let current = app.deployment.as_ref().map(|deployment| deployment.verdict(app, self));
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
        status.conditions = conditions(app, &status, &desired, current.as_ref(), wall);
        status.message =
            condition(&status, ConditionType::Ready).map(|ready| ready.message.clone());
        Some(status)
    }

    /// Events, once for each change.
    fn tell(&mut self, app: &mut App, status: &KargoAppStatus) {
        let mut notes: Vec<(EventReason, String)> = Vec::new();
        let failed =
            status.desired.as_ref().filter(|desired| desired.state == DesiredState::Failed);
        let failure = failed.map(|desired| desired.message.clone());
        if failure != app.told.desired_failure {
            if let Some(note) = &failure {
                let source = app.load_failure.is_none();
                let reason =
                    if source { EventReason::SourceUnavailable } else { EventReason::RenderFailed };
                notes.push((reason, note.clone()));
            }
            app.told.desired_failure = failure;
        }
        if let (Some(current), Some(deployment)) = (&status.current, &app.deployment) {
            let revision = current.revision.clone();
            match current.state {
                CurrentState::Succeeded if app.told.deployed != revision => {
                    notes.push((EventReason::Deployed, current.message.clone()));
                    app.told.deployed = revision;
                    app.told.deploy_failure = None;
                }
                CurrentState::Failed
                    if app.told.deploy_failure.as_ref() != Some(&current.message) =>
                {
                    notes.push((EventReason::DeployFailed, current.message.clone()));
                    app.told.deploy_failure = Some(current.message.clone());
                    app.told.deployed = None;
                }
                CurrentState::Held if app.told.held.as_ref() != Some(&current.message) => {
                    notes.push((EventReason::PruneHeld, current.message.clone()));
                    app.told.held = Some(current.message.clone());
                }
                _ => {}
            }
            let refused = (!deployment.refused.is_empty()).then(|| current.message.clone());
            if refused != app.told.refused {
                notes.extend(refused.clone().map(|note| (EventReason::ClaimRefused, note)));
                app.told.refused = refused;
            }
            let unhealthy = deployment.phase == Phase::Settled
                && !deployment.timed_out
                && status.health == Some(HealthSummary::Degraded);
            if unhealthy && !app.told.unhealthy {
                notes.push((EventReason::Unhealthy, status.message.clone().unwrap_or_default()));
            }
            app.told.unhealthy = unhealthy;
        }
        for (reason, note) in notes {
            self.commands.push(Command::Tell { app: app.key.clone(), reason, note });
        }
    }
}

impl App {
    /// The verdict on git; `None` while the first commit since the start is on its way.
    fn desired_verdict(&self) -> Option<Verdict<DesiredState>> {
        let failed = |failure: &Failure| Verdict {
            state: DesiredState::Failed,
            reason: failure.reason,
            message: failure.message.clone(),
            findings: failure.findings.clone(),
        };
        if let Some(failure) = &self.source_failure {
            return Some(failed(failure));
        }
        let wanted = self.wanted_load();
        if let Some(retry) = &self.load_failure
            && Some(&retry.what.0) == wanted.as_ref()
        {
            return Some(failed(&retry.what.1));
        }
        let deployment = self.deployment.as_ref()?;
        let rendered = &deployment.rendered;
        let count = rendered.objects().len();
        let objects = if count == 1 { "object" } else { "objects" };
        let mut message =
            format!("commit {} was read and renders {count} {objects}", short(rendered.revision()));
        match rendered.warnings().len() {
            0 => message.push('.'),
            1 => message.push_str(", with a warning."),
            warnings => message = format!("{message}, with {warnings} warnings."),
        }
        Some(Verdict {
            state: DesiredState::Succeeded,
            reason: Reason::Rendered,
            message: capitalised(&message),
            findings: rendered.warnings().to_vec(),
        })
    }
}

impl Deployment {
    /// Takes over what a former process found out about the same commit: it does not wait again for health.
    pub(super) fn remember(&mut self, stored: &KargoAppStatus) {
        let Some(current) = &stored.current else { return };
        if current.revision.as_deref() != Some(self.rendered.revision()) {
            return;
        }
        let healthy = condition(stored, ConditionType::Healthy);
        self.timed_out = healthy.is_some_and(|found| found.reason == Reason::TimedOut.as_str());
        self.was_judged = self.timed_out || current.state == CurrentState::Succeeded;
    }

    /// The verdict on the cluster.
    fn verdict(&self, app: &App, world: &World) -> Verdict<CurrentState> {
        let revision = short(self.rendered.revision());
        let verdict = |state, reason, message: String| Verdict {
            state,
            reason,
            message,
            findings: Vec::new(),
        };
        if self.waits_for_consent_to_be_empty(app) {
            return verdict(
                CurrentState::Held,
                Reason::NothingDesired,
                format!(
                    "Commit {revision} renders no object at all, so nothing was changed. Set spec.sync.allowEmpty to true if the app is meant to be empty, or push the files that are missing."
                ),
            );
        }
        if !self.refused.is_empty() || !self.failures.is_empty() {
            return self.refusals(&revision);
        }
        if !self.held.is_empty() {
            return verdict(
                CurrentState::Held,
                Reason::PruneHeld,
                format!(
                    "Commit {revision} is deployed, and {} objects left git, more than are deleted without being asked: {}. {}",
                    self.held.len(),
                    names(&self.held),
                    how_to_confirm(app, self.rendered.revision()),
                ),
            );
        }
        if let Some(retry) = &app.prune_failure {
            let first = retry.what.first().map(ToString::to_string).unwrap_or_default();
            return Verdict {
                findings: retry.what.clone(),
                ..verdict(
                    CurrentState::Failed,
                    Reason::PruneFailed,
                    format!(
                        "Commit {revision} is deployed, but an object that left git could not be deleted: {first}"
                    ),
                )
            };
        }
        if self.timed_out {
            return verdict(
                CurrentState::Failed,
                Reason::TimedOut,
                format!(
                    "Commit {revision} was applied and did not become healthy within {}: {}",
                    app.spec.sync.timeout,
                    self.waiting_for(world)
                ),
            );
        }
        match self.phase {
            Phase::Applying => verdict(
                CurrentState::Deploying,
                Reason::Deploying,
                format!("Commit {revision} is being applied."),
            ),
            Phase::Observing { .. } => verdict(
                CurrentState::Deploying,
                Reason::Deploying,
                format!("Commit {revision} was applied. Waiting for {}", self.waiting_for(world)),
            ),
            Phase::Pruning => verdict(
                CurrentState::Deploying,
                Reason::Deploying,
                format!("Commit {revision} is healthy; what left git is being deleted."),
            ),
            Phase::Settled => {
                let kept = match self.kept.len() {
                    0 => String::new(),
                    _ => format!(
                        " Left git and kept, since their kind is never deleted without being asked: {}. {}",
                        names(&self.kept),
                        how_to_confirm(app, self.rendered.revision())
                    ),
                };
                verdict(
                    CurrentState::Succeeded,
                    Reason::Deployed,
                    format!("Commit {revision} is deployed.{kept}"),
                )
            }
        }
    }

    fn refusals(&self, revision: &str) -> Verdict<CurrentState> {
        let mut findings: Vec<Finding> =
            self.failures.values().map(|failure| failure.failure.finding.clone()).collect();
        findings.extend(self.refused.iter().map(|(id, owner)| {
            let place = self.rendered.get(id).and_then(|desired| desired.location().cloned());
            Finding::error(format!("{} belongs to KargoApp {owner} and is left to it", id.short()))
                .at(place)
                .about(id)
                .help(format!("Rename it here, or remove it from the repository of {owner}"))
        }));
        findings.sort();
        findings.dedup();
        let reason =
            if self.failures.is_empty() { Reason::ClaimedByOther } else { Reason::ApplyFailed };
        let total = self.rendered.objects().len();
        let first = findings.first().map(ToString::to_string).unwrap_or_default();
        let message = format!(
            "Commit {revision}: {} of {total} objects could not be applied; nothing was deleted. {first}",
            findings.len()
        );
        Verdict { state: CurrentState::Failed, reason, message, findings }
    }

    fn waiting_for(&self, world: &World) -> String {
        let why = |id: &ObjectId| {
            let message =
                world.cluster.get(id).map_or("not seen yet", |live| live.message.as_str());
            format!("{} ({})", id.short(), message.trim_end_matches('.'))
        };
        let mut text =
            self.unhealthy.iter().take(NAMES_IN_A_MESSAGE).map(why).collect::<Vec<_>>().join(", ");
        if let Some(more) =
            self.unhealthy.len().checked_sub(NAMES_IN_A_MESSAGE).filter(|more| *more > 0)
        {
            text = format!("{text} and {more} more");
        }
        text.push('.');
        text
    }

    /// Counts, addresses and refused claims.
    fn describe(&self, app: &App, world: &World, status: &mut KargoAppStatus) {
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let total = self.rendered.objects().len();
        status.objects = Some(ObjectCounts {
            desired: count(total),
            healthy: count(total - self.unhealthy.len()),
        });
        status.short_revision =
            status.current.as_ref().and_then(|current| current.revision.as_deref()).map(short);
        status.health = Some(if self.unhealthy.is_empty() {
            HealthSummary::Healthy
        } else if self.timed_out || !self.failures.is_empty() {
            HealthSummary::Degraded
        } else {
            HealthSummary::Progressing
        });
        let mut urls: Vec<String> = self.urls.values().flatten().cloned().collect();
        urls.dedup();
        status.url = urls.first().cloned();
        status.urls = urls;
        // What still carries the marks of another app is a claim that a restart would not know of otherwise.
        let mut claims = self.refused.clone();
        for id in &self.dirty {
            if let Some(Mark::Ours(owner)) = world.cluster.get(id).map(|live| &live.mark)
                && *owner != app.key
                && world.apps.contains_key(owner)
            {
                claims.entry(id.clone()).or_insert_with(|| owner.clone());
            }
        }
        status.refused_claims = claims
            .iter()
            .map(|(id, owner)| RefusedClaim { object: id.to_string(), owner: owner.to_string() })
            .collect();
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
    let message =
        format!("Looking for branch {} of {}.", app.spec.source.branch, app.spec.source.repo_url);
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

fn desired_status(app: &App, verdict: &Verdict<DesiredState>, wall: Timestamp) -> DesiredStatus {
    let failed = verdict.state == DesiredState::Failed;
    let rendered =
        app.deployment.as_ref().map(|deployment| &deployment.rendered).filter(|_| !failed);
    let revision = match (&app.source_failure, rendered) {
        (Some(_), _) => None,
        (None, Some(rendered)) => Some(rendered.revision().to_owned()),
        (None, None) => app.tip.clone(),
    };
    let (findings, findings_left_out) = finding::to_status(&verdict.findings);
    let mut status = DesiredStatus {
        state: verdict.state,
        revision,
        digest: rendered.map(|rendered| rendered.digest().to_owned()),
        message: verdict.message.clone(),
        time: None,
        findings,
        findings_left_out,
    };
    let before = app.stored.desired.as_ref();
    let same = before.filter(|old| (old.state, &old.revision) == (status.state, &status.revision));
    status.time = Some(same.and_then(|old| old.time.clone()).unwrap_or(Time(wall)));
    status
}

fn current_status(
    app: &App,
    deployment: &Deployment,
    verdict: &Verdict<CurrentState>,
    wall: Timestamp,
) -> CurrentStatus {
    let held_empty = deployment.waits_for_consent_to_be_empty(app);
    let before = app.stored.current.as_ref();
    let revision = if held_empty {
        before.and_then(|old| old.revision.clone())
    } else {
        Some(deployment.rendered.revision().to_owned())
    };
    let (findings, findings_left_out) = finding::to_status(&verdict.findings);
    let mut status = CurrentStatus {
        state: verdict.state,
        revision,
        message: verdict.message.clone(),
        time: None,
        findings,
        findings_left_out,
    };
    let same = before.filter(|old| (old.state, &old.revision) == (status.state, &status.revision));
    status.time = Some(same.and_then(|old| old.time.clone()).unwrap_or(Time(wall)));
    status
}

/// Carries over everything that is about the cluster.
fn keep_current(stored: &KargoAppStatus, status: &mut KargoAppStatus) {
    status.current.clone_from(&stored.current);
    status.health = stored.health;
    status.short_revision.clone_from(&stored.short_revision);
    status.objects = stored.objects;
    status.url.clone_from(&stored.url);
    status.urls.clone_from(&stored.urls);
    status.refused_claims.clone_from(&stored.refused_claims);
}

fn conditions(
    app: &App,
    status: &KargoAppStatus,
    desired: &Verdict<DesiredState>,
    current: Option<&Verdict<CurrentState>>,
    wall: Timestamp,
) -> Vec<Condition> {
    let mut list = List { app, wall, conditions: Vec::new() };
    let stale_only = desired.reason == Reason::SourceUnavailable;
    let kept = app.stored.current.as_ref().filter(|_| current.is_none());
    let state = current.map(|current| current.state).or(kept.map(|kept| kept.state));
    let cluster = current.map(|current| (current.reason, current.message.as_str()));
    let healthy = status.health == Some(HealthSummary::Healthy);

    // Ready: the newest commit is deployed and up. Git that cannot be asked for a while does not take that back.
    let (ready, reason, message) = match (desired.state, state) {
        (DesiredState::Failed, _) if !stale_only => {
            (false, desired.reason, desired.message.as_str())
        }
        (DesiredState::Loading, _) => (false, Reason::Loading, desired.message.as_str()),
        (_, Some(CurrentState::Succeeded)) if healthy => {
            let (reason, message) = cluster
                .unwrap_or((Reason::Deployed, kept.map_or("", |kept| kept.message.as_str())));
            (true, reason, message)
        }
        (_, Some(CurrentState::Succeeded)) => {
            (false, Reason::Unhealthy, "Something that was healthy is not any more.")
        }
        (_, Some(_)) => cluster
            .map_or((false, Reason::Deploying, ""), |(reason, message)| (false, reason, message)),
        (_, None) => (false, desired.reason, desired.message.as_str()),
    };
    let waits = matches!(state, Some(CurrentState::Deploying | CurrentState::Succeeded))
        || desired.state == DesiredState::Loading
        || (stale_only && !ready);
    let reconciling = !ready && waits && (desired.state != DesiredState::Failed || stale_only);
    let stalled = !ready && !reconciling;
    list.push(ConditionType::Ready, ready, reason, message);
    if reconciling {
        list.push(ConditionType::Reconciling, true, Reason::Progressing, message);
        list.push(ConditionType::Stalled, false, Reason::Progressing, "");
    } else {
        list.push(ConditionType::Reconciling, false, Reason::UpToDate, "");
        let reason = if stalled { Reason::NeedsChange } else { Reason::UpToDate };
        list.push(ConditionType::Stalled, stalled, reason, if stalled { message } else { "" });
    }
    if desired.state != DesiredState::Loading {
        list.push(
            ConditionType::Rendered,
            desired.state == DesiredState::Succeeded,
            desired.reason,
            &desired.message,
        );
    }
    if let (Some(deployment), Some(current)) = (&app.deployment, current) {
        let refused = matches!(
            current.reason,
            Reason::ApplyFailed | Reason::ClaimedByOther | Reason::NothingDesired
        );
        if refused || deployment.phase == Phase::Applying {
            list.push(ConditionType::Applied, false, current.reason, &current.message);
        } else {
            list.push(ConditionType::Applied, true, Reason::Applied, "");
        }
        let reason = if healthy {
            Reason::Healthy
        } else if deployment.timed_out {
            Reason::TimedOut
        } else {
            Reason::Progressing
        };
        list.push(
            ConditionType::Healthy,
            healthy,
            reason,
            if healthy { "" } else { current.message.as_str() },
        );
        let held = current.state == CurrentState::Held || !deployment.kept.is_empty();
        let reason = match (held, current.state) {
            (false, _) => Reason::NotHeld,
            (true, CurrentState::Held) => current.reason,
            (true, _) => Reason::PruneHeld,
        };
        list.push(
            ConditionType::Held,
            held,
            reason,
            if held { current.message.as_str() } else { "" },
        );
    } else {
        list.keep(&[ConditionType::Applied, ConditionType::Healthy, ConditionType::Held]);
    }
    list.conditions
}

/// Conditions under construction: transition times are kept where the status stays.
struct List<'a> {
    app: &'a App,
    wall: Timestamp,
    conditions: Vec<Condition>,
}

impl List<'_> {
    fn push(&mut self, kind: ConditionType, value: bool, reason: Reason, message: &str) {
        let status = if value { "True" } else { "False" };
        let before = condition(&self.app.stored, kind).filter(|old| old.status == status);
        self.conditions.push(Condition {
            type_: kind.as_str().to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: Some(self.app.generation),
            last_transition_time: before
                .map_or(Time(self.wall), |old| old.last_transition_time.clone()),
        });
    }

    fn keep(&mut self, kinds: &[ConditionType]) {
        self.conditions
            .extend(kinds.iter().filter_map(|kind| condition(&self.app.stored, *kind)).cloned());
    }
}

fn condition(status: &KargoAppStatus, kind: ConditionType) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind.as_str())
}

fn names(ids: &[ObjectId]) -> String {
    let shown: Vec<String> = ids.iter().take(NAMES_IN_A_MESSAGE * 4).map(ObjectId::short).collect();
    match ids.len().checked_sub(shown.len()).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

/// The command that gives consent.
fn how_to_confirm(app: &App, revision: &str) -> String {
    let annotation = kargo_api::names::CONFIRM_PRUNE_ANNOTATION;
    format!(
        "To delete them: kubectl annotate kargoapp {} -n {} --overwrite {annotation}={revision}",
        app.key.name, app.key.namespace
    )
}

/// A commit id as people read it.
fn short(revision: &str) -> String {
    revision.chars().take(8).collect()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
