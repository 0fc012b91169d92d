//! Each old form, what becomes of it, and what is said. A place is shown as its path in the object.

use pretty::{change, findings};
use serde_json::{Value, json};

/// How an upgrade is run and shown here.
mod pretty {
    use super::Value;
    use crate::{
        finding::{Finding, Location},
        upgrade::{Upgraded, upgrade},
    };

    /// A cluster of today: it serves what is not in the table.
    fn modern(group: &str, version: &str, kind: &str) -> bool {
        crate::upgrade::table::find_kind(&format!("{group}/{version}"), kind).is_none()
    }

    pub(super) fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form of `locate`")]
    fn locate(path: &[&str]) -> Option<Location> {
        Some(Location { file: path.join(".").into(), line: 0, column: 0 })
    }

    pub(super) fn run(
        text: &str,
        serves: &dyn Fn(&str, &str, &str) -> bool,
    ) -> Result<Upgraded, Box<Finding>> {
        upgrade(yaml(text), &locate, serves)
    }

    /// Checks what becomes of an object, and returns what is said beside the first word about its version.
    pub(super) fn change(before: &str, after: &str) -> Vec<String> {
        let upgraded = run(before, &modern).unwrap_or_else(|finding| panic!("{finding}: {before}"));
        assert_eq!(upgraded.object, yaml(after), "{before}");
        let mut said: Vec<String> = upgraded.findings.iter().map(ToString::to_string).collect();
        said.retain(|finding| !finding.starts_with("apiVersion: "));
        said
    }

    pub(super) fn findings(text: &str) -> Vec<String> {
        said(yaml(text))
    }

    /// All that is said of an object.
    pub(super) fn said(object: Value) -> Vec<String> {
        match upgrade(object, &locate, &modern) {
            Ok(upgraded) => upgraded.findings.iter().map(ToString::to_string).collect(),
            Err(finding) => vec![format!("error at {finding}")],
        }
    }
}

const SILENT: &[&str] = &[];

#[test]
fn an_object_whose_version_is_served_passes_untouched() {
    let text = "{apiVersion: networking.k8s.io/v1beta1, kind: Ingress, metadata: {name: a}, \
                spec: {backend: {serviceName: a, servicePort: 80}}}";
    let upgraded = pretty::run(text, &|_, _, _| true).unwrap();
    assert_eq!((upgraded.object, upgraded.findings), (pretty::yaml(text), vec![]));
}

#[test]
fn an_object_whose_successor_is_not_served_either_is_left_to_others() {
    let text =
        "{apiVersion: storage.k8s.io/v1beta1, kind: VolumeAttributesClass, metadata: {name: a}}";
    let upgraded = pretty::run(text, &|_, _, _| false).unwrap();
    assert_eq!((upgraded.object, upgraded.findings), (pretty::yaml(text), vec![]));
}

#[test]
fn the_warning_names_place_release_and_remedy() {
    assert_eq!(
        findings("{apiVersion: batch/v1beta1, kind: CronJob, metadata: {name: nightly}}"),
        [
            "apiVersion: CronJob of batch/v1beta1 is not served by this cluster; Kubernetes 1.25 removed it, and it is \
             deployed as batch/v1. Write `apiVersion: batch/v1`."
        ]
    );
    assert_eq!(
        findings("{apiVersion: extensions/v1beta1, kind: Ingress, metadata: {name: web}}"),
        [
            "apiVersion: Ingress of extensions/v1beta1 is not served by this cluster; Kubernetes 1.22 removed it, and it \
             is deployed as networking.k8s.io/v1. Write `apiVersion: networking.k8s.io/v1` and in each path a \
             `pathType` and `backend: {service: {name: …, port: {number: …}}}`."
        ]
    );
}

