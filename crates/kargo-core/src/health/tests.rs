//! One table per kind: a live object, the verdict, the sentence, the note.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Health,
    HealthSummary::{self, Degraded, Healthy, Progressing},
    health,
};

/// What is under `spec` and `status` (YAML), the verdict, the message, the note.
type Row = (&'static str, HealthSummary, &'static str, Option<&'static str>);

fn check(api_version: &str, kind: &str, table: &[Row]) {
    for (yaml, summary, message, note) in table {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "generation": 2}});
        let parts: Value = serde_yaml::from_str(yaml).unwrap();
        for (key, value) in parts.as_object().unwrap() {
            object[key] = value.clone();
        }
        let expected = Health {
            summary: *summary,
            message: (*message).to_owned(),
            note: note.map(str::to_owned),
        };
        assert_eq!(health(&object), expected, "{kind}: {yaml}");
    }
}

#[test]
fn any_kind() {
    check(
        "example.org/v1",
        "Widget",
        &[
            ("{}", Healthy, "it exists", None),
            ("{status: {}}", Healthy, "it exists", None),
            (
                "{metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}}",
                Progressing,
                "it is being deleted",
                None,
            ),
            (
                "{status: {observedGeneration: 1, conditions: [{type: Ready, status: 'True'}]}}",
                Progressing,
                "its controller has not looked at the newest change yet",
                None,
            ),
            ("{status: {observedGeneration: 2}}", Healthy, "it exists", None),
            (
                "{status: {conditions: [{type: Ready, status: 'True'}]}}",
                Healthy,
                "it is ready",
                None,
            ),
            (
                "{status: {conditions: [{type: Ready, status: 'True', observedGeneration: 1}]}}",
                Progressing,
                "its controller has not looked at the newest change yet",
                None,
            ),
            (
                "{status: {conditions: [{type: Ready, status: 'False', reason: Issuing, message: \"Waiting for\\n the issuer.\"}]}}",
                Progressing,
                "it is not ready yet: Waiting for the issuer",
                None,
            ),
            (
                "{status: {conditions: [{type: Ready, status: Unknown, reason: Issuing}]}}",
                Progressing,
                "it is not ready yet: Issuing",
                None,
            ),
            (
                "{status: {conditions: [{type: Available, status: 'True'}]}}",
                Healthy,
                "it is available",
                None,
            ),
            (
                "{status: {conditions: [{type: Available, status: 'False'}]}}",
                Progressing,
                "it is not available yet",
                None,
            ),
            // Ready is the verdict of the whole, Available may be about a part.
            (
                "{status: {conditions: [{type: Available, status: 'False'}, {type: Ready, status: 'True'}]}}",
                Healthy,
                "it is ready",
                None,
            ),
            (
                "{status: {conditions: [{type: Ready, status: 'True'}, {type: Reconciling, status: 'True', message: copying}]}}",
                Progressing,
                "its controller is at work: copying",
                None,
            ),
            (
                "{status: {conditions: [{type: Stalled, status: 'True', reason: BadSpec}]}}",
                Degraded,
                "its controller has given up: BadSpec",
                None,
            ),
            (
                "{status: {conditions: [{type: Stalled, status: 'False', reason: BadSpec}]}}",
                Healthy,
                "it exists",
                None,
            ),
        ],
    );
}

