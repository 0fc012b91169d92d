//! Small manifests for tests that care about something else than what is in them.

use crate::world::World;

/// The file that names what is deployed.
pub const KUSTOMIZATION: &str = "k8s/kustomization.yaml";

/// A kustomization file with these resources.
pub fn kustomization(resources: &[&str]) -> String {
    let mut text = "resources:\n".to_owned();
    for resource in resources {
        text.push_str("- ");
        text.push_str(resource);
        text.push('\n');
    }
    text
}

/// A `ConfigMap` with the key `value`.
pub fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: \"{value}\"\n"
    )
}

/// A Deployment with one container.
pub fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
      - name: main
        image: {image}
"
    )
}

/// A `PersistentVolumeClaim` with these annotations (flow style: `{}` or `{key: value}`).
pub fn claim(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {name}
  annotations: {annotations}
spec:
  accessModes:
  - ReadWriteOnce
  resources:
    requests:
      storage: 1Gi
"
    )
}

/// A Service of type `LoadBalancer` with these annotations (flow style).
pub fn load_balancer(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata:
  name: {name}
  annotations: {annotations}
spec:
  type: LoadBalancer
  ports:
  - port: 80
"
    )
}

/// Pushes one `ConfigMap` for each of `names`, each in a file of its own, and returns the commit.
pub fn push_config_maps(world: &World, names: &[&str]) -> String {
    let files: Vec<String> = names.iter().map(|name| format!("{name}.yaml")).collect();
    for (name, file) in names.iter().zip(&files) {
        world.write(&format!("k8s/{file}"), &config_map(name, "1"));
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    world.write(KUSTOMIZATION, &kustomization(&files));
    world.push("config maps")
}