#[test]
fn kinds_of_the_same_shape_get_another_version_and_nothing_else() {
    let table = [
        ("extensions/v1beta1", "NetworkPolicy", "networking.k8s.io/v1"),
        ("batch/v2alpha1", "CronJob", "batch/v1"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"),
        ("rbac.authorization.k8s.io/v1beta1", "RoleBinding", "rbac.authorization.k8s.io/v1"),
        ("rbac.authorization.k8s.io/v1alpha1", "ClusterRole", "rbac.authorization.k8s.io/v1"),
        ("storage.k8s.io/v1beta1", "StorageClass", "storage.k8s.io/v1"),
        ("storage.k8s.io/v1beta1", "CSIDriver", "storage.k8s.io/v1"),
        ("storage.k8s.io/v1beta1", "CSINode", "storage.k8s.io/v1"),
        ("storage.k8s.io/v1beta1", "VolumeAttachment", "storage.k8s.io/v1"),
        ("scheduling.k8s.io/v1beta1", "PriorityClass", "scheduling.k8s.io/v1"),
        ("coordination.k8s.io/v1beta1", "Lease", "coordination.k8s.io/v1"),
        ("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema", "flowcontrol.apiserver.k8s.io/v1"),
        ("apiregistration.k8s.io/v1beta1", "APIService", "apiregistration.k8s.io/v1"),
        ("networking.k8s.io/v1beta1", "IngressClass", "networking.k8s.io/v1"),
        ("authentication.k8s.io/v1beta1", "TokenReview", "authentication.k8s.io/v1"),
        ("authorization.k8s.io/v1beta1", "SelfSubjectAccessReview", "authorization.k8s.io/v1"),
        ("node.k8s.io/v1beta1", "RuntimeClass", "node.k8s.io/v1"),
        (
            "admissionregistration.k8s.io/v1beta1",
            "ValidatingAdmissionPolicy",
            "admissionregistration.k8s.io/v1",
        ),
    ];
    for (old, kind, new) in table {
        let rest = format!(
            "kind: {kind}, metadata: {{name: a}}, spec: {{any: [1, null], subjects: []}}}}"
        );
        let said = change(
            &format!("{{apiVersion: {old}, {rest}"),
            &format!("{{apiVersion: {new}, {rest}"),
        );
        assert_eq!(said, SILENT, "{old} {kind}");
    }
}

#[test]
fn what_has_no_successor_is_an_error() {
    for version in ["extensions/v1beta1", "policy/v1beta1"] {
        let said = findings(&format!(
            "{{apiVersion: {version}, kind: PodSecurityPolicy, metadata: {{name: a}}}}"
        ));
        assert!(said[0].starts_with("error at apiVersion: PodSecurityPolicy of "), "{said:?}");
        assert!(said[0].contains("Pod Security admission"), "{said:?}");
    }
}

/// An Ingress with one path.
fn ingress(version: &str, path: &str) -> String {
    format!(
        "{{apiVersion: {version}, kind: Ingress, metadata: {{name: web, annotations: {{kubernetes.io/ingress.class: nginx}}}}, \
         spec: {{rules: [{{host: a.example.org, http: {{paths: [{path}]}}}}]}}}}"
    )
}

#[test]
fn ingress_paths() {
    let v1 = "networking.k8s.io/v1";
    let old = "networking.k8s.io/v1beta1";
    let table: &[(&str, &str, &str, &[&str])] = &[
        (
            old,
            "{path: /, backend: {serviceName: web, servicePort: 80}}",
            "{path: /, pathType: ImplementationSpecific, backend: {service: {name: web, port: {number: 80}}}}",
            SILENT,
        ),
        (
            "extensions/v1beta1",
            "{backend: {serviceName: web, servicePort: '80'}}",
            "{pathType: ImplementationSpecific, backend: {service: {name: web, port: {number: 80}}}}",
            SILENT,
        ),
        (
            old,
            "{path: /, pathType: Prefix, backend: {serviceName: web, servicePort: http}}",
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}",
            SILENT,
        ),
        (
            old,
            "{path: /, backend: {resource: {apiGroup: example.org, kind: Bucket, name: a}}}",
            "{path: /, pathType: ImplementationSpecific, backend: {resource: {apiGroup: example.org, kind: Bucket, name: a}}}",
            SILENT,
        ),
        // path and pathType inside backend.
        (
            old,
            "{backend: {serviceName: web, servicePort: 80, path: /shop, pathType: Prefix}}",
            "{path: /shop, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.path: `path` and `pathType` stand inside `backend`, where no Kubernetes version reads them; they \
               are read as one level up. Indent them like `backend`.",
            ],
        ),
        (
            old,
            "{path: /, backend: {serviceName: web, servicePort: 80, pathType: Prefix}}",
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.pathType: `pathType` stands inside `backend`, where no Kubernetes version reads it; it is read as \
               one level up. Indent it like `backend`.",
            ],
        ),
        (
            old,
            "{path: /outer, pathType: Exact, backend: {serviceName: web, servicePort: 80, path: /inner, pathType: Prefix}}",
            "{path: /outer, pathType: Exact, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.path: `path` and `pathType` stand inside `backend`, where no Kubernetes version reads them; `path` and \
               `pathType` beside `backend` count. Indent them like `backend`.",
            ],
        ),
        (
            old,
            "{backend: {serviceName: web, servicePort: 80, pathType: Prefix}}",
            "{pathType: ImplementationSpecific, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.pathType: `pathType` stands inside `backend`, where no Kubernetes version reads it; it is left \
               out, because there is no `path` for it. Indent it like `backend`.",
            ],
        ),
        // Both forms mixed: the version's own fields win.
        (
            old,
            "{path: /, backend: {serviceName: web, servicePort: 80, service: {name: other, port: {number: 1}}}}",
            "{path: /, pathType: ImplementationSpecific, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.serviceName: `serviceName` and `servicePort` of v1beta1 and `service` of v1 are mixed in one backend; \
               `serviceName` and `servicePort` count. Delete the others.",
            ],
        ),
        (
            v1,
            "{path: /, pathType: Prefix, backend: {serviceName: web, servicePort: 80, service: {name: other, port: {number: 1}}}}",
            "{path: /, pathType: Prefix, backend: {service: {name: other, port: {number: 1}}}}",
            &[
                "backend.serviceName: `serviceName` and `servicePort` of v1beta1 and `service` of v1 are mixed in one backend; \
               `service` counts. Delete the others.",
            ],
        ),
        // v1 with forms of v1beta1.
        (
            v1,
            "{path: /, backend: {serviceName: web, servicePort: '8080'}}",
            "{path: /, pathType: ImplementationSpecific, backend: {service: {name: web, port: {number: 8080}}}}",
            &[
                "backend.serviceName: `serviceName` and `servicePort` belong to v1beta1; they are read as `service` of v1. \
               Write `service: {name: …, port: {number: …}}`.",
            ],
        ),
        (
            v1,
            "{backend: {service: {name: web, port: {number: 80}}, path: /, pathType: Prefix}}",
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.path: `path` and `pathType` stand inside `backend`, where no Kubernetes version reads them; they \
               are read as one level up. Indent them like `backend`.",
            ],
        ),
        (
            v1,
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: '80'}}}}",
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.service.port: the port of a backend's service is not written as v1 wants it; it is read as \
               `port: {number: …}`. Write `port: {number: …}`.",
            ],
        ),
        (
            v1,
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: 80}}}",
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}",
            &[
                "backend.service.port: the port of a backend's service is not written as v1 wants it; it is read as \
               `port: {number: …}`. Write `port: {number: …}`.",
            ],
        ),
        // Right, or wrong in a way that only its author can mend.
        (
            v1,
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}",
            "{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}",
            SILENT,
        ),
        (
            v1,
            "{path: /, backend: {service: {name: web, port: {number: 80}}}}",
            "{path: /, backend: {service: {name: web, port: {number: 80}}}}",
            SILENT,
        ),
        (v1, "{backend: 7}", "{backend: 7}", SILENT),
        (v1, "7", "7", SILENT),
    ];
    for (version, before, after, expected) in table {
        let said = change(&ingress(version, before), &ingress(v1, after));
        let said: Vec<&str> = said
            .iter()
            .map(|finding| finding.trim_start_matches("spec.rules.0.http.paths.0."))
            .collect();
        assert_eq!(said, *expected, "{before}");
    }
}

