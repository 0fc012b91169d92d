//! The order of apply: objects of one band do not wait for each other, bands do.

use crate::object::GroupKind;

/// When an object is applied, relative to the others of its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// What other objects live in or are made of: Namespace, `CustomResourceDefinition`.
    Foundations,
    /// Cluster configuration and access rules.
    Configuration,
    /// What workloads refer to: configuration, storage, Services.
    Dependencies,
    /// What runs.
    Workloads,
    /// What points at workloads: Ingress, autoscalers, disruption budgets, and every custom resource.
    Frontends,
    /// Admission webhooks and aggregated APIs last: they would stand in the way of the others.
    Gates,
}

impl Band {
    /// The band of a kind.
    pub fn of(group_kind: &GroupKind) -> Self {
        match (group_kind.group.as_str(), group_kind.kind.as_str()) {
            ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                Self::Foundations
            }
            (
                "rbac.authorization.k8s.io"
                | "storage.k8s.io"
                | "scheduling.k8s.io"
                | "node.k8s.io"
                | "flowcontrol.apiserver.k8s.io"
                | "certificates.k8s.io",
                _,
            )
            | ("networking.k8s.io", "IngressClass" | "NetworkPolicy")
            | ("", "ServiceAccount" | "ResourceQuota" | "LimitRange" | "PersistentVolume") => {
                Self::Configuration
            }
            ("" | "apps" | "batch" | "extensions", "Pod" | "ReplicationController")
            | ("apps" | "extensions" | "batch", _) => Self::Workloads,
            ("", _) => Self::Dependencies,
            ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Self::Gates,
            _ => Self::Frontends,
        }
    }
}

/// Kinds that hold others or hold data: never pruned without consent that names the object.
pub fn needs_consent_to_prune(group_kind: &GroupKind) -> bool {
    matches!(
        (group_kind.group.as_str(), group_kind.kind.as_str()),
        ("", "Namespace" | "PersistentVolume" | "PersistentVolumeClaim")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "Namespace", Band::Foundations)]
    #[case("apiextensions.k8s.io", "CustomResourceDefinition", Band::Foundations)]
    #[case("rbac.authorization.k8s.io", "RoleBinding", Band::Configuration)]
    #[case("", "ConfigMap", Band::Dependencies)]
    #[case("", "Service", Band::Dependencies)]
    #[case("", "PersistentVolumeClaim", Band::Dependencies)]
    #[case("", "Pod", Band::Workloads)]
    #[case("apps", "StatefulSet", Band::Workloads)]
    #[case("batch", "Job", Band::Workloads)]
    #[case("networking.k8s.io", "Ingress", Band::Frontends)]
    #[case("autoscaling", "HorizontalPodAutoscaler", Band::Frontends)]
    #[case("example.com", "Widget", Band::Frontends)]
    #[case("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", Band::Gates)]
    fn every_kind_has_a_band(#[case] group: &str, #[case] kind: &str, #[case] band: Band) {
        assert_eq!(Band::of(&GroupKind::new(group, kind)), band);
    }
}
