//! Overlays as people write them, of any size.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

/// Objects of one file.
const OBJECTS_PER_FILE: usize = 50;

/// Writes a base and an overlay of `count` resources into `folder`, and gives the size of all files in
/// bytes. The overlay is in `overlay`: namespace, prefix, labels, images, generators and one patch of each
/// kind.
pub(crate) fn write(folder: &Path, count: usize) -> Result<u64> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let mut bytes = 0;
    let mut file = |path: &str, text: &str| -> Result<()> {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        bytes += text.len() as u64;
        Ok(fs::write(path, text)?)
    };
    let numbers: Vec<usize> = (0..count).collect();
    let mut base = "resources:\n".to_owned();
    for (part, numbers) in numbers.chunks(OBJECTS_PER_FILE).enumerate() {
        let name = format!("part-{part}.yaml");
        let objects: Vec<String> = numbers.iter().map(|number| object(*number)).collect();
        writeln!(base, "- {name}")?;
        file(&format!("base/{name}"), &objects.join("---\n"))?;
    }
    file("base/kustomization.yaml", &base)?;
    file("overlay/kustomization.yaml", &overlay(count))?;
    file("overlay/settings.properties", "LOG_LEVEL=info\nCOLOUR=blue\n")?;
    file("overlay/resources.yaml", STRATEGIC_MERGE_PATCH)?;
    Ok(bytes)
}

/// One of the five objects of an app: workload, service, settings, account and route.
fn object(number: usize) -> String {
    let app = format!("app-{}", number / 5);
    let head = |api_version: &str, kind: &str| {
        format!(
            "apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {app}\n  labels:\n    app: {app}\n    tier: backend\n"
        )
    };
    match number % 5 {
        0 => {
            head("apps/v1", "Deployment")
                + &format!(
                    r"spec:
  replicas: 2
  selector:
    matchLabels:
      app: {app}
  template:
    metadata:
      labels:
        app: {app}
        tier: backend
    spec:
      serviceAccountName: {app}
      containers:
      - name: main
        image: registry.example.com/team/backend:1.4.2
        ports:
        - containerPort: 8080
          name: http
        env:
        - name: SERVICE_NAME
          value: {app}
        - name: LOG_FORMAT
          valueFrom:
            configMapKeyRef:
              name: {app}
              key: log-format
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
          limits:
            memory: 256Mi
        readinessProbe:
          httpGet:
            path: /healthz
            port: http
        volumeMounts:
        - name: config
          mountPath: /etc/app
      volumes:
      - name: config
        configMap:
          name: {app}
"
                )
        }
        1 => {
            head("v1", "Service")
                + &format!(
                    "spec:\n  selector:\n    app: {app}\n  ports:\n  - name: http\n    port: 80\n    targetPort: http\n"
                )
        }
        2 => {
            head("v1", "ConfigMap")
                + "data:\n  log-format: json\n  application.yaml: |\n    server:\n      port: 8080\n    features:\n      search: true\n      orders: false\n"
        }
        3 => head("v1", "ServiceAccount") + "automountServiceAccountToken: false\n",
        _ => {
            head("networking.k8s.io/v1", "Ingress")
                + &format!(
                    "spec:\n  rules:\n  - host: {app}.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: {app}\n            port:\n              name: http\n"
                )
        }
    }
}

const STRATEGIC_MERGE_PATCH: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-0
spec:
  template:
    spec:
      containers:
      - name: main
        resources:
          limits:
            memory: 512Mi
";

/// One generator for every hundred resources.
fn overlay(count: usize) -> String {
    let mut text = "namespace: production
namePrefix: shop-
labels:
- pairs:
    environment: production
  includeSelectors: true
images:
- name: registry.example.com/team/backend
  newTag: 1.5.0
resources:
- ../base
patches:
- path: resources.yaml
- target:
    kind: Deployment
    name: app-1
  patch: |-
    - op: replace
      path: /spec/replicas
      value: 3
secretGenerator:
- name: credentials
  literals:
  - user=shop
configMapGenerator:
"
    .to_owned();
    for number in 0..=count / 100 {
        let _ = write!(
            text,
            "- name: settings-{number}\n  envs:\n  - settings.properties\n  literals:\n  - NUMBER={number}\n"
        );
    }
    text
}