#[test]
fn deployment() {
    let done = "conditions: [{type: Progressing, status: 'True', reason: NewReplicaSetAvailable}, {type: Available, status: 'True'}]";
    let complete = format!(
        "{{spec: {{replicas: 3, progressDeadlineSeconds: 600}}, status: {{observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, {done}}}}}"
    );
    let empty = format!(
        "{{spec: {{replicas: 0, progressDeadlineSeconds: 600}}, status: {{observedGeneration: 2, {done}}}}}"
    );
    check(
        "apps/v1",
        "Deployment",
        &[
            (complete.leak(), Healthy, "3 of 3 replicas are available", None),
            (empty.leak(), Healthy, "0 of 0 replicas are available", None),
            ("{spec: {}}", Progressing, "0 of 1 replica is created", None),
            (
                "{spec: {replicas: 2}, status: {conditions: [{type: ReplicaFailure, status: 'True', message: exceeded quota}]}}",
                Progressing,
                "0 of 2 replicas are created: exceeded quota",
                None,
            ),
            (
                "{spec: {replicas: 2}, status: {replicas: 3, updatedReplicas: 1}}",
                Progressing,
                "1 of 2 replicas are updated",
                None,
            ),
            (
                "{spec: {replicas: 2}, status: {replicas: 3, updatedReplicas: 2, availableReplicas: 2}}",
                Progressing,
                "1 replica of the old version still to stop",
                None,
            ),
            (
                "{spec: {replicas: 3}, status: {replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 2}}",
                Progressing,
                "2 of 3 replicas are available",
                None,
            ),
            (
                "{spec: {replicas: 1, progressDeadlineSeconds: 600}, status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}}",
                Progressing,
                "the newest ReplicaSet is not available yet",
                None,
            ),
            // Without a deadline nobody writes the condition Progressing.
            (
                "{spec: {replicas: 1, progressDeadlineSeconds: 2147483647}, status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Available, status: 'True'}]}}",
                Healthy,
                "1 of 1 replica is available",
                None,
            ),
            (
                "{spec: {replicas: 1, progressDeadlineSeconds: 60}, status: {replicas: 1, updatedReplicas: 1, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}}",
                Degraded,
                "the rollout did not finish within 60 seconds: 0 of 1 replica is available",
                None,
            ),
            (
                "{spec: {replicas: 2, paused: true}, status: {replicas: 2, updatedReplicas: 0}}",
                Progressing,
                "the rollout is paused by spec.paused: 0 of 2 replicas are updated",
                None,
            ),
        ],
    );
}

#[test]
fn stateful_set() {
    check(
        "apps/v1",
        "StatefulSet",
        &[
            ("{spec: {replicas: 2}}", Progressing, "0 of 2 replicas are created", None),
            (
                "{spec: {replicas: 2}, status: {replicas: 2, readyReplicas: 1}}",
                Progressing,
                "1 of 2 replicas are ready",
                None,
            ),
            (
                "{spec: {replicas: 1}, status: {replicas: 2, readyReplicas: 2}}",
                Progressing,
                "1 replica still to stop",
                None,
            ),
            (
                "{spec: {replicas: 2}, status: {replicas: 2, readyReplicas: 2, currentReplicas: 2, updatedReplicas: 2, currentRevision: a, updateRevision: a}}",
                Healthy,
                "2 of 2 replicas are ready",
                None,
            ),
            (
                "{spec: {replicas: 2}, status: {replicas: 2, readyReplicas: 2, currentReplicas: 1, updatedReplicas: 1, currentRevision: a, updateRevision: b}}",
                Progressing,
                "1 of 2 replicas are updated",
                None,
            ),
            // What the API server makes of a StatefulSet that says nothing of its strategy.
            (
                "{spec: {replicas: 2, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0}}}, status: {replicas: 2, readyReplicas: 2, currentReplicas: 1, updatedReplicas: 1, currentRevision: a, updateRevision: b}}",
                Progressing,
                "1 of 2 replicas are updated",
                None,
            ),
            (
                "{spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 0, currentRevision: a, updateRevision: b}}",
                Progressing,
                "0 of 1 replica is updated",
                None,
            ),
            (
                "{spec: {replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}, status: {replicas: 3, readyReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b}}",
                Healthy,
                "3 of 3 replicas are ready",
                Some("the partition keeps 2 replicas on the old version"),
            ),
            (
                "{spec: {replicas: 1, updateStrategy: {type: OnDelete}}, status: {replicas: 1, readyReplicas: 1, currentRevision: a, updateRevision: b}}",
                Healthy,
                "1 of 1 replica is ready",
                Some(
                    "its pods take over a change only when they are deleted (update strategy OnDelete)",
                ),
            ),
            (
                "{spec: {replicas: 1, updateStrategy: {type: OnDelete}}}",
                Progressing,
                "0 of 1 replica is created",
                None,
            ),
        ],
    );
}

