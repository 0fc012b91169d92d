//! Deleting an object of ours to have it created again, where git allows it. The watch sees it go, and so it is
//! sent anew.

use kargo_api::reasons::EventReason;
use kargo_core::{
    finding::Finding, live::Live, marks::Mark, recreate::RecreatePermit, world::event::ApplyFailure,
};
use kube::core::{
    Request, Status,
    params::{DeleteParams, GetParams, Preconditions, PropagationPolicy},
};
use serde_json::Value;

use super::send::Sender;
use crate::cluster::CallError;

/// What the API server says of a field that cannot be changed, in its many ways.
const SAYINGS: &[&str] =
    &["is immutable", "are forbidden", "may not be changed", "cannot change roleRef"];

/// The field whose change was refused because it cannot be changed, if that is the reason of the refusal.
pub(super) fn immutable_field(status: &Status) -> Option<String> {
    let says = |text: &str| SAYINGS.iter().any(|saying| text.contains(saying));
    if status.code != 422 || !says(&status.message) {
        return None;
    }
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut immutable = causes.filter(|cause| says(&cause.message));
    let field = immutable.next().map_or_else(|| "spec".to_owned(), |cause| cause.field.clone());
    // Another incarnation is no change of a field.
    (field != "metadata.uid").then_some(field)
}

/// Deletes the object, if it still is this incarnation and carries the marks of the app.
pub(super) async fn delete(
    sender: &Sender<'_>,
    collection: &Request,
    permit: &RecreatePermit,
    uid: &str,
    field: &str,
) -> Result<ApplyFailure, CallError> {
    let id = permit.id();
    let look =
        collection.get(&id.name, &GetParams::default()).map_err(|_| CallError::Unreachable)?;
    let object: Value = sender.cluster.read(look).await?;
    let live = Live::observe(&object, sender.cluster.installation())
        .filter(|live| live.uid == uid && live.mark == Mark::Ours(sender.app.clone()));
    let going = |what: String| ApplyFailure {
        finding: Finding::note(what).about(id).help("It is created again as soon as it is gone"),
        transient: true,
    };
    let Some(live) = live else {
        return Ok(going(format!("{} is not ours any more", id.short())));
    };
    if live.deleting {
        return Ok(going(format!("{} is being deleted to be created again", id.short())));
    }
    let propagation =
        if permit.keeps_pods() { PropagationPolicy::Orphan } else { PropagationPolicy::Background };
    let parameters = DeleteParams {
        propagation_policy: Some(propagation),
        preconditions: Some(Preconditions {
            uid: Some(live.uid),
            resource_version: Some(live.resource_version.to_string()),
        }),
        ..DeleteParams::default()
    };
    let request = collection.delete(&id.name, &parameters).map_err(|_| CallError::Unreachable)?;
    sender.cluster.write::<Value>(request).await?;
    let reason =
        format!("{field} changed with commit {}, and it cannot be changed", sender.revision);
    tracing::info!(app = %sender.app, object = %id, uid, reason, "deleted to be created again");
    let note = format!(
        "{} (uid {uid}) was deleted to be created again, as its annotation allows: {reason}.",
        id.short()
    );
    sender.recorder.tell(sender.app, EventReason::Recreated, &note);
    Ok(going(format!("{} was deleted to be created again, because {reason}", id.short())))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::selector(
        422,
        "spec.selector",
        "Invalid value: {}: field is immutable",
        Some("spec.selector")
    )]
    #[case::stateful_set(
        422,
        "spec",
        "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        Some("spec")
    )]
    #[case::role(422, "roleRef", "Invalid value: {}: cannot change roleRef", Some("roleRef"))]
    #[case::another_incarnation(
        422,
        "metadata.uid",
        "Invalid value: \"x\": field is immutable",
        None
    )]
    #[case::invalid(
        422,
        "spec.replicas",
        "Invalid value: -1: must be greater than or equal to 0",
        None
    )]
    #[case::forbidden(403, "spec", "users are forbidden", None)]
    fn the_field_that_cannot_be_changed_is_named(
        #[case] code: u16,
        #[case] field: &str,
        #[case] message: &str,
        #[case] expected: Option<&str>,
    ) {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "code": code, "reason": "Invalid", "message": format!("X \"a\" is invalid: {field}: {message}"),
            "details": {"causes": [{"reason": "FieldValueInvalid", "field": field, "message": message}]},
        }))
        .expect("a status");
        assert_eq!(immutable_field(&status).as_deref(), expected);
    }
}
