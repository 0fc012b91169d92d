//! The current state: how far the deployment got.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kargo_api::{
    KargoAppStatus, SourceReference,
    reasons::{ConditionType, Reason},
    status::{CurrentState, CurrentStatus, HealthSummary, ObjectCounts, RefusedClaim},
};

use super::{
    Verdict, condition,
    words::{NAMES_IN_A_MESSAGE, how_to_confirm, how_to_request, names, short},
};
use crate::{
    finding::{self, Finding, Severity},
    finished,
    marks::Mark,
    object::ObjectId,
    world::{
        World,
        app::{App, Deployment, Phase, Retry},
        gate::Hold,
    },
};

impl Deployment {
    /// Takes over what a former process found out about the same set: it does not wait again for health.
    pub(in crate::world) fn remember(&mut self, stored: &KargoAppStatus) {
        self.finished = finished::from_status(&stored.finished);
        self.forget_other_runs();
        self.remember_remarks(stored);
        let Some(current) = &stored.current else { return };
        if current.digest.as_deref() != Some(self.rendered.digest()) {
            return;
        }
        let healthy = condition(stored, ConditionType::Healthy);
        self.timed_out = healthy.is_some_and(|found| found.reason == Reason::TimedOut.as_str());
        let drifted = condition(stored, ConditionType::Drifted);
        self.was_judged = self.timed_out
            || drifted.is_some_and(|found| found.status == "True")
            || current.state == CurrentState::Succeeded
            || healthy.is_some_and(|found| found.status == "True");
    }

    /// Warnings that came with the answers to a former process's applies.
    fn remember_remarks(&mut self, stored: &KargoAppStatus) {
        let Some(current) = &stored.current else { return };
        if current.digest.as_deref() != Some(self.rendered.digest()) {
            return;
        }
        let warnings =
            current.findings.iter().filter(|finding| finding.severity == Severity::Warning);
        for warning in warnings {
            let about = self
                .rendered
                .objects()
                .find(|desired| warning.object.as_deref() == Some(desired.id().short().as_str()));
            if let Some(desired) = about {
                let finding = Finding::warning(warning.message.clone())
                    .about(desired.id())
                    .at(desired.location().cloned());
                self.remarks.entry(desired.id().clone()).or_default().push(finding);
            }
        }
    }

