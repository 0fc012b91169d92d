//! Server-side apply of an app's objects: bands one after the other, in parallel inside a band.

use futures::{StreamExt, stream};
use kargo_api::{names::FIELD_MANAGER, reasons::EventReason};
use kargo_core::{
    desired::Desired,
    finding::Finding,
    live::Live,
    object::{AppKey, GroupKind, ObjectId},
    world::event::{Accepted, ApplyFailure, ApplyOutcome, Event, ToApply},
};
use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

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
            let (this, cluster) = (&self, &cluster);
            stream::iter(objects)
                .for_each_concurrent(OBJECTS_AT_ONCE, |ToApply { desired, uid }| async move {
                    let result = this.apply(cluster, &desired, uid.as_deref()).await;
                    this.metrics.apply(result.is_ok());
                    let outcome = ApplyOutcome { desired, result };
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

    async fn apply(
        &self,
        cluster: &Acting,
        desired: &Desired,
        uid: Option<&str>,
    ) -> Result<Accepted, ApplyFailure> {
        let id = desired.id();
        let unserved = || {
            let finding = Finding::error(format!(
                "{} could not be applied: its kind is not served any more",
                id.short()
            ));
            ApplyFailure {
                finding: finding.about(id).at(desired.location().cloned()),
                transient: true,
            }
        };
        let path =
            cluster.collection(&id.group_kind, Some(desired.version()), id.namespace.as_deref());
        let path = path.ok_or_else(unserved)?;
        // The uid makes an apply to a known object refuse one that somebody recreated, and never create one.
        let mut manifest = desired.manifest().clone();
        if let (Some(uid), Some(metadata)) =
            (uid, manifest.get_mut("metadata").and_then(Value::as_object_mut))
        {
            metadata.insert("uid".to_owned(), json!(uid));
        }
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let request = Request::new(path).patch(&id.name, &parameters, &Patch::Apply(&manifest));
        let request = request.map_err(|_| unserved())?;
        let stored: Value =
            cluster.write(request).await.map_err(|error| failure::of_apply(&error, desired))?;
        let live = Live::observe(&stored, cluster.installation()).ok_or_else(unserved)?;
        Ok(Accepted { live: Box::new(live), remarks: Vec::new() })
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
