//! Writes to the `KargoApp` itself: status and finalizer.

use kargo_api::{KargoAppStatus, names};
use kargo_core::{object::AppKey, world::event::Event};
use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::cluster::{CallError, Cluster};

/// Replaces the whole status, of this very incarnation only.
pub(crate) async fn status(
    cluster: Cluster,
    app: AppKey,
    uid: String,
    status: Box<KargoAppStatus>,
    events: mpsc::Sender<Event>,
) {
    let stored = match serde_json::to_value(&status) {
        Ok(status) => {
            patch(
                &cluster,
                &app,
                Some("status"),
                test_uid(&uid, &json!({"op": "add", "path": "/status", "value": status})),
            )
            .await
        }
        Err(_) => Err(CallError::Unreachable),
    };
    if let Err(error) = &stored {
        tracing::warn!(%app, %error, "the status could not be written");
    }
    let _ = events.send(Event::StatusWritten { app, stored: stored.is_ok() }).await;
}

/// Sets our finalizer or takes it off, of this very incarnation only; those of others stay.
pub(crate) async fn finalizer(
    cluster: Cluster,
    app: AppKey,
    uid: String,
    present: bool,
    events: mpsc::Sender<Event>,
) {
    let stored = match try_finalizer(&cluster, &app, &uid, present).await {
        Err(error) if error.is_not_found() && !present => Ok(()),
        stored => stored,
    };
    if let Err(error) = &stored {
        tracing::warn!(%app, %error, "the finalizer could not be written");
    }
    let _ = events.send(Event::FinalizerWritten { app, present, stored: stored.is_ok() }).await;
}

async fn try_finalizer(
    cluster: &Cluster,
    app: &AppKey,
    uid: &str,
    present: bool,
) -> Result<(), CallError> {
    let look = collection(app)
        .get(&app.name, &GetParams::default())
        .map_err(|_| CallError::Unreachable)?;
    let object: Value = cluster.read(look).await?;
    let finalizers: Vec<&str> = object
        .get("metadata")
        .and_then(|metadata| metadata.get("finalizers")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let at = finalizers.iter().position(|finalizer| *finalizer == names::FINALIZER);
    let change = match (at, present) {
        (None, true) if finalizers.is_empty() => {
            json!({"op": "add", "path": "/metadata/finalizers", "value": [names::FINALIZER]})
        }
        (None, true) => {
            json!({"op": "add", "path": "/metadata/finalizers/-", "value": names::FINALIZER})
        }
        (Some(at), false) => json!({"op": "remove", "path": format!("/metadata/finalizers/{at}")}),
        _ => return Ok(()),
    };
    let mut operations = test_uid(uid, &change);
    if let (Some(at), Some(list)) = (at, operations.as_array_mut()) {
        // Somebody may have reordered the list since the look.
        list.insert(1, json!({"op": "test", "path": format!("/metadata/finalizers/{at}"), "value": names::FINALIZER}));
    }
    patch(cluster, app, None, operations).await
}

fn test_uid(uid: &str, change: &Value) -> Value {
    json!([{"op": "test", "path": "/metadata/uid", "value": uid}, change])
}

async fn patch(
    cluster: &Cluster,
    app: &AppKey,
    subresource: Option<&str>,
    operations: Value,
) -> Result<(), CallError> {
    let operations = serde_json::from_value(operations).map_err(|_| CallError::Unreachable)?;
    let patch = Patch::Json::<()>(operations);
    let parameters = PatchParams {
        field_manager: Some("kargo-controller".to_owned()),
        ..PatchParams::default()
    };
    let request = match subresource {
        Some(subresource) => {
            collection(app).patch_subresource(subresource, &app.name, &parameters, &patch)
        }
        None => collection(app).patch(&app.name, &parameters, &patch),
    };
    cluster.write::<Value>(request.map_err(|_| CallError::Unreachable)?).await.map(drop)
}

pub(super) fn collection(app: &AppKey) -> Request {
    Request::new(format!("/apis/{}/v1alpha1/namespaces/{}/kargoapps", names::GROUP, app.namespace))
}
