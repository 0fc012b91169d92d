//! Events for people, once for each change of the verdict.

use kargo_api::{
    KargoAppStatus,
    reasons::{EventReason, Reason},
    status::{CurrentState, DesiredState, HealthSummary},
};

use crate::world::{
    World,
    app::{App, Phase},
    event::Command,
    repairs::Fight,
};

/// What people have been told by Events, so that a retry tells nothing twice.
#[derive(Debug, Default)]
pub(in crate::world) struct Told {
    deployed: Option<String>,
    deploy_failure: Option<String>,
    desired_failure: Option<String>,
    held: Option<String>,
    refused: Option<String>,
    unhealthy: bool,
    fights: Vec<String>,
}

impl Told {
    /// What a former process told, as far as the stored status shows.
    pub(in crate::world) fn from_status(status: &KargoAppStatus) -> Self {
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

impl World {
    /// Events, once for each change.
    pub(super) fn tell(&mut self, app: &mut App, status: &KargoAppStatus) {
        let mut notes: Vec<(EventReason, String)> = Vec::new();
        let failed =
            status.desired.as_ref().filter(|desired| desired.state == DesiredState::Failed);
        let failure = failed.map(|desired| desired.message.clone());
        if failure != app.told.desired_failure {
            if let Some(note) = &failure {
                let reason = match &app.load_failure {
                    None => EventReason::SourceUnavailable,
                    Some(retry) if retry.what.1.reason == Reason::Untrusted => {
                        EventReason::Untrusted
                    }
                    Some(_) => EventReason::RenderFailed,
                };
                notes.push((reason, note.clone()));
            }
            app.told.desired_failure = failure;
        }
        if let Some(current) =
            status.current.as_ref().filter(|current| current.state == CurrentState::Held)
            && app.told.held.as_ref() != Some(&current.message)
        {
            let drifted = app.deployment.as_ref().is_some_and(|it| !it.unrepaired(app).is_empty());
            let reason = if drifted { EventReason::DriftFound } else { EventReason::PruneHeld };
            notes.push((reason, current.message.clone()));
            app.told.held = Some(current.message.clone());
        }
        if let (Some(current), Some(deployment)) = (&status.current, &app.deployment) {
            let fights: Vec<String> = deployment.fights.iter().map(Fight::words).collect();
            let new = fights.iter().filter(|fight| !app.told.fights.contains(fight));
            notes.extend(new.map(|fight| (EventReason::Fighting, format!("{fight}."))));
            app.told.fights = fights;
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
                _ => {}
            }
            if deployment.refused.is_empty() {
                app.told.refused = None;
            } else if current.state == CurrentState::Failed
                && app.told.refused.as_ref() != Some(&current.message)
            {
                notes.push((EventReason::ClaimRefused, current.message.clone()));
                app.told.refused = Some(current.message.clone());
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
