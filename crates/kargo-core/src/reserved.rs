//! What Kargo itself lives of: no repository may take it over, and nothing of it is ever deleted.

use kargo_api::names::GROUP;

use crate::object::ObjectId;

/// Whether an object is part of Kargo's own installation in `namespace`: the namespace with all that is in it
/// (its Lease, its inventory, its `ServiceAccount`), the definitions of its kinds, and its rights. The chart
/// names what it has outside of the namespace after it, as in `kargo-system:kargo`.
pub fn is_reserved(id: &ObjectId, namespace: &str) -> bool {
    let group_kind = &id.group_kind;
    let is_access = group_kind.group == "rbac.authorization.k8s.io" && id.namespace.is_none();
    let is_own_access =
        is_access && id.name.strip_prefix(namespace).is_some_and(|rest| rest.starts_with(':'));
    let is_own_definition = group_kind.is("apiextensions.k8s.io", "CustomResourceDefinition")
        && id.name.strip_suffix(GROUP).is_some_and(|rest| rest.ends_with('.'));
    let is_own_namespace = group_kind.is("", "Namespace") && id.name == namespace;
    is_own_access
        || is_own_definition
        || is_own_namespace
        || id.namespace.as_deref() == Some(namespace)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::object::GroupKind;

    #[rstest]
    #[case("", "Namespace", None, "kargo-system", true)]
    #[case("", "Namespace", None, "kargo-system-two", false)]
    #[case("coordination.k8s.io", "Lease", Some("kargo-system"), "kargo", true)]
    #[case("coordination.k8s.io", "Lease", Some("team"), "kargo", false)]
    #[case("apps", "Deployment", Some("kargo-system"), "anything", true)]
    #[case("rbac.authorization.k8s.io", "ClusterRole", None, "kargo-system:kargo", true)]
    #[case("rbac.authorization.k8s.io", "ClusterRole", None, "kargo-system:kargo:view", true)]
    #[case(
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        None,
        "kargo-system:kargo:cluster-admin",
        true
    )]
    #[case("rbac.authorization.k8s.io", "ClusterRole", None, "kargo-system", false)]
    #[case("rbac.authorization.k8s.io", "RoleBinding", Some("team"), "kargo-system:kargo", false)]
    #[case(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        None,
        "kargoapps.kargo.krampoline.io",
        true
    )]
    #[case("apiextensions.k8s.io", "CustomResourceDefinition", None, "widgets.example.com", false)]
    fn what_kargo_lives_of(
        #[case] group: &str,
        #[case] kind: &str,
        #[case] namespace: Option<&str>,
        #[case] name: &str,
        #[case] expected: bool,
    ) {
        let id = ObjectId::new(GroupKind::new(group, kind), namespace, name);
        assert_eq!(is_reserved(&id, "kargo-system"), expected);
    }
}
