//! Deleting what left git: a look at the live object first, then a DELETE that names its uid and version.

use kargo_api::reasons::EventReason;
use kargo_core::{
    live::Live,
    marks::Mark,
    prune::{Candidate, PrunePermit},
    reserved::is_reserved,
    world::event::{ApplyFailure, Event, Gone, PruneOutcome},
};
use kube::core::{
    Request, Status,
    params::{DeleteParams, GetParams, Preconditions, PropagationPolicy},
};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    cluster::{
        CallError, Cluster,
        acting::Acting,
        failure,
        identity::{Identity, NoIdentity},
    },
    metrics::Metrics,
    recorder::Recorder,
};

/// A look and a delete are tried so often while somebody changes the object in between.
const ATTEMPTS: u32 = 3;

/// Carries out [`kargo_core::world::event::Command::Prune`].
pub(crate) struct Prune {
    pub cluster: Cluster,
    pub metrics: Metrics,
    pub recorder: Recorder,
    pub events: mpsc::Sender<Event>,
}

impl Prune {
    /// Deletes the candidates that the permit covers.
    pub(crate) async fn run(
        self,
        identity: Result<Identity, NoIdentity>,
        permit: PrunePermit,
        candidates: Vec<Candidate>,
    ) {
        let cluster = self.cluster.act_as(identity).await;
        let mut outcomes = Vec::with_capacity(candidates.len());
        for candidate in candidates.into_iter().filter(|candidate| permit.covers(&candidate.id)) {
            let result = match &cluster {
                Ok(cluster) => delete(cluster, &permit, &candidate).await,
                Err(nobody) => Err(ApplyFailure {
                    finding: nobody.finding(&candidate.id, "deleted"),
                    transient: nobody.is_transient(),
                }),
            };
            self.metrics.prune(result.is_ok());
            match &result {
                Ok(Gone::Deleted) => {
                    let reason = permit.reason();
                    tracing::info!(app = %permit.app(), object = %candidate.id, uid = candidate.uid, reason, "deleted");
                    let note = format!(
                        "{} (uid {}) was deleted, because {reason}.",
                        candidate.id.short(),
                        candidate.uid
                    );
                    self.recorder.tell(permit.app(), EventReason::Pruned, &note);
                }
                Ok(Gone::NotThere | Gone::InUse(_)) => {}
                Err(failure) => self.recorder.tell(
                    permit.app(),
                    EventReason::PruneFailed,
                    &failure.finding.to_string(),
                ),
            }
            outcomes.push(PruneOutcome { candidate, result });
        }
        let _ = self.events.send(Event::Pruned { app: permit.app().clone(), outcomes }).await;
    }
}

async fn delete(
    cluster: &Acting,
    permit: &PrunePermit,
    candidate: &Candidate,
) -> Result<Gone, ApplyFailure> {
    for attempt in 1.. {
        match try_delete(cluster, permit, candidate).await {
            Err(CallError::Refused(status)) if status.code == 409 && attempt < ATTEMPTS => {}
            // Without a name, it is the kind that was not found; then nothing is known of the object.
            Err(CallError::Refused(status)) if names_an_object(&status) => {
                return Ok(Gone::NotThere);
            }
            answer => return answer.map_err(|error| failure::of_delete(&error, &candidate.id)),
        }
    }
    Ok(Gone::NotThere)
}

async fn try_delete(
    cluster: &Acting,
    permit: &PrunePermit,
    candidate: &Candidate,
) -> Result<Gone, CallError> {
    let id = &candidate.id;
    // Never ours to begin with; asked once more where it counts.
    if is_reserved(id, cluster.namespace()) {
        tracing::error!(object = %id, "left alone: Kargo itself lives of it");
        return Ok(Gone::NotThere);
    }
    // A kind that is not served right now is unknown, and unknown is not gone.
    let collection = Request::new(cluster.collection_of(id).ok_or(CallError::Unreachable)?);
    let look =
        collection.get(&id.name, &GetParams::default()).map_err(|_| CallError::Unreachable)?;
    let object: Value = cluster.read(look).await?;
    let live = Live::observe(&object, cluster.installation());
    let Some(live) = live
        .filter(|live| live.uid == candidate.uid && live.mark == Mark::Ours(permit.app().clone()))
    else {
        tracing::warn!(object = %id, "left alone: it does not carry the marks of this app any more");
        return Ok(Gone::NotThere);
    };
    if live.deleting || !permit.covers(id) {
        return Ok(Gone::NotThere);
    }
    // In the background: what the object owns goes too, and nobody waits for it.
    let parameters = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid: Some(live.uid),
            resource_version: Some(live.resource_version.to_string()),
        }),
        ..DeleteParams::default()
    };
    let delete = collection.delete(&id.name, &parameters).map_err(|_| CallError::Unreachable)?;
    cluster.write::<Value>(delete).await?;
    Ok(Gone::Deleted)
}

/// Whether it is this object that does not exist.
fn names_an_object(status: &Status) -> bool {
    status.code == 404 && status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}
