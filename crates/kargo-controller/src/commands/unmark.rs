//! Taking our marks off what a deleted app leaves behind. A merge patch of the marks alone: applying an
//! object without its content would wipe the content.

use kargo_api::names;
use kargo_core::object::{AppKey, ObjectId};
use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::write;
use crate::cluster::{
    CallError, Cluster,
    acting::Acting,
    identity::{Identity, NoIdentity},
};

/// Carries out [`kargo_core::world::event::Command::Unmark`].
pub(crate) async fn run(
    cluster: Cluster,
    identity: Result<Identity, NoIdentity>,
    app: AppKey,
    id: ObjectId,
    uid: String,
) {
    let acting = match cluster.act_as(identity).await {
        Ok(acting) => acting,
        Err(nobody) => {
            tracing::warn!(%app, object = %id, error = %nobody, "the marks stay: there is nobody to take them off as");
            return;
        }
    };
    match try_unmark(&cluster, &acting, &app, &id, &uid).await {
        Ok(true) => {
            tracing::info!(%app, object = %id, "the marks were taken off; nobody manages it any more");
        }
        Ok(false) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => {
            tracing::warn!(%app, object = %id, %error, "the marks could not be taken off");
        }
    }
}

/// False if the app exists after all: a list can be wrong, and names are used again.
async fn try_unmark(
    cluster: &Cluster,
    acting: &Acting,
    app: &AppKey,
    id: &ObjectId,
    uid: &str,
) -> Result<bool, CallError> {
    let look = write::collection(app)
        .get(&app.name, &GetParams::default())
        .map_err(|_| CallError::Unreachable)?;
    match cluster.read::<Value>(look).await {
        Err(error) if error.is_not_found() => {}
        answer => return answer.map(|_| false),
    }
    let marks = json!({ "metadata": {
        "uid": uid,
        "labels": {
            names::INSTALLATION_LABEL: null,
            names::APP_NAMESPACE_LABEL: null,
            names::APP_NAME_LABEL: null,
        },
        "annotations": { names::IDENTITY_ANNOTATION: null, names::DIGEST_ANNOTATION: null },
    }});
    let collection = Request::new(cluster.collection_of(id).ok_or(CallError::Unreachable)?);
    let request = collection
        .patch(&id.name, &PatchParams::default(), &Patch::Merge(marks))
        .map_err(|_| CallError::Unreachable)?;
    acting.write::<Value>(request).await.map(|_| true)
}
