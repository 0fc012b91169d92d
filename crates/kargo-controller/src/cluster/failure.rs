//! What the API server's refusal of an object means, in words for people.

use kargo_core::{
    desired::Desired, finding::Finding, object::ObjectId, world::event::ApplyFailure,
};
use kube::core::Status;

use super::{
    CallError,
    refusal::{Refusal, classify},
};

mod words;

/// Foreign text in a message is cut here.
const LONGEST_QUOTE: usize = 500;

/// Explains why an object could not be applied.
pub fn of_apply(error: &CallError, desired: &Desired) -> ApplyFailure {
    let mut failure = explain(error, desired.id(), "applied");
    failure.finding = failure.finding.at(desired.location().cloned());
    failure
}

/// Explains why an object could not be deleted.
pub fn of_delete(error: &CallError, id: &ObjectId) -> ApplyFailure {
    explain(error, id, "deleted")
}

/// Whether the object that was meant may be gone, or be another one by now: an apply that names a uid is refused
/// in one of these two ways if that incarnation does not exist.
pub fn may_be_recreated(error: &CallError) -> bool {
    match error {
        CallError::Refused(status) => {
            matches!(classify(status), Refusal::Conflict | Refusal::Recreated)
        }
        _ => false,
    }
}

/// Whether it is this object that does not exist, and not its kind or its namespace.
pub fn names_a_missing_object(status: &Status) -> bool {
    status.code == 404 && status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

fn explain(error: &CallError, id: &ObjectId, done: &str) -> ApplyFailure {
    let (what, help, transient) = match error {
        CallError::Refused(status) => refusal(status, id),
        CallError::TimedOut
        | CallError::Throttled
        | CallError::NotHolding
        | CallError::Unreachable => (error.to_string(), AGAIN.to_owned(), true),
    };
    let finding =
        Finding::error(format!("{} could not be {done}: {what}", id.short())).about(id).help(help);
    ApplyFailure { finding, transient }
}

const AGAIN: &str = "It is tried again";

/// What happened, what to do, and whether it may go away by itself soon.
fn refusal(status: &Status, id: &ObjectId) -> (String, String, bool) {
    let said = || said(status, id);
    let (what, help, transient) = match classify(status) {
        Refusal::NamespaceMissing => {
            let namespace = id.namespace.as_deref().unwrap_or_default();
            return (
                format!("namespace {namespace} does not exist"),
                "Create it, or set spec.sync.createNamespace to true".to_owned(),
                true,
            );
        }
        Refusal::Forbidden(denied) => {
            return (words::denied(&denied), words::allow(&denied), false);
        }
        Refusal::Impersonation(account) => {
            return (
                format!("Kargo may not act as ServiceAccount {account}"),
                "Name one that it may act as, or let it: rbac.serviceAccountNames of the chart lists them".to_owned(),
                false,
            );
        }
        Refusal::AdmissionDenied(Some(name)) => {
            return (
                format!("{name} denied it: {}", said()),
                "Change the manifest, or ask whoever runs that admission webhook or policy"
                    .to_owned(),
                false,
            );
        }
        Refusal::WebhookUnreachable(Some(name)) => {
            return (
                format!("admission webhook {name} could not be asked"),
                "Mend the webhook, or ask whoever runs it; it is tried again".to_owned(),
                true,
            );
        }
        Refusal::NotServed => (
            "the API server does not serve this kind".to_owned(),
            "It is tried again when the kind is served",
            true,
        ),
        Refusal::Conflict => {
            ("somebody else changed or recreated it at the same time".to_owned(), AGAIN, true)
        }
        Refusal::Recreated => {
            ("somebody else recreated it at the same time".to_owned(), AGAIN, true)
        }
        Refusal::UnknownField => {
            (said(), "Remove the field, or correct its name or its indentation", false)
        }
        Refusal::Immutable => {
            let help = format!(
                "This field cannot be changed once the object exists; take the change back, or set the annotation {}: allowed on the object in git to have it deleted and made anew",
                kargo_api::names::RECREATE_ANNOTATION
            );
            return (said(), help, false);
        }
        Refusal::Quota => (said(), "Lower the requests, or ask for a larger quota", true),
        Refusal::Terminating => (said(), "It is tried again when the namespace is gone", true),
        Refusal::PodSecurity => (
            said(),
            "Change the security settings of the pod, or the policy of the namespace",
            false,
        ),
        Refusal::AdmissionDenied(None) => (
            said(),
            "Change the manifest, or ask whoever runs the admission policies of the cluster",
            false,
        ),
        Refusal::Escalation => (
            said(),
            "Who grants rights must have them: take the rule out, or bind the missing rights to whoever deploys",
            false,
        ),
        Refusal::Unauthenticated => (
            "the API server does not accept Kargo's token".to_owned(),
            "It is tried again; if it lasts, look at the ServiceAccount of Kargo",
            true,
        ),
        Refusal::TooLarge => (
            "it is larger than the API server stores".to_owned(),
            "Split it, or move the content out of it: a ConfigMap or Secret holds 1 MiB",
            false,
        ),
        Refusal::Throttled => {
            ("the API server has too many requests to answer".to_owned(), AGAIN, true)
        }
        Refusal::WebhookUnreachable(None) | Refusal::Unavailable => (said(), AGAIN, true),
        Refusal::Invalid => (said(), "Correct the manifest", false),
    };
    (what, help.to_owned(), transient)
}

/// The API server's own sentence, without the name of the object and without values of Secrets.
fn said(status: &Status, id: &ObjectId) -> String {
    if id.group_kind.is("", "Secret") {
        let fields: Vec<&str> = status
            .details
            .iter()
            .flat_map(|details| &details.causes)
            .map(|cause| cause.field.as_str())
            .filter(|field| !field.is_empty())
            .collect();
        return match fields.as_slice() {
            [] => format!("the API server refuses it ({})", status.reason),
            fields => format!("the API server refuses {} ({})", fields.join(", "), status.reason),
        };
    }
    let mut text = status.message.as_str();
    for marker in [" denied the request: ", " denied request: "] {
        text = text.split_once(marker).map_or(text, |(_, rest)| rest);
    }
    for marker in [" is invalid: ", "): ", " is forbidden: "] {
        if let Some((before, rest)) = text.split_once(marker)
            && (before.contains(&id.name) || before.contains("typed patch object"))
        {
            text = rest;
            break;
        }
    }
    let mut clean: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(LONGEST_QUOTE)
        .collect();
    if text.chars().count() > LONGEST_QUOTE {
        clean.push('…');
    }
    clean.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use kargo_core::object::GroupKind;
    use rstest::rstest;

    use super::*;

    fn status(code: u16, message: &str) -> CallError {
        CallError::Refused(Box::new(Status {
            code,
            message: message.to_owned(),
            reason: "Reason".to_owned(),
            ..Status::default()
        }))
    }

    #[rstest]
    #[case(
        422,
        "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "spec.replicas: Invalid value: -1",
        false
    )]
    #[case(
        422,
        "Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {}: field is immutable",
        "cannot be changed once the object exists",
        false
    )]
    #[case(
        422,
        "Deployment.apps \"web\" is invalid: metadata.uid: Invalid value: \"x\": field is immutable",
        "recreated",
        true
    )]
    #[case(
        500,
        "failed to create typed patch object (a/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema",
        ".spec.foo: field not declared in schema",
        false
    )]
    #[case(404, "namespaces \"a\" not found", "namespace a does not exist", true)]
    #[case(403, "pods \"web\" is forbidden: exceeded quota: q", "larger quota", true)]
    #[case(
        403,
        "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:a:deployer\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"a\"",
        "ServiceAccount a/deployer may not patch deployments.apps in namespace a",
        false
    )]
    #[case(
        400,
        "admission webhook \"deny.example.com\" denied the request: not on Fridays",
        "deny.example.com denied it: not on Fridays",
        false
    )]
    #[case(
        413,
        "Request entity too large: limit is 3145728",
        "larger than the API server stores",
        false
    )]
    #[case(503, "the server is currently unable to handle the request", "tried again", true)]
    fn a_refusal_is_explained(
        #[case] code: u16,
        #[case] message: &str,
        #[case] contains: &str,
        #[case] transient: bool,
    ) {
        let id = ObjectId::new(GroupKind::new("apps", "Deployment"), Some("a"), "web");
        let failure = of_delete(&status(code, message), &id);
        assert!(failure.finding.to_string().contains(contains), "{}", failure.finding);
        assert_eq!(failure.transient, transient);
    }

    #[test]
    fn a_secrets_values_are_never_quoted() {
        let id = ObjectId::new(GroupKind::new("", "Secret"), Some("a"), "s");
        let failure = of_delete(
            &status(422, "Secret \"s\" is invalid: data[a]: Invalid value: \"hunter2\""),
            &id,
        );
        assert!(!failure.finding.to_string().contains("hunter2"));
    }
}
