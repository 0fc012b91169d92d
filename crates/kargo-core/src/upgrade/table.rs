//! The API versions that Kubernetes has removed, and what became of them.
//!
//! Origin: the [deprecated API migration guide](https://kubernetes.io/docs/reference/using-api/deprecation-guide/)
//! of Kubernetes, and for what it leaves out (`networking.k8s.io/v1beta1` `IPAddress` and the like) the lifecycle
//! declared beside the types in `k8s.io/api`. Beta versions and those alpha versions that manifests in the
//! wild still use, removed from 1.16 to 1.37.

use serde_json::Value;

use super::{
    autoscaler, budget, certificate, crd, endpoints, flow_control, ingress, rbac, remarks::Remarks,
    review, webhook, workload,
};
use crate::object::group_version;

/// A kind in a version that is no longer served.
pub(super) struct Removed {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    /// The first Kubernetes release without it.
    pub(super) gone_in: &'static str,
    pub(super) successor: Successor,
}

/// What took its place.
#[derive(Clone, Copy)]
pub(super) enum Successor {
    /// This `apiVersion`, with the same fields in the same sense.
    SameShape(&'static str),
    /// This `apiVersion`, with other fields or other defaults.
    Rewritten {
        successor: &'static str,
        /// What people have to change beside `apiVersion`, to stand after *and*.
        change: &'static str,
        /// Changes everything but `apiVersion`, which still is the old one.
        rewrite: Rewrite,
    },
    /// Nothing that could stand for it.
    Nothing {
        /// What to do instead.
        help: &'static str,
    },
}

pub(super) type Rewrite = fn(&mut Value, &mut Remarks<'_>);

impl Removed {
    /// Whether this cluster is old enough to serve it still.
    pub(super) fn is_served(&self, serves: &dyn Fn(&str, &str, &str) -> bool) -> bool {
        serves(self.group, self.version, self.kind)
    }

    /// The `apiVersion` that took its place.
    pub(super) fn successor(&self) -> Option<&'static str> {
        match self.successor {
            Successor::SameShape(successor) | Successor::Rewritten { successor, .. } => {
                Some(successor)
            }
            Successor::Nothing { .. } => None,
        }
    }
}

/// The entry for an object.
pub(super) fn find(object: &Value) -> Option<&'static Removed> {
    find_kind(object.get("apiVersion")?.as_str()?, object.get("kind")?.as_str()?)
}

/// The entry for a kind in a version.
pub(super) fn find_kind(api_version: &str, kind: &str) -> Option<&'static Removed> {
    let (group, version) = group_version(api_version);
    REMOVED.iter().find(|removed| {
        removed.kind == kind && removed.version == version && removed.group == group
    })
}

const fn same(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    gone_in: &'static str,
    successor: &'static str,
) -> Removed {
    Removed { group, version, kind, gone_in, successor: Successor::SameShape(successor) }
}

const fn rewritten(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    gone_in: &'static str,
    (successor, change, rewrite): (&'static str, &'static str, Rewrite),
) -> Removed {
    Removed {
        group,
        version,
        kind,
        gone_in,
        successor: Successor::Rewritten { successor, change, rewrite },
    }
}

const fn gone(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    gone_in: &'static str,
    help: &'static str,
) -> Removed {
    Removed { group, version, kind, gone_in, successor: Successor::Nothing { help } }
}

type Rewriting = (&'static str, &'static str, Rewrite);

const WORKLOAD: Rewriting =
    ("apps/v1", "give it a `spec.selector` with the labels of its pod template", workload::rewrite);
const INGRESS: Rewriting = (
    "networking.k8s.io/v1",
    "in each path a `pathType` and `backend: {service: {name: …, port: {number: …}}}`",
    ingress::rewrite,
);
const AUTOSCALER_1: Rewriting =
    ("autoscaling/v2", "give each metric a `target` with its type and value", autoscaler::rewrite);
const BUDGET: Rewriting = (
    "policy/v1",
    "leave an empty `selector` out, because it now selects every pod",
    budget::rewrite,
);
const RBAC_ALPHA: Rewriting = (
    "rbac.authorization.k8s.io/v1",
    "in each subject `apiGroup` instead of `apiVersion`",
    rbac::rewrite,
);
const ENDPOINTS: Rewriting = (
    "discovery.k8s.io/v1",
    "in each endpoint `nodeName` and `zone` instead of `topology`",
    endpoints::rewrite,
);
const PRIORITY_LEVEL: Rewriting = (
    "flowcontrol.apiserver.k8s.io/v1",
    "`nominalConcurrencyShares` for the shares",
    flow_control::rewrite,
);
const WEBHOOK: Rewriting = (
    "admissionregistration.k8s.io/v1",
    "give each webhook `sideEffects` and `admissionReviewVersions`",
    webhook::rewrite,
);
const CRD: Rewriting = (
    "apiextensions.k8s.io/v1",
    "give each version in `spec.versions` its own `schema`",
    crd::rewrite,
);
const ACCESS_REVIEW: Rewriting =
    ("authorization.k8s.io/v1", "`spec.groups` instead of `spec.group`", review::rewrite);
