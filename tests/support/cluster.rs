//! The control plane does what a real one with a kubelet does, as far as the tests rely on it.

use std::time::Duration;

use kargo_tests::cluster::Cluster;
use kargo_tests::cluster::stages::ADDRESS_ANNOTATION;
use kargo_tests::world::objects::Objects;
use kargo_tests::world::wait::wait_for;
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(30);

/// Objects in a namespace of its own.
async fn objects_in(namespace: &str) -> (&'static Cluster, Objects) {
    let cluster = Cluster::shared().await.expect("a control plane");
    let objects = Objects::new(cluster.client().await.expect("a client"));
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    objects.apply("", &object).await.expect("a namespace");
    (cluster, objects)
}

async fn wait_for_status(objects: &Objects, namespace: &str, kind: &str, name: &str, path: &str) {
    wait_for(&format!("{kind}/{name} has {path}"), DEADLINE, async || {
        let object = objects.get(namespace, kind, name).await?.unwrap_or_default();
        let value = object.pointer(path).cloned().unwrap_or(Value::Null);
        Ok((!value.is_null()).then_some(()))
    })
    .await;
}

fn pod_template(app: &str, restart: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"restartPolicy": restart, "containers": [{"name": "main", "image": app}]},
    })
}

#[tokio::test]
async fn workloads_come_up() {
    let (_, objects) = objects_in("workloads-come-up").await;
    let namespace = "workloads-come-up";
    let selector = json!({"matchLabels": {"app": "web"}});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": selector, "template": pod_template("web", "Always")},
    });
    let database = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "database"},
        "spec": {
            "serviceName": "database", "selector": selector,
            "template": pod_template("web", "Always"),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }],
        },
    });
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
        "spec": {"template": pod_template("once", "Never")},
    });
    for object in [&deployment, &database, &job] {
        objects.apply(namespace, object).await.expect("an object is accepted");
    }

    wait_for_status(&objects, namespace, "Deployment", "web", "/status/availableReplicas").await;
    wait_for_status(&objects, namespace, "StatefulSet", "database", "/status/readyReplicas").await;
    wait_for_status(&objects, namespace, "Job", "once", "/status/completionTime").await;
    let claim = objects
        .get(namespace, "PersistentVolumeClaim", "data-database-0")
        .await
        .expect("an answer")
        .expect("the claim is there");
    assert_eq!(claim["status"]["phase"], "Bound");
}

#[tokio::test]
async fn an_address_is_given_to_whom_asks_for_it() {
    let (_, objects) = objects_in("addresses").await;
    let service = |name: &str, annotations: Value| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
        })
    };
    let asking = service("asking", json!({ADDRESS_ANNOTATION: "203.0.113.7"}));
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "asking", "annotations": {ADDRESS_ANNOTATION: "203.0.113.8"}},
        "spec": {"defaultBackend": {"service": {"name": "asking", "port": {"number": 80}}}},
    });
    for object in [&service("waiting", json!({})), &asking, &ingress] {
        objects.apply("addresses", object).await.expect("an object is accepted");
    }

    let address = "/status/loadBalancer/ingress/0/ip";
    for (kind, expected) in [("Service", "203.0.113.7"), ("Ingress", "203.0.113.8")] {
        wait_for_status(&objects, "addresses", kind, "asking", address).await;
        let object = objects.get("addresses", kind, "asking").await.expect("an answer");
        assert_eq!(object.expect("it is there").pointer(address), Some(&json!(expected)));
    }
    let waiting = objects.get("addresses", "Service", "waiting").await.expect("an answer");
    assert_eq!(waiting.expect("it is there").pointer(address), None);
}

#[tokio::test]
async fn the_audit_log_tells_who_deleted_what() {
    let (cluster, objects) = objects_in("audited").await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gone"}});
    objects.apply("audited", &map).await.expect("it is accepted");
    objects.delete("audited", "ConfigMap", "gone").await.expect("it is deleted");

    let is_ours = |event: &kargo_tests::cluster::audit::AuditEvent| {
        let object = event.object();
        object.namespace == "audited" && object.name == "gone" && event.is_write()
    };
    let verbs: Vec<String> = cluster
        .audit_of("admin")
        .expect("the audit log")
        .into_iter()
        .filter(is_ours)
        .map(|event| {
            assert!(event.succeeded(), "{event:?}");
            event.verb
        })
        .collect();
    assert_eq!(verbs, ["patch", "delete"]);
}

#[tokio::test]
async fn kubectl_and_the_server_are_the_same_release() {
    let cluster = Cluster::shared().await.expect("a control plane");
    let output =
        cluster.kubectl().args(["version", "--output=json"]).output().expect("kubectl starts");
    let versions: Value = serde_json::from_slice(&output.stdout).expect("kubectl prints JSON");
    let client = &versions["clientVersion"]["gitVersion"];
    assert_eq!(client, &versions["serverVersion"]["gitVersion"]);
    assert_eq!(
        client.as_str(),
        kargo_tests::go_tools::required_version("control-plane", "k8s.io/kubernetes")
            .ok()
            .as_deref()
    );
}
