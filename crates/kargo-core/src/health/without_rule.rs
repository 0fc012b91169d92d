//! Which kinds are healthy as soon as they exist.

use crate::object::GroupKind;

/// Whether the status of this kind is worth watching. `false` for the built-in kinds that are healthy as soon
/// as they exist: their watch asks for metadata only, so that Secret data never reaches us. `true` for
/// everything else, custom resources above all.
pub fn has_health_rule(group_kind: &GroupKind) -> bool {
    WITHOUT_RULE.binary_search(&(group_kind.group.as_str(), group_kind.kind.as_str())).is_err()
}

/// Sorted by group and kind.
const WITHOUT_RULE: &[(&str, &str)] = &[
    ("", "ConfigMap"),
    ("", "Endpoints"),
    ("", "Event"),
    ("", "LimitRange"),
    ("", "PodTemplate"),
    ("", "ResourceQuota"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apps", "ControllerRevision"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("coordination.k8s.io", "Lease"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("events.k8s.io", "Event"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "CSIStorageCapacity"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttributesClass"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_searched() {
        assert!(WITHOUT_RULE.is_sorted());
    }

    #[test]
    fn only_kinds_without_a_status_worth_watching_are_watched_by_metadata() {
        let table = [
            ("", "ConfigMap", false),
            ("", "Secret", false),
            ("", "ServiceAccount", false),
            ("rbac.authorization.k8s.io", "Role", false),
            ("storage.k8s.io", "VolumeAttributesClass", false),
            ("", "Service", true),
            ("", "Pod", true),
            ("apps", "Deployment", true),
            // Another group's kind of the same name is not ours to judge.
            ("example.org", "Secret", true),
            ("example.org", "Widget", true),
        ];
        for (group, kind, expected) in table {
            assert_eq!(has_health_rule(&GroupKind::new(group, kind)), expected, "{group}/{kind}");
        }
    }
}
