//! What a refusal of the API server is: one class for each thing that people, or the world, do differently about.

use kube::core::Status;

/// The class of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The namespace of the object does not exist.
    NamespaceMissing,
    /// The API server serves no such kind, or version.
    NotServed,
    /// The object changed between a look and a write.
    Conflict,
    /// Another incarnation is there than the one that was meant.
    Recreated,
    /// The manifest has a field that the schema does not have.
    UnknownField,
    /// The field cannot change once the object exists.
    Immutable,
    /// A quota does not have room for it.
    Quota,
    /// The namespace is on its way out.
    Terminating,
    /// The Pod Security Standard of the namespace does not admit it.
    PodSecurity,
    /// An admission webhook or policy, of this name if it is known, said no.
    AdmissionDenied(Option<String>),
    /// An admission webhook of this name could not be asked.
    WebhookUnreachable(Option<String>),
    /// Who asked may not do that.
    Forbidden(Denied),
    /// Who asked may not act as this user.
    Impersonation(String),
    /// It would grant rights that whoever applies it does not have.
    Escalation,
    /// Whoever asks is not known: a token that has run out.
    Unauthenticated,
    /// The object is larger than etcd stores, or the API server reads.
    TooLarge,
    /// Too many requests.
    Throttled,
    /// The API server, or something behind it, is not well.
    Unavailable,
    /// Anything else: the manifest is wrong.
    Invalid,
}

/// What RBAC says is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Who asked.
    pub user: String,
    /// What was asked for.
    pub verb: String,
    /// The plural of the kind.
    pub resource: String,
    /// Its group; empty for core.
    pub group: String,
    /// Where; none in the whole cluster.
    pub namespace: Option<String>,
}

/// Classifies a refusal.
pub fn classify(status: &Status) -> Refusal {
    let text = status.message.as_str();
    let has = |part: &str| text.contains(part);
    match status.code {
        _ if has("field not declared in schema") => Refusal::UnknownField,
        _ if has("duplicate entries for key") => Refusal::Invalid,
        _ if has("admission webhook") && has("denied the request") => {
            Refusal::AdmissionDenied(quoted(text, "admission webhook "))
        }
        _ if has("failed calling webhook") => {
            Refusal::WebhookUnreachable(quoted(text, "failed calling webhook "))
        }
        _ if has("ValidatingAdmissionPolicy") && has("denied request") => {
            Refusal::AdmissionDenied(quoted(text, "ValidatingAdmissionPolicy "))
        }
        401 => Refusal::Unauthenticated,
        404 if text.starts_with("namespaces ") => Refusal::NamespaceMissing,
        404 => Refusal::NotServed,
        409 if has("UID in precondition") => Refusal::Recreated,
        409 => Refusal::Conflict,
        413 => Refusal::TooLarge,
        422 if has("metadata.uid") => Refusal::Recreated,
        422 if has("Too long: may not be more than") => Refusal::TooLarge,
        422 if has("field is immutable")
            || has("are forbidden")
            || has("may not be changed")
            || has("may not change once set") =>
        {
            Refusal::Immutable
        }
        403 if has("exceeded quota") || has("failed quota") => Refusal::Quota,
        403 if has("being terminated") => Refusal::Terminating,
        403 if has("violates PodSecurity") => Refusal::PodSecurity,
        403 if has("attempting to grant RBAC permissions") => Refusal::Escalation,
        403 => match denied(text) {
            Some(denied) if denied.verb == "impersonate" => {
                Refusal::Impersonation(impersonated(text, &denied))
            }
            Some(denied) => Refusal::Forbidden(denied),
            None => Refusal::AdmissionDenied(None),
        },
        429 => Refusal::Throttled,
        500..=599
            if has("etcdserver: request is too large")
                || has("trying to send message larger than max") =>
        {
            Refusal::TooLarge
        }
        500..=599 => Refusal::Unavailable,
        _ => Refusal::Invalid,
    }
}

/// What stands in quotes after a prefix.
fn quoted(text: &str, prefix: &str) -> Option<String> {
    let rest = text.split_once(prefix)?.1;
    let rest = rest.strip_prefix(['"', '\''])?;
    let end = rest.find(['"', '\''])?;
    Some(rest[..end].to_owned())
}