#[test]
fn daemon_set() {
    check(
        "apps/v1",
        "DaemonSet",
        &[
            ("{}", Progressing, "its controller has not looked at it yet", None),
            (
                "{status: {desiredNumberScheduled: 0}}",
                Progressing,
                "its controller has not looked at it yet",
                None,
            ),
            (
                "{status: {observedGeneration: 2, desiredNumberScheduled: 0}}",
                Healthy,
                "0 of 0 pods are available",
                None,
            ),
            (
                "{status: {observedGeneration: 2, desiredNumberScheduled: 2, currentNumberScheduled: 1}}",
                Progressing,
                "1 of 2 pods are scheduled",
                None,
            ),
            (
                "{status: {observedGeneration: 2, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 1}}",
                Progressing,
                "1 of 2 pods are updated",
                None,
            ),
            (
                "{status: {observedGeneration: 2, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1}}",
                Progressing,
                "1 of 2 pods are available",
                None,
            ),
            (
                "{spec: {updateStrategy: {type: OnDelete}}, status: {observedGeneration: 2, desiredNumberScheduled: 1, currentNumberScheduled: 1, numberAvailable: 1, numberReady: 1}}",
                Healthy,
                "1 of 1 pod is available",
                Some(
                    "its pods take over a change only when they are deleted (update strategy OnDelete)",
                ),
            ),
        ],
    );
}

#[test]
fn replica_set() {
    check(
        "apps/v1",
        "ReplicaSet",
        &[
            ("{spec: {replicas: 0}}", Healthy, "0 of 0 replicas are available", None),
            ("{spec: {replicas: 2}}", Progressing, "0 of 2 replicas are created", None),
            (
                "{status: {replicas: 1, fullyLabeledReplicas: 1, availableReplicas: 1, readyReplicas: 1}}",
                Healthy,
                "1 of 1 replica is available",
                None,
            ),
            (
                "{status: {conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate}]}}",
                Progressing,
                "its replicas cannot be created: FailedCreate",
                None,
            ),
        ],
    );
}

#[test]
fn job_and_cron_job() {
    check(
        "batch/v1",
        "Job",
        &[
            ("{}", Progressing, "it has not started yet", None),
            (
                "{spec: {completions: 2}, status: {startTime: '2026-01-01T00:00:00Z', succeeded: 1}}",
                Healthy,
                "it is running: 1 of 2 completions are done",
                None,
            ),
            (
                "{status: {startTime: '2026-01-01T00:00:00Z', succeeded: 1, conditions: [{type: Complete, status: 'True'}]}}",
                Healthy,
                "it has finished: 1 of 1 completion is done",
                None,
            ),
            (
                "{status: {failed: 4, conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}]}}",
                Degraded,
                "it has failed after 4 failed pods: Job has reached the specified backoff limit",
                None,
            ),
            (
                "{spec: {suspend: true}, status: {conditions: [{type: Suspended, status: 'True'}]}}",
                Healthy,
                "it is suspended by spec.suspend",
                None,
            ),
        ],
    );
    check(
        "batch/v1",
        "CronJob",
        &[
            ("{spec: {suspend: false}}", Healthy, "it is scheduled", None),
            (
                "{spec: {suspend: true}}",
                Healthy,
                "it is scheduled",
                Some("it starts no Jobs, because spec.suspend is true"),
            ),
        ],
    );
}

