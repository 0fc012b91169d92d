//! The apps, their objects and the repositories that they come from.

use anyhow::Result;
use kargo_tests::repository::Repository;
use serde_json::{Value, json};

/// Where the apps and their objects are.
pub(crate) const NAMESPACE: &str = "bench";
/// The same, with broken apps among them.
pub(crate) const DISTURBED_NAMESPACE: &str = "bench-disturbed";
/// The one app with many objects.
pub(crate) const LARGE_NAMESPACE: &str = "bench-large";

/// One app in so many is broken in that case.
const GOOD_FOR_EACH_BROKEN: usize = 20;
/// The large app has so many `ConfigMaps` for each app of the others.
pub(crate) const CONFIG_MAPS_PER_APP: usize = 5;
/// The objects that are deleted and edited by hand.
pub(crate) const DRIFTING: usize = 20;
/// The keys of each of them. Each edit takes the next one: who takes the same field again and
/// again is a fight, and is answered less and less often.
pub(crate) const DRIFTING_KEYS: usize = 25;

/// The folder and the app whose objects are changed by hand.
pub(crate) const DRIFT_APP: &str = "drift";

/// How many apps are broken in that case.
pub(crate) fn broken_of(apps: usize) -> usize {
    (apps / GOOD_FOR_EACH_BROKEN).max(1)
}

/// The name of an app; its folder in the repository has the same.
pub(crate) fn app_name(number: usize) -> String {
    format!("app-{number:04}")
}

/// The four objects of an app.
pub(crate) fn objects(name: &str, greeting: &str) -> [Value; 4] {
    let labels = json!({"app": name});
    [
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels},
            "data": {"greeting": greeting, "log-level": "info", "port": "8080"},
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "labels": labels},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "selector": labels,
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}],
            },
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "serviceAccountName": name,
                        "containers": [{
                            "name": "app",
                            "image": "registry.example.com/bench/app:1",
                            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                            "envFrom": [{"configMapRef": {"name": name}}],
                        }],
                    },
                },
            },
        }),
    ]
}

/// One `ConfigMap` of the large app.
pub(crate) fn config_map(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("map-{number:05}")},
        "data": {"number": number.to_string(), "log-level": "info"},
    })
}

/// The name of an object that is changed by hand.
pub(crate) fn drifting_name(number: usize) -> String {
    format!("drift-{number:02}")
}

/// A key of such an object, and the value that git has.
pub(crate) fn drifting_key(number: usize) -> String {
    format!("key-{number:02}")
}

/// A `KargoApp` for a folder of a repository.
pub(crate) fn kargo_app(name: &str, url: &str, path: &str) -> Value {
    json!({
        "apiVersion": "kargo.krampoline.io/v1alpha1", "kind": "KargoApp",
        "metadata": {"name": name},
        "spec": {"source": {"repoURL": url, "path": path}},
    })
}

/// Writes the folder of one app.
pub(crate) fn write_app(repository: &Repository, name: &str, greeting: &str) -> Result<()> {
    write_folder(repository, name, &objects(name, greeting))
}

/// Writes the folders of all good apps, of the broken ones, and of the one that drifts.
pub(crate) fn write_apps(repository: &Repository, apps: usize) -> Result<()> {
    for number in 0..apps {
        write_app(repository, &app_name(number), "hello")?;
    }
    let keys: serde_json::Map<String, Value> =
        (0..DRIFTING_KEYS).map(|key| (drifting_key(key), json!("as in git"))).collect();
    let drifting: Vec<Value> = (0..DRIFTING)
        .map(|number| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": drifting_name(number)}, "data": keys,
            })
        })
        .collect();
    write_folder(repository, DRIFT_APP, &drifting)?;

    repository.write("broken/no-file/kustomization.yaml", "resources: [missing.yaml]\n")?;
    repository.write("broken/no-yaml/kustomization.yaml", "resources: [app.yaml]\n")?;
    repository.write("broken/no-yaml/app.yaml", "kind: ConfigMap\n\tname: tab\n")?;
    let refused = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "refused"},
        "spec": {"ports": [{"port": 99_999}]},
    });
    write_folder(repository, "broken/refused", &[refused])?;
    let unserved = json!({
        "apiVersion": "example.com/v1", "kind": "Nobody", "metadata": {"name": "unserved"},
    });
    write_folder(repository, "broken/unserved", &[unserved])
}

/// Writes the folder of the large app.
pub(crate) fn write_large(repository: &Repository, objects: usize) -> Result<()> {
    let maps: Vec<Value> = (0..objects).map(config_map).collect();
    write_folder(repository, "large", &maps)
}

/// The repositories that broken apps name: one that works, and two that do not.
pub(crate) struct Urls<'a> {
    pub(crate) working: &'a str,
    pub(crate) missing: &'a str,
    pub(crate) silent: &'a str,
}

/// A broken app; each of seven is broken in its own way.
pub(crate) fn broken_app(number: usize, urls: &Urls<'_>) -> Value {
    let (url, path) = match number % 7 {
        0 => (urls.working, "broken/no-folder"),
        1 => (urls.working, "broken/no-file"),
        2 => (urls.working, "broken/no-yaml"),
        3 => (urls.working, "broken/refused"),
        4 => (urls.working, "broken/unserved"),
        5 => (urls.missing, "k8s"),
        _ => (urls.silent, "k8s"),
    };
    kargo_app(&format!("broken-{number:04}"), url, path)
}

fn write_folder(repository: &Repository, path: &str, objects: &[Value]) -> Result<()> {
    repository.write(&format!("{path}/kustomization.yaml"), "resources:\n- app.yaml\n")?;
    let mut stream = String::new();
    for object in objects {
        stream.push_str("---\n");
        stream.push_str(&serde_yaml::to_string(object)?);
    }
    repository.write(&format!("{path}/app.yaml"), stream)
}