#[test]
fn ingress_default_backends() {
    let head = "kind: Ingress, metadata: {name: web}, spec:";
    let new = |spec: &str| format!("{{apiVersion: networking.k8s.io/v1, {head} {spec}}}");
    let old = |spec: &str| format!("{{apiVersion: extensions/v1beta1, {head} {spec}}}");
    let service = "{defaultBackend: {service: {name: web, port: {number: 80}}}}";
    assert_eq!(
        change(&old("{backend: {serviceName: web, servicePort: 80}}"), &new(service)),
        SILENT
    );
    assert_eq!(
        change(&old("{backend: {serviceName: web, servicePort: 80, path: /}}"), &new(service)),
        [
            "spec.backend.path: `path` has no meaning in a default backend, which takes every path; it is left out. \
             Delete it, or make a rule with a path."
        ]
    );
    assert_eq!(
        change(&new("{backend: {service: {name: web, port: {number: 80}}}}"), &new(service)),
        [
            "spec.backend: `backend` is the old name of `defaultBackend`; it is read as that. Write `defaultBackend`."
        ]
    );
    assert_eq!(change(&old("7"), &new("7")), SILENT);
}

#[test]
fn workloads_get_the_selector_that_apps_v1_requires() {
    let spec = "template: {metadata: {labels: {app: web}}}";
    for (version, kind) in [
        ("extensions/v1beta1", "Deployment"),
        ("extensions/v1beta1", "ReplicaSet"),
        ("apps/v1beta1", "Deployment"),
        ("apps/v1beta2", "Deployment"),
        ("apps/v1beta2", "StatefulSet"),
        ("apps/v1beta2", "DaemonSet"),
    ] {
        let said = change(
            &format!(
                "{{apiVersion: {version}, kind: {kind}, metadata: {{name: web}}, spec: {{{spec}}}}}"
            ),
            &format!(
                "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: web}}, \
                 spec: {{{spec}, selector: {{matchLabels: {{app: web}}}}}}}}"
            ),
        );
        assert_eq!(said, SILENT, "{version} {kind}");
    }
}