    /// The verdict on the cluster.
    pub(super) fn verdict(&self, app: &App, world: &World) -> Verdict<CurrentState> {
        let revision = short(self.rendered.revision());
        let verdict = |state, reason, message: String| Verdict {
            state,
            reason,
            message,
            findings: Vec::new(),
        };
        if self.phase == Phase::Applying && self.is_under_way(world) {
            return verdict(
                CurrentState::Deploying,
                Reason::Deploying,
                format!("Commit {revision} is being applied."),
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
        let waits_for_users = |retry: &Retry<Vec<Finding>>| {
            retry.what.iter().all(|finding| finding.severity == Severity::Note)
        };
        if let Some(retry) = app.prune_failure.as_ref().filter(|retry| !waits_for_users(retry)) {
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
        let unrepaired = self.unrepaired(app);
        if !unrepaired.is_empty() {
            return verdict(
                CurrentState::Held,
                Reason::Drifted,
                format!(
                    "Commit {revision} is deployed, and somebody changed by hand what git has otherwise: {}. It stays, since spec.sync.selfHeal is false. {}",
                    names(&unrepaired),
                    how_to_request(app, "put it back"),
                ),
            );
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
        if let Some(retry) = app.prune_failure.as_ref().filter(|_| self.phase == Phase::Pruning) {
            // What is still in use goes later; all that is desired stands.
            let first = retry.what.first().map(ToString::to_string).unwrap_or_default();
            return Verdict {
                findings: retry.what.clone(),
                ..verdict(
                    CurrentState::Succeeded,
                    Reason::Deployed,
                    format!("Commit {revision} is deployed. {first}"),
                )
            };
        }
        match self.phase {
            Phase::Applying => verdict(
                CurrentState::Deploying,
                Reason::Deploying,
                match self.going(world).as_slice() {
                    [] => format!("Commit {revision} is being applied."),
                    going => format!(
                        "Commit {revision} is being applied. Being deleted, and made anew as soon as they are gone: {}. Look at their finalizers if that takes long.",
                        names(going)
                    ),
                },
            ),
            Phase::Observing { .. } => verdict(
                CurrentState::Deploying,
                Reason::Deploying,
                format!(
                    "Commit {revision} was applied{}. Waiting for {}",
                    self.progress(),
                    self.waiting_for(world)
                ),
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
                let pinned = match app.spec.source.reference() {
                    SourceReference::Revision(_) => " and pinned by spec.source.revision",
                    SourceReference::Branch(_) | SourceReference::Tag(_) => "",
                };
                verdict(
                    CurrentState::Succeeded,
                    Reason::Deployed,
                    format!("Commit {revision} is deployed{pinned}.{kept}"),
                )
            }
        }
    }

    /// Whether an object has still to be tried, so that nobody can say yet what was refused and what was not.
    fn is_under_way(&self, world: &World) -> bool {
        self.dirty.iter().any(|id| {
            let is_going = world.cluster.get(id).is_some_and(|live| live.deleting);
            !is_going && !self.failures.contains_key(id) && !self.refused.contains_key(id)
        })
    }

    /// Objects that somebody deletes and that are not gone yet.
    fn going(&self, world: &World) -> Vec<ObjectId> {
        let is_going = |id: &&ObjectId| world.cluster.get(id).is_some_and(|live| live.deleting);
        let mut going: Vec<ObjectId> = self.dirty.iter().filter(is_going).cloned().collect();
        going.sort();
        going
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

    /// What is said beside the verdict: what admission changed, who fights, what others set beside us.
    pub(super) fn worth_knowing(&self, app: &App, world: &World) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.remarks.values().flatten().cloned().collect();
        findings.extend(self.fights.iter().map(|fight| {
            Finding::warning(fight.words())
                .about(&fight.object)
                .help("Take the field out of git, or stop whoever changes it; Kargo puts it back less often")
        }));
        for desired in self.rendered.objects() {
            let live = world.cluster.get(desired.id());
            if let Some(live) = live.filter(|live| live.mark == Mark::Ours(app.key.clone())) {
                findings.extend(live.notes(desired));
            }
        }
        findings
    }

    /// How many of each kind that is not up yet are: `; 3 of 4 Deployments are ready`.
    fn progress(&self) -> String {
        let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for desired in self.rendered.objects() {
            let (ready, total) = kinds.entry(&desired.id().group_kind.kind).or_default();
            *total += 1;
            *ready += usize::from(!self.unhealthy.contains(desired.id()));
        }
        let parts: Vec<String> = kinds
            .iter()
            .filter(|(_, (ready, total))| ready < total && *total > 1)
            .map(|(kind, (ready, total))| format!("{ready} of {total} {kind} objects"))
            .collect();
        if parts.is_empty() { String::new() } else { format!("; {} are ready", parts.join(", ")) }
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
    pub(super) fn describe(&self, app: &App, world: &World, status: &mut KargoAppStatus) {
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let total = self.rendered.objects().len();
        status.objects = Some(ObjectCounts {
            desired: count(total),
            healthy: count(total - self.unhealthy.len()),
        });
        status.short_revision =
            status.current.as_ref().and_then(|current| current.revision.as_deref()).map(short);
        let is_degraded = |id: &ObjectId| {
            world.cluster.get(id).is_some_and(|live| live.health == HealthSummary::Degraded)
        };
        status.health = Some(if self.unhealthy.is_empty() {
            HealthSummary::Healthy
        } else if self.timed_out
            || !self.failures.is_empty()
            || self.unhealthy.iter().any(is_degraded)
        {
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
        status.finished = finished::to_status(self.finished.iter());
        status.refused_claims = claims
            .iter()
            .map(|(id, owner)| RefusedClaim { object: id.to_string(), owner: owner.to_string() })
            .collect();
    }
}

pub(super) fn current_status(
    app: &App,
    deployment: &Deployment,
    verdict: &Verdict<CurrentState>,
    wall: Timestamp,
) -> CurrentStatus {
    let before = app.stored.current.as_ref();
    let (findings, findings_left_out) = finding::to_status(&verdict.findings);
    let mut status = CurrentStatus {
        state: verdict.state,
        revision: Some(deployment.rendered.revision().to_owned()),
        digest: Some(deployment.rendered.digest().to_owned()),
        message: verdict.message.clone(),
        time: None,
        findings,
        findings_left_out,
    };
    let same = before.filter(|old| (old.state, &old.revision) == (status.state, &status.revision));
    status.time = Some(same.and_then(|old| old.time.clone()).unwrap_or(Time(wall)));
    status
}

/// What is deployed stays as it is, and what is desired waits for consent.
pub(super) fn hold_current(app: &App, hold: &Hold, status: &mut KargoAppStatus, wall: Timestamp) {
    let standing = status.current.take();
    let mut held = CurrentStatus {
        state: CurrentState::Held,
        revision: standing.as_ref().and_then(|standing| standing.revision.clone()),
        digest: standing.and_then(|standing| standing.digest),
        message: hold.message(app),
        time: None,
        findings: Vec::new(),
        findings_left_out: None,
    };
    let before = app.stored.current.as_ref();
    let same = before.filter(|old| (old.state, &old.revision) == (held.state, &held.revision));
    held.time = Some(same.and_then(|old| old.time.clone()).unwrap_or(Time(wall)));
    status.current = Some(held);
}

/// Carries over everything that is about the cluster.
pub(super) fn keep_current(stored: &KargoAppStatus, status: &mut KargoAppStatus) {
    status.current.clone_from(&stored.current);
    status.health = stored.health;
    status.short_revision.clone_from(&stored.short_revision);
    status.objects = stored.objects;
    status.url.clone_from(&stored.url);
    status.urls.clone_from(&stored.urls);
    status.refused_claims.clone_from(&stored.refused_claims);
    status.finished.clone_from(&stored.finished);
}
