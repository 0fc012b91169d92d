//! What people write, what is applied, and what is said. A place is shown as its path in the object.

use kargo_api::names::USER_ANNOTATIONS;
use serde_json::Value;

use super::normalise;
use crate::finding::{Finding, Location};

#[expect(clippy::unnecessary_wraps, reason = "the form of `locate`")]
fn locate(path: &[&str]) -> Option<Location> {
    Some(Location { file: path.join(".").into(), line: 0, column: 0 })
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn error(text: &str) -> Finding {
    *normalise(yaml(text), &locate).expect_err(text)
}

/// Each row: an object, what becomes of it, what is said.
fn check(table: &[(&str, &str, &[&str])]) {
    for (before, after, said) in table {
        let normalised = normalise(yaml(before), &locate)
            .unwrap_or_else(|finding| panic!("{finding}: {before}"));
        assert_eq!(normalised.object, yaml(after), "{before}");
        let findings: Vec<String> = normalised.findings.iter().map(ToString::to_string).collect();
        assert_eq!(findings, *said, "{before}");
        let again = normalise(normalised.object.clone(), &locate).unwrap();
        assert_eq!(
            (again.object, again.findings),
            (normalised.object, vec![]),
            "a second time: {before}"
        );
    }
}

#[test]
fn string_data_becomes_data() {
    let head = "apiVersion: v1, kind: Secret, metadata: {name: a}";
    let secret = |rest: &str| format!("{{{head}{rest}}}").leak() as &str;
    check(&[
        (secret(", stringData: {user: root}"), secret(", data: {user: cm9vdA==}"), &[]),
        // stringData wins, as in the API server.
        (
            secret(", data: {user: b2xk, kept: a2VwdA==}, stringData: {user: root}"),
            secret(", data: {user: cm9vdA==, kept: a2VwdA==}"),
            &[],
        ),
        (secret(", stringData: {greeting: 안녕}"), secret(", data: {greeting: 7JWI64WV}"), &[]),
        (
            secret(", stringData: {empty: '', none: null}"),
            secret(", data: {empty: '', none: ''}"),
            &[],
        ),
        (secret(", stringData: {}"), secret(""), &[]),
        (secret(", stringData: null, data: null"), secret(""), &[]),
        (
            secret(", stringData: {pin: 1234}"),
            secret(", data: {pin: MTIzNA==}"),
            &[
                "stringData.pin: the value of key `pin` is a number where a text belongs; it is read as text. Put it in quotes.",
            ],
        ),
    ]);
    // Another group's Secret is somebody else's.
    let foreign =
        "{apiVersion: example.org/v1, kind: Secret, metadata: {name: a}, stringData: {a: b}}";
    check(&[(foreign, foreign, &[])]);
}

#[test]
fn no_finding_shows_a_value_of_a_secret() {
    for value in ["{hunter2: hunter2}", "[hunter2]"] {
        let text = format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: a}}, stringData: {{password: {value}}}}}"
        );
        let said = error(&text).to_string();
        assert!(said.starts_with("stringData.password: ") && !said.contains("hunter2"), "{said}");
    }
    let number =
        "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {password: 20261122}}";
    let said = normalise(yaml(number), &locate).unwrap().findings[0].to_string();
    assert!(!said.contains("20261122"), "{said}");
}

#[test]
fn string_data_of_another_shape_is_an_error() {
    let said = error("{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: hunter2}")
        .to_string();
    assert_eq!(
        said,
        "stringData: `stringData` is not a map of keys to texts. Write one `key: value` per line under it."
    );
}

#[test]
fn what_the_cluster_writes_goes() {
    let plain = "{apiVersion: v1, kind: Service, metadata: {name: a}}";
    check(&[
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, creationTimestamp: null}, status: {}}",
            plain,
            &[],
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, managedFields: [], ownerReferences: []}}",
            plain,
            &[],
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a}, status: {loadBalancer: {}}}",
            plain,
            &[
                "status: `status` is written by the cluster itself; it is left out. Delete it; `kubectl get -o yaml` leaves \
               such fields behind.",
            ],
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, uid: u, resourceVersion: '1', generation: 3, selfLink: s, creationTimestamp: t}}",
            plain,
            &["metadata.creationTimestamp: `metadata.creationTimestamp`, `metadata.generation`, \
               `metadata.resourceVersion`, `metadata.selfLink`, `metadata.uid` are written by the cluster itself; they \
               are left out. Delete them; `kubectl get -o yaml` leaves such fields behind."],
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, ownerReferences: [{uid: u}]}}",
            plain,
            &[
                "metadata.ownerReferences: `ownerReferences` name objects by their UID in one cluster, and Kubernetes deletes \
               an object whose owners do not exist; they are left out. Delete them.",
            ],
        ),
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}}}",
            plain,
            &[
                "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration: the annotation in which kubectl \
               remembers what it applied is for kubectl alone; it is left out. Delete it.",
            ],
        ),
        // A wish of the author.
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, finalizers: [example.org/wait]}}",
            "{apiVersion: v1, kind: Service, metadata: {name: a, finalizers: [example.org/wait]}}",
            &[],
        ),
    ]);
}

