//! The revisions that were deployed, the newest first.

use kargo_api::status::{CurrentState, CurrentStatus, DeployedRevision, MAX_HISTORY, Outcome};

/// The history after this verdict: a revision enters it when its verdict is final, and stays one entry.
pub(super) fn updated(
    history: &[DeployedRevision],
    current: Option<&CurrentStatus>,
) -> Vec<DeployedRevision> {
    let Some(entry) = current.and_then(entry) else { return history.to_vec() };
    let older = match history.first() {
        Some(newest) if newest.revision == entry.revision && newest.digest == entry.digest => {
            &history[1..]
        }
        _ => history,
    };
    [entry].into_iter().chain(older.iter().cloned()).take(MAX_HISTORY).collect()
}

fn entry(current: &CurrentStatus) -> Option<DeployedRevision> {
    let outcome = match current.state {
        CurrentState::Succeeded => Outcome::Succeeded,
        CurrentState::Failed => Outcome::Failed,
        CurrentState::Deploying | CurrentState::Held => return None,
    };
    Some(DeployedRevision {
        revision: current.revision.clone()?,
        digest: current.digest.clone()?,
        time: current.time.clone()?,
        outcome,
    })
}