#[test]
fn pod() {
    check(
        "v1",
        "Pod",
        &[
            ("{}", Progressing, "it has not been looked at yet", None),
            ("{status: {phase: Pending}}", Progressing, "it is starting", None),
            ("{status: {phase: Running}}", Progressing, "it is running, but not ready yet", None),
            ("{status: {phase: Succeeded}}", Healthy, "it has finished", None),
            (
                "{status: {phase: Failed, reason: Evicted, message: The node was low on memory.}}",
                Degraded,
                "it has ended with a failure: The node was low on memory",
                None,
            ),
            (
                "{status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}",
                Healthy,
                "it is ready",
                None,
            ),
            (
                "{status: {phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: web, state: {waiting: {reason: CrashLoopBackOff}}}]}}",
                Degraded,
                "container web crashes again and again",
                None,
            ),
            (
                "{status: {phase: Pending, initContainerStatuses: [{name: migrate, state: {waiting: {reason: CrashLoopBackOff}}}], containerStatuses: [{name: web, state: {waiting: {reason: PodInitializing}}}]}}",
                Degraded,
                "container migrate crashes again and again",
                None,
            ),
            (
                "{status: {phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: ContainerCreating}}}]}}",
                Progressing,
                "it is starting",
                None,
            ),
            (
                "{status: {phase: Pending, containerStatuses: [{name: web, state: {waiting: {reason: ImagePullBackOff}}}]}}",
                Progressing,
                "container web is waiting: ImagePullBackOff",
                None,
            ),
            (
                "{status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: '0/1 nodes are available: 1 Insufficient cpu.'}]}}",
                Progressing,
                "no node takes it: 0/1 nodes are available: 1 Insufficient cpu",
                None,
            ),
        ],
    );
}

#[test]
fn volumes() {
    check(
        "v1",
        "PersistentVolumeClaim",
        &[
            ("{}", Progressing, "it is not bound to a volume yet", None),
            ("{status: {phase: Pending}}", Progressing, "it is not bound to a volume yet", None),
            ("{status: {phase: Bound}}", Healthy, "it is bound to a volume", None),
            ("{status: {phase: Lost}}", Degraded, "the volume that it was bound to is gone", None),
        ],
    );
    check(
        "v1",
        "PersistentVolume",
        &[
            ("{status: {phase: Available}}", Healthy, "it exists", None),
            ("{status: {phase: Pending}}", Progressing, "it is not available yet", None),
            (
                "{status: {phase: Failed, message: no plugin}}",
                Degraded,
                "it could not be reclaimed: no plugin",
                None,
            ),
        ],
    );
}

#[test]
fn an_address_that_is_missing_is_a_note() {
    check(
        "v1",
        "Service",
        &[
            ("{spec: {type: ClusterIP}}", Healthy, "it exists", None),
            ("{spec: {type: ExternalName}}", Healthy, "it exists", None),
            ("{spec: {type: LoadBalancer}}", Progressing, "it has no cluster address yet", None),
            (
                "{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}, status: {loadBalancer: {}}}",
                Healthy,
                "it exists",
                Some("it has no external address yet"),
            ),
            (
                "{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}, status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}}",
                Healthy,
                "it exists",
                None,
            ),
        ],
    );
    check(
        "networking.k8s.io/v1",
        "Ingress",
        &[
            ("{status: {loadBalancer: {}}}", Healthy, "it exists", Some("it has no address yet")),
            (
                "{status: {loadBalancer: {ingress: [{hostname: lb.example.org}]}}}",
                Healthy,
                "it exists",
                None,
            ),
        ],
    );
}