#[test]
fn workloads_without_labels_cannot_have_a_selector() {
    assert_eq!(
        findings(
            "{apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: web}, spec: {template: {}}}"
        ),
        [
            "error at spec: apps/v1 requires `spec.selector`, and the pod template has no labels to make it of. Give \
             `spec.template.metadata.labels` a label, and `spec.selector.matchLabels` the same one."
        ]
    );
}

#[test]
fn workloads_lose_fields_that_are_gone_and_keep_how_they_update() {
    let selector = "selector: {matchLabels: {app: web}}";
    let said = change(
        &format!(
            "{{apiVersion: extensions/v1beta1, kind: Deployment, metadata: {{name: web}}, spec: {{{selector}, rollbackTo: {{revision: 1}}}}}}"
        ),
        &format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{{selector}}}}}"
        ),
    );
    assert_eq!(
        said,
        ["spec.rollbackTo: `rollbackTo` does not exist in apps/v1; it is left out. Delete it."]
    );
    for (version, kind) in [("extensions/v1beta1", "DaemonSet"), ("apps/v1beta1", "StatefulSet")] {
        let before = |strategy: &str| {
            format!(
                "{{apiVersion: {version}, kind: {kind}, metadata: {{name: web}}, spec: {{{selector}{strategy}}}}}"
            )
        };
        let after = |strategy: &str| {
            format!(
                "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: web}}, spec: {{{selector}{strategy}}}}}"
            )
        };
        let said = change(&before(""), &after(", updateStrategy: {type: OnDelete}"));
        assert_eq!(said.len(), 1, "{said:?}");
        for stated in [
            ", updateStrategy: {type: RollingUpdate}",
            ", updateStrategy: {rollingUpdate: {partition: 1}}",
        ] {
            assert_eq!(change(&before(stated), &after(stated)), SILENT, "{kind} {stated}");
        }
    }
}

