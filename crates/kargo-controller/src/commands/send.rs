//! One object on its way into the cluster: its server-side apply, and what may have to come before it.
//!
//! - An object that is not known to be ours is sent with a version that no object has. One that is there after all is
//!   looked at, and [`adoption::judge`] decides.
//! - Fields that are left to others and that we still own are given up first, without a change of their values.
//! - What cannot be changed and may be recreated is deleted; the watch brings it back.

use kargo_api::{names::FIELD_MANAGER, reasons::EventReason};
use kargo_core::{
    admission,
    adoption::{self, Judgement},
    autoscaling::{self, ReplicasOwner},
    desired::Desired,
    finding::Finding,
    left_out::Pointer,
    live::Live,
    object::{AppKey, GroupKind},
    ownership::Entry,
    recreate::RecreatePermit,
    world::event::{Accepted, ApplyFailure, Event, ToApply},
};
use kube::core::{
    ObjectList, Request,
    params::{GetParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::recreate;
use crate::{
    cluster::{CallError, acting::Acting, failure},
    recorder::Recorder,
};

/// Sends the objects of one app.
pub(super) struct Sender<'a> {
    pub cluster: &'a Acting,
    pub recorder: &'a Recorder,
    pub app: &'a AppKey,
    pub revision: &'a str,
    pub events: &'a mpsc::Sender<Event>,
}

/// What an apply says about the object that is there.
enum Known<'a> {
    /// None is known; if there is one, the apply is refused.
    Nothing,
    /// This incarnation; any other is refused, and none is created.
    Uid(&'a str),
}

impl Sender<'_> {
    /// Applies one object.
    pub(super) async fn send(&self, object: &ToApply) -> Result<Accepted, ApplyFailure> {
        let desired = &*object.desired;
        let id = desired.id();
        let path = self.cluster.collection(
            &id.group_kind,
            Some(desired.version()),
            id.namespace.as_deref(),
        );
        let collection = Request::new(path.ok_or_else(|| unserved(desired))?);
        let outcome = match &object.uid {
            None => self.create(&collection, desired).await,
            Some(uid) => self.change(&collection, object, uid).await,
        };
        if let (Some(uid), Err(SendError::Call(error))) = (&object.uid, &outcome)
            && failure::may_be_recreated(error)
        {
            self.look_for(&collection, desired, uid).await;
        }
        outcome.map_err(|error| match error {
            SendError::Call(error) => failure::of_apply(&error, desired),
            SendError::Said(failure) => *failure,
        })
    }

    /// Tells the world that an incarnation is gone, if it is. The watch tells so too, unless it is silent; until
    /// then every attempt would name the same uid, and be refused for it.
    async fn look_for(&self, collection: &Request, desired: &Desired, uid: &str) {
        let is_gone = match self.look(collection, desired).await {
            Ok(live) => live["metadata"]["uid"] != uid,
            Err(CallError::Refused(status)) => failure::names_a_missing_object(&status),
            Err(_) => false,
        };
        if is_gone {
            let gone = Event::LiveGone { id: desired.id().clone(), uid: uid.to_owned() };
            let _ = self.events.send(gone).await;
        }
    }

    /// Creates what is not there.
    async fn create(&self, collection: &Request, desired: &Desired) -> Result<Accepted, SendError> {
        match self.apply(collection, desired, desired.manifest().clone(), Known::Nothing).await {
            Err(CallError::Refused(status)) if status.code == 409 => {
                match self.look(collection, desired).await {
                    Ok(live) => self.take_over(collection, desired, live).await,
                    // It is not there: the conflict was about something else, such as a quota.
                    Err(error) if error.is_not_found() => Err(CallError::Refused(status).into()),
                    Err(error) => Err(error.into()),
                }
            }
            answer => self.accept(desired, &answer?, None),
        }
    }

    /// Takes over what is there, or refuses to.
    async fn take_over(
        &self,
        collection: &Request,
        desired: &Desired,
        live: Value,
    ) -> Result<Accepted, SendError> {
        if desired.policy().apply_once {
            return self.accept(desired, &live, None);
        }
        let mut left_out = desired.left_out().to_vec();
        if self.is_autoscaled(desired, &left_out).await? {
            left_out.push(Pointer::replicas());
        }
        let judgement = adoption::judge(&live, desired, &left_out);
        let take = match judgement.ok_or(CallError::Unreachable)? {
            Judgement::Take(take) => take,
            Judgement::Refuse(finding) => {
                return Err(SendError::Said(Box::new(ApplyFailure {
                    finding: *finding,
                    transient: false,
                })));
            }
        };
        if let Some(patch) = take.handover {
            self.patch(collection, desired, patch).await?;
        }
        let replicas = ReplicasOwner::of(&live, Entry::of(&live).as_ref());
        let manifest = manifest(desired, &replicas);
        let stored = self.apply(collection, desired, manifest, Known::Uid(&take.uid)).await?;
        if let Some(remark) = &take.remark {
            self.recorder.tell(self.app, EventReason::Adopted, &remark.sentence());
        }
        self.accept(desired, &stored, take.remark)
    }

    /// Changes what is there and ours.
    async fn change(
        &self,
        collection: &Request,
        object: &ToApply,
        uid: &str,
    ) -> Result<Accepted, SendError> {
        let desired = &*object.desired;
        self.give_up(collection, object, uid).await?;
        let manifest = manifest(desired, &object.replicas);
        match self.apply(collection, desired, manifest, Known::Uid(uid)).await {
            Err(CallError::Refused(status)) => {
                match recreate::immutable_field(&status).zip(RecreatePermit::of(desired)) {
                    Some((field, permit)) => {
                        let recreated =
                            recreate::delete(self, collection, &permit, uid, &field).await?;
                        Err(SendError::Said(Box::new(recreated)))
                    }
                    None => Err(CallError::Refused(status).into()),
                }
            }
            answer => self.accept(desired, &answer?, None),
        }
    }

    /// Gives up what we own and leave to others from now on.
    async fn give_up(
        &self,
        collection: &Request,
        object: &ToApply,
        uid: &str,
    ) -> Result<(), SendError> {
        let desired = &*object.desired;
        let owns_replicas = object.replicas == ReplicasOwner::Ours;
        // Whether we own an ignored field is not known without a look; who has the replicas is.
        let mut pointers: Vec<Pointer> = desired
            .left_out()
            .iter()
            .filter(|pointer| owns_replicas || **pointer != Pointer::replicas())
            .cloned()
            .collect();
        if owns_replicas && self.is_autoscaled(desired, desired.left_out()).await? {
            pointers.push(Pointer::replicas());
        }
        if pointers.is_empty() {
            return Ok(());
        }
        let live = self.look(collection, desired).await?;
        if live["metadata"]["uid"] != uid {
            return Ok(());
        }
        match adoption::without(&live, desired.manifest(), &pointers) {
            Some(patch) => self.patch(collection, desired, patch).await,
            None => Ok(()),
        }
    }

    /// Whether an autoscaler of the cluster sets the number of replicas of a workload for which git says nothing
    /// about it. It is asked for only where that matters.
    async fn is_autoscaled(
        &self,
        desired: &Desired,
        left_out: &[Pointer],
    ) -> Result<bool, CallError> {
        let scales = matches!(
            desired.id().group_kind.kind.as_str(),
            "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController"
        );
        if !scales || desired.sets_replicas() || left_out.contains(&Pointer::replicas()) {
            return Ok(false);
        }
        let kind = GroupKind::new("autoscaling", "HorizontalPodAutoscaler");
        let namespace = desired.id().namespace.as_deref();
        let Some(path) = self.cluster.collection(&kind, None, namespace) else { return Ok(false) };
        let request =
            Request::new(path).list(&ListParams::default()).map_err(|_| CallError::Unreachable)?;
        match self.cluster.read::<ObjectList<Value>>(request).await {
            Ok(list) => {
                // Items of a list carry neither kind nor version.
                let typed = list.items.into_iter().map(|mut item| {
                    item["apiVersion"] = json!("autoscaling/v2");
                    item["kind"] = json!("HorizontalPodAutoscaler");
                    item
                });
                Ok(autoscaling::is_target(desired.id(), &typed.collect::<Vec<_>>()))
            }
            // Who may not see autoscalers deploys as if there were none.
            Err(CallError::Refused(status)) if matches!(status.code, 403 | 404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn apply(
        &self,
        collection: &Request,
        desired: &Desired,
        mut manifest: Value,
        known: Known<'_>,
    ) -> Result<Value, CallError> {
        if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
            let (key, value) = match known {
                Known::Nothing => ("resourceVersion", adoption::NEVER),
                Known::Uid(uid) => ("uid", uid),
            };
            metadata.insert(key.to_owned(), json!(value));
        }
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let request = collection
            .patch(&desired.id().name, &parameters, &Patch::Apply(&manifest))
            .map_err(|_| CallError::Unreachable)?;
        self.cluster.write(request).await
    }

    /// Sends a JSON patch that tests the version that was looked at.
    async fn patch(
        &self,
        collection: &Request,
        desired: &Desired,
        patch: Value,
    ) -> Result<(), SendError> {
        let patch = serde_json::from_value(patch).map_err(|_| CallError::Unreachable)?;
        let parameters =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = collection
            .patch(&desired.id().name, &parameters, &Patch::Json::<()>(patch))
            .map_err(|_| CallError::Unreachable)?;
        match self.cluster.write::<Value>(request).await {
            Ok(_) => Ok(()),
            // A test that does not hold is answered by 422.
            Err(CallError::Refused(status)) if matches!(status.code, 409 | 422) => {
                let finding = Finding::error(format!(
                    "{} could not be applied: somebody else changed it at the same time",
                    desired.id().short()
                ));
                let finding = finding
                    .about(desired.id())
                    .at(desired.location().cloned())
                    .help("It is tried again");
                Err(SendError::Said(Box::new(ApplyFailure { finding, transient: true })))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn look(
        &self,
        collection: &Request,
        desired: &Desired,
    ) -> Result<Value, CallError> {
        let look = collection
            .get(&desired.id().name, &GetParams::default())
            .map_err(|_| CallError::Unreachable)?;
        self.cluster.read(look).await
    }

    fn accept(
        &self,
        desired: &Desired,
        stored: &Value,
        remark: Option<Finding>,
    ) -> Result<Accepted, SendError> {
        let live = Live::observe(stored, self.cluster.installation())
            .ok_or_else(|| SendError::Said(Box::new(unserved(desired))))?;
        let mut remarks: Vec<Finding> = remark.into_iter().collect();
        if !desired.policy().apply_once {
            // What an autoscaler sets was not sent.
            let without = live.replicas.is_autoscaler().then(|| manifest(desired, &live.replicas));
            let sent = without.as_ref().unwrap_or(desired.manifest());
            remarks.extend(admission::remarks(desired, sent, stored));
        }
        Ok(Accepted { live: Box::new(live), remarks })
    }
}

/// What is sent: without the number of replicas where an autoscaler sets it.
fn manifest(desired: &Desired, replicas: &ReplicasOwner) -> Value {
    if replicas.is_autoscaler() && desired.sets_replicas() {
        desired.manifest_without_replicas()
    } else {
        desired.manifest().clone()
    }
}

fn unserved(desired: &Desired) -> ApplyFailure {
    let finding = Finding::error(format!(
        "{} could not be applied: its kind is not served any more",
        desired.id().short()
    ));
    ApplyFailure {
        finding: finding.about(desired.id()).at(desired.location().cloned()),
        transient: true,
    }
}

/// Why an object was not applied.
pub(super) enum SendError {
    /// A call failed.
    Call(CallError),
    /// It is explained already.
    Said(Box<ApplyFailure>),
}

impl From<CallError> for SendError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}
