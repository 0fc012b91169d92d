//! What Kargo may do under each profile, asked of the API server itself.

use kargo_tests::cluster::Cluster;
use kargo_tests::helm::CHART;

use crate::helm::Helm;

/// Whether the `ServiceAccount` of the release may do this; `action` as for `kubectl auth can-i`.
fn may(cluster: &Cluster, namespace: &str, action: &str) -> bool {
    let user = format!("system:serviceaccount:{namespace}:kargo");
    let output = cluster
        .kubectl()
        .args(["auth", "can-i", "--as", &user])
        .args(action.split(' '))
        .output()
        .expect("kubectl starts");
    match String::from_utf8_lossy(&output.stdout).trim() {
        "yes" => true,
        "no" => false,
        _ => panic!("{action}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn install(cluster: &Cluster, namespace: &str, profile: &str) {
    let profile = format!("rbac.profile={profile}");
    // The release of the other test owns the definition.
    let values = ["--set", &profile, "--set", "crds.install=false"];
    let install = ["install", "kargo", CHART, "--create-namespace", "--namespace", namespace];
    Helm::on(cluster).run(&[&install[..], &values].concat()).expect("it installs");
}

#[tokio::test]
async fn an_administrator_may_do_everything() {
    let cluster = Cluster::shared().await.expect("a control plane");
    install(cluster, "rights-admin", "clusterAdmin");
    for action in ["create deployments.apps -n default", "delete secrets -A", "* *"] {
        assert!(may(cluster, "rights-admin", action), "{action}");
    }
}

#[tokio::test]
async fn one_that_impersonates_reads_reports_and_does_nothing_else_itself() {
    let cluster = Cluster::shared().await.expect("a control plane");
    let namespace = "rights-impersonate";
    install(cluster, namespace, "impersonateOnly");
    let table = [
        ("list deployments.apps -A", true),
        ("watch configmaps -A", true),
        ("impersonate serviceaccounts -n default", true),
        ("create events -n default", true),
        ("create configmaps -n rights-impersonate", true),
        ("patch configmaps/kargo-inventory -n rights-impersonate", true),
        ("create leases.coordination.k8s.io -n rights-impersonate", true),
        ("patch leases.coordination.k8s.io/kargo -n rights-impersonate", true),
        ("patch leases.coordination.k8s.io/other -n rights-impersonate", false),
        ("patch leases.coordination.k8s.io/kargo -n kube-system", false),
        ("delete leases.coordination.k8s.io/kargo -n rights-impersonate", false),
        ("create configmaps -n default", false),
        ("patch configmaps/other -n rights-impersonate", false),
        ("create deployments.apps -n default", false),
        ("patch deployments.apps -n default", false),
        ("delete services -n default", false),
        ("get secrets -n default", false),
        ("create pods --subresource=exec -n default", false),
        ("impersonate users", false),
        ("impersonate groups", false),
        ("escalate clusterroles.rbac.authorization.k8s.io", false),
        ("bind clusterroles.rbac.authorization.k8s.io", false),
    ];
    for (action, expected) in table {
        assert_eq!(may(cluster, namespace, action), expected, "{action}");
    }
}