#[test]
fn autoscaler_metrics_of_v2beta1() {
    let table = [
        (
            "{type: Resource, resource: {name: cpu, targetAverageUtilization: 80}}",
            "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}",
        ),
        (
            "{type: Resource, resource: {name: memory, targetAverageValue: 1Gi}}",
            "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}}",
        ),
        (
            "{type: ContainerResource, containerResource: {name: cpu, container: web, targetAverageUtilization: 80}}",
            "{type: ContainerResource, containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 80}}}",
        ),
        (
            "{type: Pods, pods: {metricName: hits, targetAverageValue: 10, selector: {matchLabels: {a: b}}}}",
            "{type: Pods, pods: {metric: {name: hits, selector: {matchLabels: {a: b}}}, target: {type: AverageValue, averageValue: 10}}}",
        ),
        (
            "{type: Object, object: {metricName: hits, target: {kind: Ingress, name: web}, targetValue: 10k}}",
            "{type: Object, object: {metric: {name: hits}, describedObject: {kind: Ingress, name: web}, target: {type: Value, value: 10k}}}",
        ),
        (
            "{type: Object, object: {metricName: hits, target: {kind: Ingress, name: web}, targetValue: 0, averageValue: 5}}",
            "{type: Object, object: {metric: {name: hits}, describedObject: {kind: Ingress, name: web}, target: {type: AverageValue, averageValue: 5}}}",
        ),
        (
            "{type: External, external: {metricName: queue, metricSelector: {matchLabels: {q: a}}, targetAverageValue: 30}}",
            "{type: External, external: {metric: {name: queue, selector: {matchLabels: {q: a}}}, target: {type: AverageValue, averageValue: 30}}}",
        ),
        ("{type: External, external: 7}", "{type: External, external: 7}"),
    ];
    for (before, after) in table {
        let object = |version: &str, metric: &str| {
            format!(
                "{{apiVersion: autoscaling/{version}, kind: HorizontalPodAutoscaler, metadata: {{name: web}}, spec: {{metrics: [{metric}]}}}}"
            )
        };
        assert_eq!(change(&object("v2beta1", before), &object("v2", after)), SILENT, "{before}");
    }
}

#[test]
fn an_autoscaler_finds_its_target_under_the_version_that_is_served() {
    let object = |target: &str| {
        format!(
            "{{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {{name: web}}, \
             spec: {{scaleTargetRef: {{apiVersion: {target}, kind: Deployment, name: web}}}}}}"
        )
    };
    assert_eq!(
        change(&object("extensions/v1beta1"), &object("apps/v1")),
        [
            "spec.scaleTargetRef.apiVersion: the target's version extensions/v1beta1 is not served any more; it is read as \
             apps/v1. Write `apiVersion: apps/v1`."
        ]
    );
    assert_eq!(change(&object("apps/v1"), &object("apps/v1")), SILENT);
}

#[test]
fn a_budget_with_an_empty_selector_still_selects_nothing() {
    let object = |version: &str, spec: &str| {
        format!(
            "{{apiVersion: policy/{version}, kind: PodDisruptionBudget, metadata: {{name: a}}, spec: {spec}}}"
        )
    };
    let none = "{selector: {matchExpressions: [{key: pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match, operator: Exists}]}}";
    for empty in
        ["{selector: {}}", "{selector: {matchLabels: {}}}", "{selector: {matchExpressions: []}}"]
    {
        assert_eq!(change(&object("v1beta1", empty), &object("v1", none)).len(), 1, "{empty}");
    }
    for same in ["{}", "{selector: {matchLabels: {app: web}}}"] {
        assert_eq!(change(&object("v1beta1", same), &object("v1", same)), SILENT, "{same}");
    }
    // In v1 it means what it says there.
    assert_eq!(change(&object("v1", "{selector: {}}"), &object("v1", "{selector: {}}")), SILENT);
}

