//! The floor: a bare client that sends what has to be sent, with the concurrency of Kargo, and
//! nothing else. It decides nothing, compares nothing and reads no answer.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::http::Request;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::core::Request as Collection;
use kube::core::params::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::observer::Observer;
use crate::stage::Stage;
use crate::workload;

const NAMESPACE: &str = "bench-floor";

/// As many writes at once as Kargo has under way.
pub(crate) const WRITES_AT_ONCE: usize = 16;

const PATIENCE: Duration = Duration::from_mins(15);

/// The time for the objects, one status and one Event of every app, until the Deployments are
/// observed.
pub(crate) async fn deploy(stage: &Stage, apps: usize) -> Result<Duration> {
    stage.create_namespace(NAMESPACE).await?;
    let names: Vec<String> = (0..apps).map(workload::app_name).collect();
    let created = names.iter().map(|name| {
        let app = workload::kargo_app(name, stage.repository.url(), name);
        apply("kargo.krampoline.io/v1alpha1", "kargoapps", &app)
    });
    send(stage, created.collect::<Result<Vec<_>>>()?).await?;
    let mut requests = Vec::new();
    for name in &names {
        for object in workload::objects(name, "hello") {
            requests.push(apply_object(NAMESPACE, object)?);
        }
        requests.push(status(name)?);
        requests.push(event(name)?);
    }
    let mut observer = Observer::open(&stage.client, "Deployment", NAMESPACE).await?;
    let begun = Instant::now();
    let observe = async {
        let mut waiting: HashSet<String> = names.iter().cloned().collect();
        let end = observer.when(PATIENCE, |seen| {
            let data = &seen.object.data;
            if data["status"]["observedGeneration"].as_i64() == seen.object.metadata.generation
                && let Some(name) = &seen.object.metadata.name
            {
                waiting.remove(name);
            }
            waiting.is_empty()
        });
        end.await.context("not every Deployment was observed")
    };
    let ((), end) = tokio::try_join!(send(stage, requests), observe)?;
    let took = end.max(begun).duration_since(begun).max(begun.elapsed());
    stage.remove_namespace(NAMESPACE).await?;
    Ok(took)
}

/// The time for the objects, the status and the Event of one large app.
pub(crate) async fn large(stage: &Stage, objects: usize) -> Result<Duration> {
    stage.create_namespace(NAMESPACE).await?;
    let app = workload::kargo_app("large", stage.large.url(), "large");
    send(stage, vec![apply("kargo.krampoline.io/v1alpha1", "kargoapps", &app)?]).await?;
    let mut requests = (0..objects)
        .map(|number| apply_object(NAMESPACE, workload::config_map(number)))
        .collect::<Result<Vec<_>>>()?;
    requests.push(status("large")?);
    requests.push(event("large")?);
    let begun = Instant::now();
    send(stage, requests).await?;
    let took = begun.elapsed();
    stage.remove_namespace(NAMESPACE).await?;
    Ok(took)
}

/// Sends one object, as the part of a push that is the API server's.
pub(crate) async fn send_one(stage: &Stage, namespace: &str, object: Value) -> Result<()> {
    send(stage, vec![apply_object(namespace, object)?]).await
}

async fn send(stage: &Stage, requests: Vec<Request<Vec<u8>>>) -> Result<()> {
    let client = &stage.as_kargo;
    stream::iter(requests)
        .map(|request| async move { client.request_text(request).await.map(drop) })
        .buffer_unordered(WRITES_AT_ONCE)
        .try_collect::<()>()
        .await
        .context("the bare client was refused")
}

/// An apply as Kargo sends it, with marks as large as its own. They have another prefix, so that
/// nobody takes them for Kargo's.
fn apply_object(namespace: &str, mut object: Value) -> Result<Request<Vec<u8>>> {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let metadata = &mut object["metadata"];
    metadata["namespace"] = json!(namespace);
    metadata["labels"]["floor.example.com/installation"] = json!("kargo");
    metadata["labels"]["floor.example.com/app-namespace"] = json!(namespace);
    metadata["labels"]["floor.example.com/app"] = json!(name);
    metadata["annotations"]["floor.example.com/identity"] =
        json!(format!("kargo/apps/{kind}/{namespace}/{name}"));
    metadata["annotations"]["floor.example.com/digest"] = json!(DIGEST);
    let version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    let plural = format!("{}s", kind.to_lowercase());
    apply_in(namespace, &version, &plural, &object)
}

fn apply(version: &str, plural: &str, object: &Value) -> Result<Request<Vec<u8>>> {
    apply_in(NAMESPACE, version, plural, object)
}

fn apply_in(
    namespace: &str,
    version: &str,
    plural: &str,
    object: &Value,
) -> Result<Request<Vec<u8>>> {
    let root = if version.contains('/') { "apis" } else { "api" };
    let collection = Collection::new(format!("/{root}/{version}/namespaces/{namespace}/{plural}"));
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let parameters = PatchParams::apply("floor").force();
    Ok(collection.patch(name, &parameters, &Patch::Apply(object))?)
}

const DIGEST: &str = "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
const COMMIT: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

/// A status as large as that of an app that was deployed.
fn status(name: &str) -> Result<Request<Vec<u8>>> {
    let time = "2026-01-01T00:00:00Z";
    let message = "Commit da39a3ee is deployed: all 4 objects are applied and healthy.";
    let verdict = |state: &str| {
        json!({
            "state": state, "revision": COMMIT, "digest": DIGEST, "message": message, "time": time,
        })
    };
    let conditions: Vec<Value> =
        ["Ready", "Reconciling", "Stalled", "Rendered", "Applied", "Healthy"]
            .iter()
            .map(|kind| {
                json!({
                    "type": kind, "status": "True", "reason": "Succeeded", "message": message,
                    "observedGeneration": 1, "lastTransitionTime": time,
                })
            })
            .collect();
    let status = json!({
        "observedGeneration": 1,
        "message": message,
        "desired": verdict("Succeeded"),
        "current": verdict("Succeeded"),
        "health": "Healthy",
        "shortRevision": "da39a3ee",
        "objects": {"desired": 4, "healthy": 4},
        "conditions": conditions,
    });
    let operations =
        serde_json::from_value(json!([{"op": "add", "path": "/status", "value": status}]))?;
    let collection = Collection::new(format!(
        "/apis/kargo.krampoline.io/v1alpha1/namespaces/{NAMESPACE}/kargoapps"
    ));
    let patch = Patch::Json::<()>(operations);
    Ok(collection.patch_subresource("status", name, &PatchParams::default(), &patch)?)
}

fn event(name: &str) -> Result<Request<Vec<u8>>> {
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{name}-"), "namespace": NAMESPACE},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "floor.example.com/controller",
        "reportingInstance": "floor",
        "action": "Deploy",
        "reason": "Deployed",
        "type": "Normal",
        "note": "Commit da39a3ee is deployed: all 4 objects are applied and healthy.",
        "regarding": {
            "apiVersion": "kargo.krampoline.io/v1alpha1",
            "kind": "KargoApp",
            "namespace": NAMESPACE,
            "name": name,
        },
    });
    let collection =
        Collection::new(format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"));
    Ok(collection.create(&PostParams::default(), event.to_string().into_bytes())?)
}