const CERTIFICATE: Rewriting =
    ("certificates.k8s.io/v1", "give it `spec.signerName` and `spec.usages`", certificate::rewrite);

const POD_SECURITY: &str = "Delete it from the repository and label the namespace for Pod Security admission \
     (pod-security.kubernetes.io/enforce), or use a policy engine";
const POD_PRESET: &str =
    "Delete it from the repository and write its environment and volumes into the pod templates";

pub(super) const REMOVED: &[Removed] = &[
    // 1.16
    rewritten("extensions", "v1beta1", "Deployment", "1.16", WORKLOAD),
    rewritten("extensions", "v1beta1", "DaemonSet", "1.16", WORKLOAD),
    rewritten("extensions", "v1beta1", "ReplicaSet", "1.16", WORKLOAD),
    rewritten("apps", "v1beta1", "Deployment", "1.16", WORKLOAD),
    rewritten("apps", "v1beta1", "StatefulSet", "1.16", WORKLOAD),
    same("apps", "v1beta1", "ControllerRevision", "1.16", "apps/v1"),
    rewritten("apps", "v1beta2", "Deployment", "1.16", WORKLOAD),
    rewritten("apps", "v1beta2", "DaemonSet", "1.16", WORKLOAD),
    rewritten("apps", "v1beta2", "ReplicaSet", "1.16", WORKLOAD),
    rewritten("apps", "v1beta2", "StatefulSet", "1.16", WORKLOAD),
    same("apps", "v1beta2", "ControllerRevision", "1.16", "apps/v1"),
    same("extensions", "v1beta1", "NetworkPolicy", "1.16", "networking.k8s.io/v1"),
    gone("extensions", "v1beta1", "PodSecurityPolicy", "1.16", POD_SECURITY),
    // 1.20 and 1.21
    gone("settings.k8s.io", "v1alpha1", "PodPreset", "1.20", POD_PRESET),
    same("batch", "v2alpha1", "CronJob", "1.21", "batch/v1"),
    // 1.22
    rewritten(
        "admissionregistration.k8s.io",
        "v1beta1",
        "MutatingWebhookConfiguration",
        "1.22",
        WEBHOOK,
    ),
    rewritten(
        "admissionregistration.k8s.io",
        "v1beta1",
        "ValidatingWebhookConfiguration",
        "1.22",
        WEBHOOK,
    ),
    rewritten("apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition", "1.22", CRD),
    same("apiregistration.k8s.io", "v1beta1", "APIService", "1.22", "apiregistration.k8s.io/v1"),
    same("authentication.k8s.io", "v1beta1", "TokenReview", "1.22", "authentication.k8s.io/v1"),
    rewritten("authorization.k8s.io", "v1beta1", "LocalSubjectAccessReview", "1.22", ACCESS_REVIEW),
    same(
        "authorization.k8s.io",
        "v1beta1",
        "SelfSubjectAccessReview",
        "1.22",
        "authorization.k8s.io/v1",
    ),
    same(
        "authorization.k8s.io",
        "v1beta1",
        "SelfSubjectRulesReview",
        "1.22",
        "authorization.k8s.io/v1",
    ),
    rewritten("authorization.k8s.io", "v1beta1", "SubjectAccessReview", "1.22", ACCESS_REVIEW),
    rewritten("certificates.k8s.io", "v1beta1", "CertificateSigningRequest", "1.22", CERTIFICATE),
    same("coordination.k8s.io", "v1beta1", "Lease", "1.22", "coordination.k8s.io/v1"),
    rewritten("extensions", "v1beta1", "Ingress", "1.22", INGRESS),
    rewritten("networking.k8s.io", "v1beta1", "Ingress", "1.22", INGRESS),
    same("networking.k8s.io", "v1beta1", "IngressClass", "1.22", "networking.k8s.io/v1"),
    same(
        "rbac.authorization.k8s.io",
        "v1beta1",
        "ClusterRole",
        "1.22",
        "rbac.authorization.k8s.io/v1",
    ),
    same(
        "rbac.authorization.k8s.io",
        "v1beta1",
        "ClusterRoleBinding",
        "1.22",
        "rbac.authorization.k8s.io/v1",
    ),
    same("rbac.authorization.k8s.io", "v1beta1", "Role", "1.22", "rbac.authorization.k8s.io/v1"),
    same(
        "rbac.authorization.k8s.io",
        "v1beta1",
        "RoleBinding",
        "1.22",
        "rbac.authorization.k8s.io/v1",
    ),
    same(
        "rbac.authorization.k8s.io",
        "v1alpha1",
        "ClusterRole",
        "1.22",
        "rbac.authorization.k8s.io/v1",
    ),
    rewritten("rbac.authorization.k8s.io", "v1alpha1", "ClusterRoleBinding", "1.22", RBAC_ALPHA),
    same("rbac.authorization.k8s.io", "v1alpha1", "Role", "1.22", "rbac.authorization.k8s.io/v1"),
    rewritten("rbac.authorization.k8s.io", "v1alpha1", "RoleBinding", "1.22", RBAC_ALPHA),
    same("scheduling.k8s.io", "v1beta1", "PriorityClass", "1.22", "scheduling.k8s.io/v1"),
    same("storage.k8s.io", "v1beta1", "CSIDriver", "1.22", "storage.k8s.io/v1"),
    same("storage.k8s.io", "v1beta1", "CSINode", "1.22", "storage.k8s.io/v1"),
    same("storage.k8s.io", "v1beta1", "StorageClass", "1.22", "storage.k8s.io/v1"),
    same("storage.k8s.io", "v1beta1", "VolumeAttachment", "1.22", "storage.k8s.io/v1"),
    // 1.24
    same("storage.k8s.io", "v1alpha1", "CSIStorageCapacity", "1.24", "storage.k8s.io/v1"),
    same("storage.k8s.io", "v1alpha1", "VolumeAttachment", "1.24", "storage.k8s.io/v1"),
    // 1.25
    rewritten("autoscaling", "v2beta1", "HorizontalPodAutoscaler", "1.25", AUTOSCALER_1),
    same("batch", "v1beta1", "CronJob", "1.25", "batch/v1"),
    rewritten("discovery.k8s.io", "v1beta1", "EndpointSlice", "1.25", ENDPOINTS),
    same("events.k8s.io", "v1beta1", "Event", "1.25", "events.k8s.io/v1"),
    same("node.k8s.io", "v1beta1", "RuntimeClass", "1.25", "node.k8s.io/v1"),
    rewritten("policy", "v1beta1", "PodDisruptionBudget", "1.25", BUDGET),
    gone("policy", "v1beta1", "PodSecurityPolicy", "1.25", POD_SECURITY),
    // 1.26
    same("autoscaling", "v2beta2", "HorizontalPodAutoscaler", "1.26", "autoscaling/v2"),
    same(
        "flowcontrol.apiserver.k8s.io",
        "v1beta1",
        "FlowSchema",
        "1.26",
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    rewritten(
        "flowcontrol.apiserver.k8s.io",
        "v1beta1",
        "PriorityLevelConfiguration",
        "1.26",
        PRIORITY_LEVEL,
    ),
    // 1.27
    same("storage.k8s.io", "v1beta1", "CSIStorageCapacity", "1.27", "storage.k8s.io/v1"),
    // 1.29
    same(
        "flowcontrol.apiserver.k8s.io",
        "v1beta2",
        "FlowSchema",
        "1.29",
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    rewritten(
        "flowcontrol.apiserver.k8s.io",
        "v1beta2",
        "PriorityLevelConfiguration",
        "1.29",
        PRIORITY_LEVEL,
    ),
    // 1.32 and 1.33
    same(
        "flowcontrol.apiserver.k8s.io",
        "v1beta3",
        "FlowSchema",
        "1.32",
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    rewritten(
        "flowcontrol.apiserver.k8s.io",
        "v1beta3",
        "PriorityLevelConfiguration",
        "1.32",
        PRIORITY_LEVEL,
    ),
    same(
        "authentication.k8s.io",
        "v1beta1",
        "SelfSubjectReview",
        "1.33",
        "authentication.k8s.io/v1",
    ),
    // 1.34
    same(
        "admissionregistration.k8s.io",
        "v1beta1",
        "ValidatingAdmissionPolicy",
        "1.34",
        "admissionregistration.k8s.io/v1",
    ),
    same(
        "admissionregistration.k8s.io",
        "v1beta1",
        "ValidatingAdmissionPolicyBinding",
        "1.34",
        "admissionregistration.k8s.io/v1",
    ),
    // 1.35 to 1.37
    same("storage.k8s.io", "v1alpha1", "VolumeAttributesClass", "1.35", "storage.k8s.io/v1"),
    same("scheduling.k8s.io", "v1alpha1", "PriorityClass", "1.36", "scheduling.k8s.io/v1"),
    same("storage.k8s.io", "v1beta1", "VolumeAttributesClass", "1.37", "storage.k8s.io/v1"),
    same("networking.k8s.io", "v1beta1", "IPAddress", "1.37", "networking.k8s.io/v1"),
    same("networking.k8s.io", "v1beta1", "ServiceCIDR", "1.37", "networking.k8s.io/v1"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_version_stands_once_and_no_successor_is_itself_removed() {
        let mut seen = BTreeSet::new();
        for removed in REMOVED {
            let key = (removed.group, removed.version, removed.kind);
            assert!(seen.insert(key), "{key:?} stands twice");
            if let Some(successor) = removed.successor() {
                assert!(
                    find_kind(successor, removed.kind).is_none(),
                    "{successor} {} is removed",
                    removed.kind
                );
            }
        }
    }

    #[test]
    fn removals_are_between_1_16_and_1_37_and_in_their_order() {
        let minors: Vec<u32> = REMOVED
            .iter()
            .map(|removed| removed.gone_in.strip_prefix("1.").unwrap().parse().unwrap())
            .collect();
        assert!(
            minors.is_sorted() && minors[0] == 16 && minors[minors.len() - 1] == 37,
            "{minors:?}"
        );
    }
}