#[test]
fn a_name_is_required() {
    let said =
        error("{apiVersion: batch/v1, kind: Job, metadata: {generateName: migrate-}}").to_string();
    assert_eq!(
        said,
        "metadata.generateName: the object has `generateName` and no `name`; every deployment would make one more of it. \
         Write `metadata.name` instead."
    );
    let both =
        "{apiVersion: batch/v1, kind: Job, metadata: {generateName: migrate-, name: migrate-1}}";
    check(&[(both, both, &[])]);
}

#[test]
fn nulls_go_where_they_say_nothing() {
    check(&[
        (
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: null}, spec: {replicas: null, template: \
             {metadata: {creationTimestamp: null}, spec: {volumes: null, containers: [{name: a, resources: null, args: [a, null]}]}}}}",
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: \
             {metadata: {}, spec: {containers: [{name: a, args: [a, null]}]}}}}",
            &[],
        ),
        // The API server reads a null among texts as the empty one.
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {x: null}}, data: {DEBUG: null, labels: null}}",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {x: ''}}, data: {DEBUG: '', labels: ''}}",
            &[],
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeSelector: {gpu: null}}}",
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeSelector: {gpu: ''}}}",
            &[],
        ),
        (
            "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: a}, data: {spec: null}, revision: null}",
            "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: a}, data: {spec: null}}",
            &[],
        ),
        // A custom resource may mean it.
        (
            "{apiVersion: example.org/v1, kind: Widget, metadata: {name: a, namespace: null}, spec: {limit: null}}",
            "{apiVersion: example.org/v1, kind: Widget, metadata: {name: a}, spec: {limit: null}}",
            &[],
        ),
        (
            "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}, spec: {versions: [{default: null}]}}",
            "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}, spec: {versions: [{default: null}]}}",
            &[],
        ),
    ]);
}

#[test]
fn empty_values_stay_where_they_mean_something() {
    let untouched = [
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {volumes: [{name: a, emptyDir: {}}], containers: [{name: a, securityContext: {}, env: []}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}, ingress: []}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}, ingress: [{}]}}",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {empty: ''}}",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {}}",
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: []}",
        "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a}, spec: {selector: {}}}",
        "{apiVersion: example.org/v1, kind: Widget, metadata: {name: a}, spec: {}}",
    ];
    check(&untouched.map(|text| (text, text, &[] as &[&str])));
    check(&[(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, labels: {}, annotations: {}}, spec: {template: {metadata: {annotations: {}}}}}",
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {metadata: {}}}}",
        &[],
    )]);
}

#[test]
fn labels_and_annotations_are_texts() {
    check(&[
        (
            "{apiVersion: v1, kind: Service, metadata: {name: a, labels: {tier: 1}, annotations: {on: true, ratio: 0.5}}}",
            "{apiVersion: v1, kind: Service, metadata: {name: a, labels: {tier: '1'}, annotations: {on: 'true', ratio: '0.5'}}}",
            &[
                "metadata.labels.tier: the value of label `tier` is a number where a text belongs; it is read as text. Put it in quotes.",
                "metadata.annotations.on: the value of annotation `on` is true or false where a text belongs; it is read as text. Put it in quotes.",
                "metadata.annotations.ratio: the value of annotation `ratio` is a number where a text belongs; it is read as text. Put it in quotes.",
            ],
        ),
        (
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {metadata: {labels: {v: 2}}}}}",
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {metadata: {labels: {v: '2'}}}}}",
            &[
                "spec.template.metadata.labels.v: the value of label `v` is a number where a text belongs; it is read as text. \
               Put it in quotes.",
            ],
        ),
        // What a custom resource keeps under such a name is its own affair.
        (
            "{apiVersion: example.org/v1, kind: Widget, metadata: {name: a}, spec: {metadata: {labels: {v: 2}}}}",
            "{apiVersion: example.org/v1, kind: Widget, metadata: {name: a}, spec: {metadata: {labels: {v: 2}}}}",
            &[],
        ),
    ]);
    assert_eq!(
        error("{apiVersion: v1, kind: Service, metadata: {name: a, labels: {app: [a]}}}")
            .to_string(),
        "metadata.labels.app: the value of label `app` is a list where a text belongs. Write one line, in quotes."
    );
}