#[test]
fn subjects_of_rbac_v1alpha1() {
    let object = |version: &str, subjects: &str| {
        format!(
            "{{apiVersion: rbac.authorization.k8s.io/{version}, kind: RoleBinding, metadata: {{name: a}}, subjects: [{subjects}]}}"
        )
    };
    let table = [
        ("{apiVersion: v1, kind: ServiceAccount, name: a}", "{kind: ServiceAccount, name: a}"),
        ("{kind: User, name: a}", "{kind: User, name: a, apiGroup: rbac.authorization.k8s.io}"),
        (
            "{kind: User, name: '*'}",
            "{kind: Group, name: 'system:authenticated', apiGroup: rbac.authorization.k8s.io}",
        ),
        (
            "{apiVersion: example.org/v1, kind: Robot, name: a}",
            "{apiGroup: example.org, kind: Robot, name: a}",
        ),
    ];
    for (before, after) in table {
        assert_eq!(change(&object("v1alpha1", before), &object("v1", after)), SILENT, "{before}");
    }
}

#[test]
fn topology_of_endpoints() {
    let object = |version: &str, endpoint: &str| {
        format!(
            "{{apiVersion: discovery.k8s.io/{version}, kind: EndpointSlice, metadata: {{name: a}}, endpoints: [{endpoint}]}}"
        )
    };
    assert_eq!(
        change(
            &object(
                "v1beta1",
                "{addresses: [192.0.2.1], topology: {kubernetes.io/hostname: node-1, topology.kubernetes.io/zone: zone-1}}"
            ),
            &object("v1", "{addresses: [192.0.2.1], nodeName: node-1, zone: zone-1}"),
        ),
        SILENT
    );
    assert_eq!(
        change(
            &object(
                "v1beta1",
                "{nodeName: node-2, topology: {kubernetes.io/hostname: node-1, rack: r}}"
            ),
            &object("v1", "{nodeName: node-2}"),
        ),
        [
            "endpoints.0.topology: v1 has no place for `rack` in `topology`; it is left out. Delete `topology` and write \
             `nodeName` and `zone`."
        ]
    );
}

#[test]
fn shares_of_priority_levels() {
    let object = |version: &str, rest: &str| {
        format!(
            "{{apiVersion: flowcontrol.apiserver.k8s.io/{version}, kind: PriorityLevelConfiguration, {rest}}}"
        )
    };
    let table = [
        (
            "v1beta1",
            "spec: {limited: {assuredConcurrencyShares: 5}}",
            "spec: {limited: {nominalConcurrencyShares: 5}}",
        ),
        ("v1beta2", "spec: {limited: {assuredConcurrencyShares: 0}}", "spec: {limited: {}}"),
        ("v1beta3", "spec: {limited: {nominalConcurrencyShares: 0}}", "spec: {limited: {}}"),
        (
            "v1beta3",
            "metadata: {annotations: {flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares: ''}}, spec: {limited: {nominalConcurrencyShares: 0}}",
            "metadata: {annotations: {}}, spec: {limited: {nominalConcurrencyShares: 0}}",
        ),
    ];
    for (version, before, after) in table {
        assert_eq!(change(&object(version, before), &object("v1", after)), SILENT, "{before}");
    }
}