/// Reads the sentence of the authorizer: `User "…" cannot patch resource "…" in API group "…" in the namespace "…"`.
fn denied(text: &str) -> Option<Denied> {
    let verb = text.split_once(" cannot ")?.1.split(' ').next()?.to_owned();
    Some(Denied {
        user: quoted(text, "User ")?,
        verb,
        resource: quoted(text, " resource ")?,
        group: quoted(text, " in API group ").unwrap_or_default(),
        namespace: quoted(text, " in the namespace "),
    })
}

fn impersonated(text: &str, denied: &Denied) -> String {
    let name = text.split('"').nth(1).unwrap_or_default();
    match &denied.namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn denied(namespace: Option<&str>) -> Denied {
        Denied {
            user: "system:serviceaccount:a:deployer".to_owned(),
            verb: "patch".to_owned(),
            resource: "deployments".to_owned(),
            group: "apps".to_owned(),
            namespace: namespace.map(str::to_owned),
        }
    }

    #[rstest]
    #[case(
        422,
        "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1",
        Refusal::Invalid
    )]
    #[case(
        422,
        "Service \"web\" is invalid: spec.clusterIP: Invalid value: \"\": may not change once set",
        Refusal::Immutable
    )]
    #[case(
        422,
        "Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {}: field is immutable",
        Refusal::Immutable
    )]
    #[case(
        422,
        "StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        Refusal::Immutable
    )]
    #[case(
        422,
        "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"x\": field is immutable",
        Refusal::Recreated
    )]
    #[case(
        409,
        "Operation cannot be fulfilled on configmaps \"a\": StorageError: Precondition failed: UID in precondition: x, UID in object meta: y",
        Refusal::Recreated
    )]
    #[case(
        409,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified",
        Refusal::Conflict
    )]
    #[case(
        403,
        "pods \"web\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
        Refusal::Quota
    )]
    #[case(
        403,
        "pods \"web\" is forbidden: violates PodSecurity \"restricted:latest\": x",
        Refusal::PodSecurity
    )]
    #[case(
        403,
        "configmaps \"a\" is forbidden: unable to create new content in namespace x because it is being terminated",
        Refusal::Terminating
    )]
    #[case(
        403,
        "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:a:deployer\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"a\"",
        Refusal::Forbidden(denied(Some("a")))
    )]
    #[case(
        403,
        "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:a:deployer\" cannot patch resource \"deployments\" in API group \"apps\" at the cluster scope",
        Refusal::Forbidden(denied(None))
    )]
    #[case(403, "serviceaccounts \"other\" is forbidden: User \"system:serviceaccount:k:kargo\" cannot impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"a\"", Refusal::Impersonation("a/other".to_owned()))]
    #[case(
        403,
        "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"u\" (groups=[\"g\"]) is attempting to grant RBAC permissions not currently held:",
        Refusal::Escalation
    )]
    #[case(403, "admission webhook \"deny.example.com\" denied the request: no", Refusal::AdmissionDenied(Some("deny.example.com".to_owned())))]
    #[case(400, "admission webhook \"deny.example.com\" denied the request: no", Refusal::AdmissionDenied(Some("deny.example.com".to_owned())))]
    #[case(422, "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p.example.com' with binding 'b' denied request: no", Refusal::AdmissionDenied(Some("p.example.com".to_owned())))]
    #[case(500, "Internal error occurred: failed calling webhook \"w.example.com\": failed to call webhook: timeout", Refusal::WebhookUnreachable(Some("w.example.com".to_owned())))]
    #[case(404, "namespaces \"a\" not found", Refusal::NamespaceMissing)]
    #[case(404, "the server could not find the requested resource", Refusal::NotServed)]
    #[case(413, "Request entity too large: limit is 3145728", Refusal::TooLarge)]
    #[case(500, "etcdserver: request is too large", Refusal::TooLarge)]
    #[case(
        500,
        "failed to create typed patch object (a/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema",
        Refusal::UnknownField
    )]
    #[case(
        500,
        "failed to create typed patch object (a/web; apps/v1, Kind=Deployment): .spec.template.spec.containers[name=\"main\"].env: duplicate entries for key [name=\"A\"]",
        Refusal::Invalid
    )]
    #[case(429, "Too Many Requests", Refusal::Throttled)]
    #[case(503, "the server is currently unable to handle the request", Refusal::Unavailable)]
    #[case(401, "Unauthorized", Refusal::Unauthenticated)]
    fn a_refusal_has_a_class(#[case] code: u16, #[case] message: &str, #[case] expected: Refusal) {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        assert_eq!(classify(&status), expected);
    }
}