#[test]
fn keys_under_our_prefix() {
    let object = |metadata: &str| {
        format!("{{apiVersion: v1, kind: Service, metadata: {{name: a, {metadata}}}}}")
    };
    for value in ["allowed", "disabled"] {
        let text: &str =
            object(&format!("annotations: {{kargo.krampoline.io/prune: {value}}}")).leak();
        check(&[(text, text, &[])]);
    }
    let place = "metadata.annotations.kargo.krampoline.io";
    let table = [
        (
            "annotations: {kargo.krampoline.io/prun: disabled}",
            format!(
                "{place}/prun: annotation `kargo.krampoline.io/prun` is not one that may be set here. Write \
                 `kargo.krampoline.io/prune` if that is what you mean, or delete it."
            ),
        ),
        (
            "annotations: {kargo.krampoline.io/identity: x}",
            format!("{place}/identity: annotation `kargo.krampoline.io/identity` is not one that may be set here. Delete it."),
        ),
        (
            "annotations: {kargo.krampoline.io/prune: disable}",
            format!(
                "{place}/prune: annotation `kargo.krampoline.io/prune` has a value that means nothing. Write `disabled` if \
                 that is what you mean; the values are `allowed`, `disabled`."
            ),
        ),
        (
            "annotations: {kargo.krampoline.io/prune: 'no'}",
            format!(
                "{place}/prune: annotation `kargo.krampoline.io/prune` has a value that means nothing. Write one of \
                 `allowed`, `disabled`."
            ),
        ),
        (
            "labels: {kargo.krampoline.io/app: shop}",
            "metadata.labels.kargo.krampoline.io/app: label `kargo.krampoline.io/app` is under the prefix kargo.krampoline.io, \
             whose labels only Kargo itself sets. Delete it."
                .to_owned(),
        ),
        (
            "labels: {kargo.krampoline.io/prune: disabled}",
            "metadata.labels.kargo.krampoline.io/prune: label `kargo.krampoline.io/prune` is under the prefix \
             kargo.krampoline.io, whose labels only Kargo itself sets. Write it under `annotations`."
                .to_owned(),
        ),
    ];
    for (metadata, expected) in table {
        assert_eq!(error(&object(metadata)).to_string(), expected, "{metadata}");
    }
    // Somebody else's prefix.
    let other = "{apiVersion: v1, kind: Service, metadata: {name: a, labels: {kargo.krampoline.io.example.org/app: a}}}";
    check(&[(other, other, &[])]);
}

#[test]
fn keys_under_our_prefix_are_for_nobody_in_templates() {
    let said = error(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, \
         spec: {template: {metadata: {annotations: {kargo.krampoline.io/prune: disabled}}}}}",
    );
    assert!(
        said.to_string()
            .starts_with("spec.template.metadata.annotations.kargo.krampoline.io/prune: "),
        "{said}"
    );
}

#[test]
fn a_kargo_app_in_git_may_carry_the_requests_of_people() {
    let app = "{apiVersion: kargo.krampoline.io/v1alpha1, kind: KargoApp, metadata: {name: a, annotations: \
               {kargo.krampoline.io/sync-requested-at: now, kargo.krampoline.io/confirm-prune: abc}}}";
    check(&[(app, app, &[])]);
}

#[test]
fn annotations_for_people_are_accepted() {
    for annotation in USER_ANNOTATIONS {
        let values = ["allowed", "disabled", "once"];
        let accepted = values.iter().any(|value| {
            let text = format!("{{apiVersion: v1, kind: Service, metadata: {{name: a, annotations: {{{annotation}: {value}}}}}}}");
            normalise(yaml(&text), &locate).is_ok()
        });
        assert!(accepted, "{annotation}");
    }
}

#[test]
fn odd_shapes_pass_on_to_the_api_server() {
    let odd = [
        "7",
        "[]",
        "{}",
        "{metadata: 7}",
        "{apiVersion: 1, kind: [], metadata: {labels: 7, annotations: []}}",
        "{apiVersion: v1, kind: Secret, data: 7}",
    ];
    check(&odd.map(|text| (text, text, &[] as &[&str])));
}
