//! Install, use, upgrade, uninstall: the workloads outlive it all.

use std::path::Path;
use std::time::Duration;

use kargo_tests::cluster::Cluster;
use kargo_tests::git_server::GitServer;
use kargo_tests::helm::CHART;
use kargo_tests::kargo_process::{KargoProcess, Settings, binary};
use kargo_tests::repository::Repository;
use kargo_tests::world::identity;
use kargo_tests::world::objects::Objects;
use kargo_tests::world::wait::{assert_for, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::helm::Helm;

const DEADLINE: Duration = Duration::from_mins(1);
const NAMESPACE: &str = "kargo-system";

/// Starts the process that the pod would run (no pod runs on this cluster), with the rights of
/// the release.
async fn start_controller(cluster: &Cluster, client: &kube::Client, folder: &Path) -> KargoProcess {
    let kubeconfig = folder.join("kubeconfig");
    identity::write_kubeconfig(client, cluster.kubeconfig(), NAMESPACE, "kargo", &kubeconfig)
        .await
        .expect("a token");
    let settings = Settings {
        program: binary().expect("kargo can be built"),
        installation: "kargo".to_owned(),
        system_namespace: NAMESPACE.to_owned(),
        watch_namespaces: Vec::new(),
        cache: folder.join("cache"),
        kubeconfig,
        flags: Vec::new(),
        environment: Vec::new(),
        log: folder.join("controller.log"),
    };
    let mut controller = KargoProcess::start(settings).expect("it starts");
    controller.wait_until_ready(DEADLINE).await.expect("it is ready");
    controller
}

fn push_a_config_map() -> (GitServer, Repository) {
    let git = GitServer::start().expect("a git server");
    let url = git.create_repository("shop.git").expect("a repository");
    let repository = Repository::new(&url).expect("a clone");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  value: \"1\"\n";
    repository.write("k8s/kustomization.yaml", "resources:\n- web.yaml\n").expect("a file");
    repository.write("k8s/web.yaml", map).expect("a file");
    repository.commit_and_push("start").expect("a push");
    (git, repository)
}

async fn wait_until_available(objects: &Objects, generation: i64) {
    wait_for("the Deployment of the release is up", DEADLINE, async || {
        let live = objects.get(NAMESPACE, "Deployment", "kargo").await?.unwrap_or_default();
        let is_up = live["metadata"]["generation"] == generation
            && live["status"]["observedGeneration"] == generation
            && live["status"]["updatedReplicas"] == 1
            && live["status"]["availableReplicas"] == 1;
        Ok(is_up.then_some(()))
    })
    .await;
}

#[tokio::test]
async fn workloads_outlive_an_upgrade_and_an_uninstall() {
    let cluster = Cluster::shared().await.expect("a control plane");
    let client = cluster.client().await.expect("a client");
    let objects = Objects::new(client.clone());
    let helm = Helm::on(cluster);
    let folder = TempDir::new().expect("a temporary folder");

    // Into a namespace that admits only restricted pods.
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/enforce-version": "latest",
        }},
    });
    objects.apply("", &namespace).await.expect("a namespace");
    let notes = helm.run(&["install", "kargo", CHART, "--namespace", NAMESPACE]);
    let notes = notes.expect("it installs");
    assert!(notes.contains("kind: KargoApp"), "it says what to apply next: {notes}");
    wait_until_available(&objects, 1).await;

    // Used, with the rights that it was given.
    let (_git, repository) = push_a_config_map();
    let controller = start_controller(cluster, &client, folder.path()).await;
    let app = json!({
        "apiVersion": "kargo.krampoline.io/v1alpha1", "kind": "KargoApp",
        "metadata": {"name": "shop"},
        "spec": {"source": {"repoURL": repository.url()}},
    });
    objects.apply("default", &app).await.expect("the definition is installed");
    let ready = async |name: &str| {
        wait_for(&format!("{name} is Ready"), DEADLINE, async || {
            let app = objects.get("default", "KargoApp", name).await?.unwrap_or_default();
            let conditions = app["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let is_ready = |each: &Value| each["type"] == "Ready" && each["status"] == "True";
            Ok(conditions.iter().any(is_ready).then_some(()))
        })
        .await;
    };
    ready("shop").await;
    let map = objects.get("default", "ConfigMap", "web").await.expect("an answer");
    let uid = map.expect("it was deployed")["metadata"]["uid"].clone();
    let workload_is_there = async || {
        let map = objects.get("default", "ConfigMap", "web").await?.unwrap_or_default();
        let app = objects.get("default", "KargoApp", "shop").await?.unwrap_or_default();
        let is_alive = app.is_object() && app["metadata"]["deletionTimestamp"].is_null();
        Ok(map["metadata"]["uid"] == uid && is_alive)
    };

    let upgrade =
        ["upgrade", "kargo", CHART, "--namespace", NAMESPACE, "--set", "log.filter=debug"];
    helm.run(&upgrade).expect("it upgrades");
    wait_until_available(&objects, 2).await;
    assert!(workload_is_there().await.expect("an answer"));

    // Uninstalled while the controller still runs, and after it has gone.
    helm.run(&["uninstall", "kargo", "--namespace", NAMESPACE]).expect("it uninstalls");
    let period = Duration::from_secs(3);
    assert_for("the workload is there", period, workload_is_there).await;
    drop(controller);
    for (kind, name) in [("Deployment", "kargo"), ("ServiceAccount", "kargo")] {
        let left = objects.get(NAMESPACE, kind, name).await.expect("an answer");
        let is_gone = left.is_none_or(|left| !left["metadata"]["deletionTimestamp"].is_null());
        assert!(is_gone, "{kind}/{name} is left");
    }

    // And installed again, it takes over what is there.
    helm.run(&["install", "kargo", CHART, "--namespace", NAMESPACE]).expect("it installs again");
    let _controller = start_controller(cluster, &client, folder.path()).await;
    ready("shop").await;
    assert!(workload_is_there().await.expect("an answer"));
}
