//! A missing right in words: who may not do what, and the command that allows it.

use crate::cluster::{identity::ServiceAccount, refusal::Denied};

/// Who may not do what, and where.
pub(super) fn denied(denied: &Denied) -> String {
    let who = match ServiceAccount::of_user(&denied.user) {
        Some(account) => format!("ServiceAccount {account}"),
        None => format!("user {}", denied.user),
    };
    let place = match &denied.namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "in the cluster".to_owned(),
    };
    format!("{who} may not {} {} {place}", denied.verb, resource(denied))
}

/// The command that allows it, for somebody who may run it.
pub(super) fn allow(denied: &Denied) -> String {
    let Some(account) = ServiceAccount::of_user(&denied.user) else {
        return "Give this user the permission, or take the object out of the repository"
            .to_owned();
    };
    let subject = format!("--serviceaccount={}:{}", account.namespace(), account.name());
    let name = format!("kargo-{}", account.name());
    let verbs = "--verb=get,create,patch,delete";
    let resource = resource(denied);
    match (&denied.namespace, usual_role(denied)) {
        (Some(namespace), Some(role)) => format!(
            "Ask an administrator to run: kubectl create rolebinding {name} --namespace={namespace} --clusterrole={role} {subject}"
        ),
        (Some(namespace), None) => format!(
            "Ask an administrator to run: kubectl create role {name}-{plural} --namespace={namespace} {verbs} --resource={resource} && kubectl create rolebinding {name}-{plural} --namespace={namespace} --role={name}-{plural} {subject}",
            plural = denied.resource,
        ),
        (None, _) => format!(
            "Ask an administrator to run: kubectl create clusterrole {name}-{plural} {verbs} --resource={resource} && kubectl create clusterrolebinding {name}-{plural} --clusterrole={name}-{plural} {subject}",
            plural = denied.resource,
        ),
    }
}

fn resource(denied: &Denied) -> String {
    if denied.group.is_empty() {
        denied.resource.clone()
    } else {
        format!("{}.{}", denied.resource, denied.group)
    }
}

/// The role that every cluster has for this in a namespace.
fn usual_role(denied: &Denied) -> Option<&'static str> {
    match (denied.group.as_str(), denied.resource.as_str()) {
        ("", "resourcequotas" | "limitranges" | "namespaces") => None,
        ("networking.k8s.io", resource)
            if resource != "networkpolicies" && resource != "ingresses" =>
        {
            None
        }
        ("" | "apps" | "batch" | "autoscaling" | "policy" | "networking.k8s.io", _) => Some("edit"),
        ("rbac.authorization.k8s.io", "roles" | "rolebindings") => Some("admin"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::workload(
        Some("a"),
        "apps",
        "deployments",
        "Ask an administrator to run: kubectl create rolebinding kargo-deployer --namespace=a --clusterrole=edit --serviceaccount=a:deployer"
    )]
    #[case::role(
        Some("a"),
        "rbac.authorization.k8s.io",
        "roles",
        "Ask an administrator to run: kubectl create rolebinding kargo-deployer --namespace=a --clusterrole=admin --serviceaccount=a:deployer"
    )]
    #[case::custom(
        Some("a"),
        "example.com",
        "widgets",
        "Ask an administrator to run: kubectl create role kargo-deployer-widgets --namespace=a --verb=get,create,patch,delete --resource=widgets.example.com && kubectl create rolebinding kargo-deployer-widgets --namespace=a --role=kargo-deployer-widgets --serviceaccount=a:deployer"
    )]
    #[case::cluster(
        None,
        "",
        "namespaces",
        "Ask an administrator to run: kubectl create clusterrole kargo-deployer-namespaces --verb=get,create,patch,delete --resource=namespaces && kubectl create clusterrolebinding kargo-deployer-namespaces --clusterrole=kargo-deployer-namespaces --serviceaccount=a:deployer"
    )]
    fn the_command_that_allows_it(
        #[case] namespace: Option<&str>,
        #[case] group: &str,
        #[case] resource: &str,
        #[case] expected: &str,
    ) {
        let denied = Denied {
            user: "system:serviceaccount:a:deployer".to_owned(),
            verb: "patch".to_owned(),
            resource: resource.to_owned(),
            group: group.to_owned(),
            namespace: namespace.map(str::to_owned),
        };
        assert_eq!(allow(&denied), expected);
    }
}
