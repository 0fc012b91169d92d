//! Objects written for versions that the cluster no longer serves.

use kargo_api::status::Severity;
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::json;

use crate::manifests::{KUSTOMIZATION, kustomization};

/// An Ingress of an old version, with `backend` as it was written then. The name of its service
/// is at line 10.
fn old_ingress(version: &str, path: &str, backend: &str) -> String {
    format!(
        "apiVersion: {version}
kind: Ingress
metadata:
  name: web
spec:
  rules:
  - http:
      paths:
      - {path}backend:
          serviceName: web
{backend}"
    )
}

#[tokio::test]
async fn an_old_ingress_is_applied_as_it_was_meant() {
    let inside = "          servicePort: 80\n          path: /\n          pathType: Prefix\n";
    let web = |port: serde_json::Value| json!({"service": {"name": "web", "port": port}});
    // Version, path beside the backend, the rest of the backend, and the path of the live object.
    let table = [
        (
            "networking.k8s.io/v1beta1",
            "",
            inside,
            json!({"path": "/", "pathType": "Prefix", "backend": web(json!({"number": 80}))}),
        ),
        (
            "extensions/v1beta1",
            "path: /api\n        ",
            "          servicePort: http\n",
            json!({
                "path": "/api", "pathType": "ImplementationSpecific",
                "backend": web(json!({"name": "http"})),
            }),
        ),
        (
            "networking.k8s.io/v1beta1",
            "path: /outer\n        pathType: Exact\n        ",
            inside,
            json!({"path": "/outer", "pathType": "Exact", "backend": web(json!({"number": 80}))}),
        ),
        (
            "networking.k8s.io/v1beta1",
            "",
            "          servicePort: \"8080\"\n",
            json!({"pathType": "ImplementationSpecific", "backend": web(json!({"number": 8080}))}),
        ),
    ];
    let world = World::new("old-ingress").await;
    world.write(KUSTOMIZATION, &kustomization(&["web.yaml"]));
    world.apply_app("shop").await;
    for (version, path, backend, expected) in table {
        let text = old_ingress(version, path, backend);
        let commit = world.push_files(&[("k8s/web.yaml", &text)]);
        let app = world.wait_until_deployed("shop", &commit).await;
        let live = world.object("Ingress", "web").await;
        assert_eq!(live.pointer("/spec/rules/0/http/paths/0"), Some(&expected), "{text}");
        let warned = app.findings().iter().any(|finding| {
            finding.severity == Severity::Warning
                && finding.message.contains(version)
                && finding.location.as_deref().is_some_and(|at| at.starts_with("k8s/web.yaml:1"))
        });
        assert!(warned, "no warning about {version} in: {}", app.story());
    }
}

const DISRUPTION_BUDGET: &str = "apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata:
  name: web
spec:
  minAvailable: 1
  selector:
    matchLabels:
      app: web
";

const CRON_JOB: &str = "apiVersion: batch/v1beta1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: \"0 3 * * *\"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: main
            image: backup
";

#[tokio::test]
async fn other_removed_versions_are_applied_in_the_served_one() {
    let world = World::new("old-versions").await;
    let commit = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["disruption.yaml", "cron.yaml"])),
        ("k8s/disruption.yaml", DISRUPTION_BUDGET),
        ("k8s/cron.yaml", CRON_JOB),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    assert_eq!(world.managed("PodDisruptionBudget").await, ["web"]);
    assert_eq!(world.managed("CronJob").await, ["nightly"]);
}