#[test]
fn webhooks_keep_their_old_defaults() {
    let object = |version: &str, webhook: &str| {
        format!(
            "{{apiVersion: admissionregistration.k8s.io/{version}, kind: ValidatingWebhookConfiguration, metadata: {{name: a}}, webhooks: [{webhook}]}}"
        )
    };
    let stated = "sideEffects: NoneOnDryRun, failurePolicy: Fail, matchPolicy: Equivalent, timeoutSeconds: 5, admissionReviewVersions: [v1]";
    assert_eq!(
        change(
            &object("v1beta1", &format!("{{{stated}}}")),
            &object("v1", &format!("{{{stated}}}"))
        ),
        SILENT
    );
    let said = change(
        &object("v1beta1", "{name: a}"),
        &object(
            "v1",
            "{name: a, failurePolicy: Ignore, matchPolicy: Exact, timeoutSeconds: 30, admissionReviewVersions: [v1beta1], sideEffects: None}",
        ),
    );
    assert!(said.len() == 1 && said[0].starts_with("webhooks.0.sideEffects: "), "{said:?}");
    let said = findings(&object("v1beta1", "{sideEffects: Some}"));
    assert!(said[0].starts_with("error at webhooks.0.sideEffects: "), "{said:?}");
}

#[test]
fn reviews_and_certificates() {
    assert_eq!(
        change(
            "{apiVersion: authorization.k8s.io/v1beta1, kind: SubjectAccessReview, metadata: {}, spec: {user: a, group: [b]}}",
            "{apiVersion: authorization.k8s.io/v1, kind: SubjectAccessReview, metadata: {}, spec: {user: a, groups: [b]}}",
        ),
        SILENT
    );
    let request = |version: &str, spec: &str| {
        format!(
            "{{apiVersion: certificates.k8s.io/{version}, kind: CertificateSigningRequest, metadata: {{name: a}}, spec: {{{spec}}}}}"
        )
    };
    assert_eq!(
        change(
            &request("v1beta1", "signerName: example.org/ca"),
            &request(
                "v1",
                "signerName: example.org/ca, usages: [digital signature, key encipherment]"
            ),
        ),
        SILENT
    );
    let said = findings(&request("v1beta1", "request: abc"));
    assert!(said[0].starts_with("error at spec.signerName: "), "{said:?}");
}

fn definition(version: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: apiextensions.k8s.io/{version}, kind: CustomResourceDefinition, metadata: {{name: a}}, spec: {{group: example.org, {spec}}}}}"
    )
}

#[test]
fn definitions_say_for_each_version_what_was_said_for_all() {
    let before = "version: v1, preserveUnknownFields: false, subresources: {status: {}}, \
        additionalPrinterColumns: [{name: Age, type: date, JSONPath: .metadata.creationTimestamp}], \
        validation: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}";
    let after = "scope: Namespaced, versions: [{name: v1, served: true, storage: true, \
        schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}, subresources: {status: {}}, \
        additionalPrinterColumns: [{name: Age, type: date, jsonPath: .metadata.creationTimestamp}]}]";
    assert_eq!(change(&definition("v1beta1", before), &definition("v1", after)), SILENT);
}

#[test]
fn definitions_keep_unknown_fields_if_they_did() {
    let before = "scope: Cluster, versions: [{name: v1, schema: {openAPIV3Schema: {type: object, properties: \
        {metadata: {type: object}, spec: {type: object, properties: {list: {type: array, items: {type: object}}}}}}}}]";
    let after = "scope: Cluster, versions: [{name: v1, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: \
        {metadata: {type: object}, spec: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: \
        {list: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}}}]";
    assert_eq!(change(&definition("v1beta1", before), &definition("v1", after)), SILENT);
}

#[test]
fn definitions_convert_by_the_same_webhook() {
    let rest = "scope: Cluster, preserveUnknownFields: false, versions: []";
    let kept = "scope: Cluster, versions: []";
    assert_eq!(
        change(
            &definition(
                "v1beta1",
                &format!(
                    "{rest}, conversion: {{strategy: Webhook, webhookClientConfig: {{url: u}}}}"
                )
            ),
            &definition(
                "v1",
                &format!(
                    "{kept}, conversion: {{strategy: Webhook, webhook: {{clientConfig: {{url: u}}, conversionReviewVersions: [v1beta1]}}}}"
                )
            ),
        ),
        SILENT
    );
    assert_eq!(
        change(
            &definition(
                "v1beta1",
                &format!("{rest}, conversion: {{strategy: None, conversionReviewVersions: [v1]}}")
            ),
            &definition("v1", &format!("{kept}, conversion: {{strategy: None}}")),
        ),
        SILENT
    );
}

