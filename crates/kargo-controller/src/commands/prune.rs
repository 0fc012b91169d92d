//! Deleting what left git: a look at the live object first, then a DELETE that names its uid and version.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use kargo_api::reasons::EventReason;
use kargo_core::{
    live::Live,
    marks::Mark,
    prune::{Candidate, PrunePermit},
    reserved::is_reserved,
    users::{Used, Users},
    world::event::{ApplyFailure, Event, Gone, PruneOutcome},
};
use kube::core::{
    Request,
    params::{DeleteParams, GetParams, Preconditions, PropagationPolicy},
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::users;
use crate::{
    cluster::{
        CallError, Cluster,
        acting::{Acting, Nobody},
        failure,
        identity::{Identity, NoIdentity},
    },
    metrics::Metrics,
    recorder::Recorder,
};

/// A look and a delete are tried so often while somebody changes the object in between.
const ATTEMPTS: u32 = 3;

/// How many objects of one app are deleted at once.
const DELETES_AT_ONCE: usize = 4;

/// Carries out [`kargo_core::world::event::Command::Prune`].
pub(crate) struct Prune {
    pub cluster: Cluster,
    pub metrics: Metrics,
    pub recorder: Recorder,
    pub events: mpsc::Sender<Event>,
}

impl Prune {
    /// Deletes the candidates that the permit covers: what pods refer to after the workloads, and only if no pod does.
    pub(crate) async fn run(
        self,
        identity: Result<Identity, NoIdentity>,
        permit: PrunePermit,
        candidates: Vec<Candidate>,
    ) {
        let outcomes = match self.cluster.act_as(identity).await {
            Ok(cluster) => self.delete_in_order(&cluster, &permit, candidates).await,
            Err(nobody) => self.refuse(&permit, candidates, &nobody),
        };
        let _ = self.events.send(Event::Pruned { app: permit.app().clone(), outcomes }).await;
    }

    /// Nobody can delete them: each is answered all the same.
    fn refuse(
        &self,
        permit: &PrunePermit,
        candidates: Vec<Candidate>,
        nobody: &Nobody,
    ) -> Vec<PruneOutcome> {
        let answer = |candidate: Candidate| {
            let finding = nobody.finding(&candidate.id, "deleted");
            let result = Err(ApplyFailure { finding, transient: nobody.is_transient() });
            self.tell(permit, &candidate, &result);
            PruneOutcome { candidate, result }
        };
        candidates.into_iter().map(answer).collect()
    }

    async fn delete_in_order(
        &self,
        cluster: &Acting,
        permit: &PrunePermit,
        candidates: Vec<Candidate>,
    ) -> Vec<PruneOutcome> {
        let (referred, others): (Vec<Candidate>, Vec<Candidate>) =
            candidates.into_iter().partition(|candidate| Used::of(&candidate.id).is_some());
        let mut outcomes = self.delete_all(cluster, permit, others, &BTreeMap::new()).await;
        let users = if permit.waits_for_users() {
            users::of(cluster, &referred).await
        } else {
            BTreeMap::new()
        };
        outcomes.extend(self.delete_all(cluster, permit, referred, &users).await);
        outcomes
    }

    async fn delete_all(
        &self,
        cluster: &Acting,
        permit: &PrunePermit,
        candidates: Vec<Candidate>,
        users: &BTreeMap<String, Result<Users, CallError>>,
    ) -> Vec<PruneOutcome> {
        stream::iter(candidates)
            .map(|candidate| async move {
                if !permit.covers(&candidate.id) {
                    return None;
                }
                let used = candidate.id.namespace.as_ref().and_then(|name| users.get(name));
                let result = match used {
                    Some(Err(error)) => Err(failure::of_delete(error, &candidate.id)),
                    Some(Ok(users)) if users.of(&candidate.id).is_some() => {
                        let user = users.of(&candidate.id).unwrap_or_default();
                        Ok(Gone::InUse(user.to_owned()))
                    }
                    _ => delete(cluster, permit, &candidate).await,
                };
                self.tell(permit, &candidate, &result);
                Some(PruneOutcome { candidate, result })
            })
            .buffer_unordered(DELETES_AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await
    }

    fn tell(
        &self,
        permit: &PrunePermit,
        candidate: &Candidate,
        result: &Result<Gone, ApplyFailure>,
    ) {
        self.metrics.prune(result.is_ok());
        match result {
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
            Ok(Gone::InUse(user)) => {
                tracing::info!(app = %permit.app(), object = %candidate.id, user, "not deleted yet: it is still used");
            }
            Ok(Gone::NotThere) => {}
            Err(failure) => self.recorder.tell(
                permit.app(),
                EventReason::PruneFailed,
                &failure.finding.to_string(),
            ),
        }
    }
}

/// Deletes one object, trying again while somebody changes it between the look and the delete.
async fn delete(
    cluster: &Acting,
    permit: &PrunePermit,
    candidate: &Candidate,
) -> Result<Gone, ApplyFailure> {
    for attempt in 1.. {
        match try_delete(cluster, permit, candidate).await {
            Err(CallError::Refused(status)) if status.code == 409 && attempt < ATTEMPTS => {}
            // Without a name, it is the kind that was not found; then nothing is known of the object.
            Err(CallError::Refused(status)) if failure::names_a_missing_object(&status) => {
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