#[test]
fn autoscalers_and_budgets_hold_nothing_back() {
    check(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        &[
            ("{}", Healthy, "it exists", None),
            (
                "{status: {conditions: [{type: AbleToScale, status: 'True'}, {type: ScalingActive, status: 'False', reason: FailedGetResourceMetric, message: unable to get metrics for resource cpu}]}}",
                Healthy,
                "it exists",
                Some(
                    "it does not scale, because it has no metrics: unable to get metrics for resource cpu",
                ),
            ),
            (
                "{status: {conditions: [{type: ScalingActive, status: 'False', reason: ScalingDisabled}]}}",
                Healthy,
                "it exists",
                None,
            ),
            (
                "{status: {conditions: [{type: AbleToScale, status: 'False', reason: FailedGetScale}]}}",
                Healthy,
                "it exists",
                Some("it cannot scale its target: FailedGetScale"),
            ),
        ],
    );
    check(
        "policy/v1",
        "PodDisruptionBudget",
        &[
            (
                "{status: {observedGeneration: 1}}",
                Progressing,
                "its controller has not looked at the newest change yet",
                None,
            ),
            (
                "{status: {observedGeneration: 2, disruptionsAllowed: 0}}",
                Healthy,
                "it exists",
                None,
            ),
            (
                "{status: {observedGeneration: 2, conditions: [{type: DisruptionAllowed, status: 'False', reason: SyncFailed, message: found no controllers}]}}",
                Healthy,
                "it exists",
                Some("its pods cannot be counted: found no controllers"),
            ),
        ],
    );
}

#[test]
fn extensions_of_the_api() {
    check(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &[
            ("{}", Progressing, "it is not established yet", None),
            (
                "{status: {conditions: [{type: NamesAccepted, status: 'True'}, {type: Established, status: 'True'}]}}",
                Healthy,
                "it is established",
                None,
            ),
            (
                "{status: {conditions: [{type: Established, status: 'False', reason: Installing}]}}",
                Progressing,
                "it is not established yet",
                None,
            ),
            (
                "{status: {conditions: [{type: Established, status: 'False', reason: NotAccepted}]}}",
                Degraded,
                "it is not established: NotAccepted",
                None,
            ),
            (
                "{status: {conditions: [{type: NamesAccepted, status: 'False', message: 'widgets is already in use'}]}}",
                Degraded,
                "its names are not accepted: widgets is already in use",
                None,
            ),
        ],
    );
    check(
        "apiregistration.k8s.io/v1",
        "APIService",
        &[
            ("{}", Progressing, "it is not available yet", None),
            (
                "{status: {conditions: [{type: Available, status: 'True'}]}}",
                Healthy,
                "it is available",
                None,
            ),
            (
                "{status: {conditions: [{type: Available, status: 'False', reason: MissingEndpoints}]}}",
                Progressing,
                "it is not available yet: MissingEndpoints",
                None,
            ),
        ],
    );
    check(
        "v1",
        "Namespace",
        &[
            ("{status: {phase: Active}}", Healthy, "it exists", None),
            ("{status: {phase: Terminating}}", Progressing, "it is being deleted", None),
        ],
    );
}

#[test]
fn a_long_foreign_text_is_cut() {
    let message = "word ".repeat(1_000);
    let object = json!({"status": {"conditions": [{"type": "Stalled", "status": "True", "message": message}]}});
    let said = health(&object).message;
    assert!(said.ends_with('…') && said.len() < 400, "{said}");
}

fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z .]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop::sample::select(vec![
            "replicas",
            "conditions",
            "type",
            "status",
            "observedGeneration",
            "updateStrategy",
            "rollingUpdate",
            "partition",
            "phase",
            "containerStatuses",
            "state",
            "waiting",
            "reason",
            "loadBalancer",
            "ingress",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4).prop_map(|pairs| pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_shape_makes_it_panic(
        kind in prop::sample::select(vec![
            ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("apps/v1", "ReplicaSet"),
            ("batch/v1", "Job"), ("batch/v1", "CronJob"), ("v1", "Pod"), ("v1", "PersistentVolumeClaim"), ("v1", "Service"),
            ("networking.k8s.io/v1", "Ingress"), ("autoscaling/v2", "HorizontalPodAutoscaler"), ("x/v1", "Any"),
        ]),
        metadata in odd_value(),
        spec in odd_value(),
        status in odd_value(),
    ) {
        let (api_version, kind) = kind;
        let verdict = health(&json!({
            "apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status,
        }));
        prop_assert!(!verdict.message.is_empty());
    }
}
