//! Server-side apply of an app's objects: bands one after the other, in parallel inside a band.

use futures::{StreamExt, stream};
use kargo_api::{names::FIELD_MANAGER, reasons::EventReason};
use kargo_core::{
    object::{AppKey, GroupKind, ObjectId},
    world::event::{ApplyFailure, ApplyOutcome, Event, ToApply},
};
use kube::core::{
    Request,
    params::{GetParams, PostParams},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::send::Sender;
use crate::{
    cluster::{
        CallError, Cluster,
        acting::{Acting, Nobody},
        identity::{Identity, NoIdentity},
    },
    metrics::Metrics,
    recorder::Recorder,
};

/// How many objects of one app are under way at once.
const OBJECTS_AT_ONCE: usize = 8;

/// Carries out [`kargo_core::world::event::Command::Apply`].
pub(crate) struct Apply {
    pub cluster: Cluster,
    pub metrics: Metrics,
    pub recorder: Recorder,
    pub events: mpsc::Sender<Event>,
    pub app: AppKey,
    pub run: u64,
    /// The commit that is applied, for what is said of deletions.
    pub revision: String,
}

impl Apply {
    /// Creates what namespaces are missing, then applies the objects.
    pub(crate) async fn run(
        self,
        identity: Result<Identity, NoIdentity>,
        mut objects: Vec<ToApply>,
        namespaces: Vec<String>,
    ) {
        let cluster = match self.cluster.act_as(identity).await {
            Ok(cluster) => cluster,
            Err(nobody) => return self.refuse(objects, &nobody).await,
        };
        for namespace in namespaces {
            self.ensure_namespace(&cluster, &namespace).await;
        }
        objects.sort_by_key(|object| object.desired.band());
        while !objects.is_empty() {
            let band = objects[0].desired.band();
            let rest =
                objects.split_off(objects.partition_point(|object| object.desired.band() == band));
            let this = &self;
            let sender = &Sender {
                cluster: &cluster,
                recorder: &this.recorder,
                app: &this.app,
                revision: &this.revision,
                events: &this.events,
            };
            stream::iter(objects)
                .for_each_concurrent(OBJECTS_AT_ONCE, |object| async move {
                    let result = sender.send(&object).await;
                    this.metrics.apply(result.is_ok());
                    let outcome = ApplyOutcome { desired: object.desired, result };
                    let _ = this
                        .events
                        .send(Event::ObjectApplied { app: this.app.clone(), outcome })
                        .await;
                })
                .await;
            objects = rest;
        }
        let _ = self.events.send(Event::ApplyEnded { app: self.app, run: self.run }).await;
    }

    /// Nobody can apply them: each is answered all the same.
    async fn refuse(self, objects: Vec<ToApply>, nobody: &Nobody) {
        for ToApply { desired, .. } in objects {
            let finding = nobody.finding(desired.id(), "applied").at(desired.location().cloned());
            let failure = ApplyFailure { finding, transient: nobody.is_transient() };
            self.metrics.apply(false);
            let outcome = ApplyOutcome { desired, result: Err(failure) };
            let app = self.app.clone();
            let _ = self.events.send(Event::ObjectApplied { app, outcome }).await;
        }
        let _ = self.events.send(Event::ApplyEnded { app: self.app, run: self.run }).await;
    }

    /// Creates a namespace that nobody has made. It carries no owner: it is shared, and never pruned. A
    /// failure shows at the objects that need it.
    async fn ensure_namespace(&self, cluster: &Acting, name: &str) {
        let namespaces = Request::new("/api/v1/namespaces");
        let Ok(look) = namespaces.get(name, &GetParams::default()) else { return };
        match cluster.read::<Value>(look).await {
            Err(error) if error.is_not_found() => {}
            _ => return,
        }
        let namespace =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let Ok(create) = namespaces.create(&parameters, namespace.to_string().into_bytes()) else {
            return;
        };
        match cluster.write::<Value>(create).await {
            Ok(_) => {
                let id = ObjectId::new(GroupKind::new("", "Namespace"), None, name);
                tracing::info!(app = %self.app, object = %id, "namespace created");
                self.recorder.tell(
                    &self.app,
                    EventReason::NamespaceCreated,
                    &format!("Namespace {name} did not exist and was created."),
                );
            }
            Err(CallError::Refused(status)) if status.code == 409 => {}
            Err(error) => {
                tracing::warn!(app = %self.app, namespace = name, %error, "a namespace could not be created");
            }
        }
    }
}