#[test]
fn definitions_without_a_structural_schema_are_an_error() {
    let table = [
        ("{}", "there is none"),
        ("{openAPIV3Schema: {}}", "its type must be object"),
        ("{openAPIV3Schema: {type: object, properties: {spec: {}}}}", "spec has no type"),
        ("{openAPIV3Schema: {type: object, properties: {spec: {$ref: a}}}}", "spec uses $ref"),
        (
            "{openAPIV3Schema: {type: object, properties: {a: {type: array}}}}",
            "a is an array without items",
        ),
        (
            "{openAPIV3Schema: {type: object, properties: {a: {type: array, items: {}}}}}",
            "a.items has no type",
        ),
        (
            "{openAPIV3Schema: {type: object, properties: {a: {type: object, properties: {b: {type: string}}, additionalProperties: {type: string}}}}}",
            "a has both properties and additionalProperties",
        ),
        (
            "{openAPIV3Schema: {type: object, anyOf: [{properties: {a: {minimum: 1}}}]}}",
            "anyOf constrains a, which is not declared outside of it",
        ),
        (
            "{openAPIV3Schema: {type: object, properties: {a: {type: string, oneOf: [{type: string}]}}}}",
            "a.oneOf has a type, which belongs outside of it",
        ),
    ];
    for (schema, why) in table {
        let said = findings(&definition("v1beta1", &format!("version: v1, validation: {schema}")));
        let expected = format!(
            "error at spec.versions.0: apiextensions.k8s.io/v1 requires a structural schema for version v1: {why}. Install"
        );
        assert!(said[0].starts_with(&expected), "{said:?}\n{expected}");
    }
}

#[test]
fn structural_schemas_of_all_kinds_are_taken() {
    for schema in [
        "{type: object, x-kubernetes-preserve-unknown-fields: true}",
        "{type: object, properties: {port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}}}",
        "{type: object, properties: {a: {type: object, additionalProperties: {type: string}}, any: {x-kubernetes-preserve-unknown-fields: true}}}",
        "{type: object, required: [a], properties: {a: {type: string, maxLength: 3}}, not: {properties: {a: {enum: [x]}}}}",
    ] {
        let spec = |place: &str| format!("scope: Cluster, {place}");
        let said = change(
            &definition(
                "v1beta1",
                &spec(&format!(
                    "preserveUnknownFields: false, versions: [{{name: v1, schema: {{openAPIV3Schema: {schema}}}}}]"
                )),
            ),
            &definition(
                "v1",
                &spec(&format!("versions: [{{name: v1, schema: {{openAPIV3Schema: {schema}}}}}]")),
            ),
        );
        assert_eq!(said, SILENT, "{schema}");
    }
}

#[test]
fn no_shape_makes_it_panic() {
    let odd = ["7", "text", "null", "[]", "[7]", "[null, {}]", "{}", "{a: 7}", "[{a: [7]}]"]
        .map(pretty::yaml);
    let fields = [
        "spec",
        "webhooks",
        "endpoints",
        "subjects",
        "metadata",
        "rules",
        "backend",
        "metrics",
        "versions",
        "selector",
        "template",
        "validation",
        "conversion",
        "limited",
        "updateStrategy",
    ];
    for removed in super::table::REMOVED {
        let version = format!("{}/{}", removed.group, removed.version);
        for (field, value) in
            fields.iter().flat_map(|field| odd.iter().map(move |value| (field, value)))
        {
            for inside_spec in [false, true] {
                let mut object = json!({"apiVersion": version, "kind": removed.kind, "spec": {}});
                let parent = if inside_spec { &mut object["spec"] } else { &mut object };
                parent[field] = value.clone();
                let said = pretty::said(object);
                assert!(
                    said[0].contains(removed.kind) || said[0].starts_with("error at "),
                    "{said:?}"
                );
            }
        }
    }
}
