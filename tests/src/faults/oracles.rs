//! What must hold under every fault, by the API server's own account: its objects, its Events and
//! its audit log. The controller's log is only searched for what must not be in it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kargo_api::names::DIGEST_ANNOTATION;
use serde_json::{Value, json};

use super::Scene;
use crate::world::wait::until;
use crate::world::{DEADLINE, World};

/// The kinds that workloads are made of.
const KINDS: [&str; 6] =
    ["ConfigMap", "Deployment", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"];

/// A secret value that must not show up anywhere but in the Secret itself.
#[derive(Debug, Clone)]
pub struct Canary(String);

impl Canary {
    /// One for this scene.
    pub fn of(world: &World) -> Self {
        // With characters that look different in a URL, and long enough to be met by no accident.
        Self(format!("CANARY+{}/%", world.namespace))
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.0
    }

    /// How it looks where somebody tried to be clever.
    fn disguises(&self) -> [String; 3] {
        let url: String = self
            .0
            .bytes()
            .map(|byte| match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        [self.0.clone(), STANDARD.encode(&self.0), url]
    }
}

/// How often each object was created and deleted: `resource/name` -> (creations, deletions).
pub type Counts = BTreeMap<String, (u32, u32)>;

/// What is in the world's namespace, in a form that is equal for equal outcomes.
///
/// Left out is what differs from run to run: uids, versions, times, addresses that Kubernetes
/// chooses, the commit. The world's own name is replaced.
pub async fn end_state(world: &World) -> Result<Value> {
    let mut state = BTreeMap::new();
    for kind in KINDS {
        for mut object in world.objects.list(&world.namespace, kind, "").await? {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            if matches!(name.as_str(), "kube-root-ca.crt" | "default") {
                continue;
            }
            let is_going = !object["metadata"]["deletionTimestamp"].is_null();
            let owned: Vec<Value> = object["metadata"]["managedFields"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|entry| entry["operation"] == "Apply")
                .map(|entry| json!({"manager": entry["manager"], "fields": entry["fieldsV1"]}))
                .collect();
            let spec = &mut object["spec"];
            for chosen in ["clusterIP", "clusterIPs", "volumeName"] {
                if let Some(spec) = spec.as_object_mut() {
                    spec.remove(chosen);
                }
            }
            // It is a digest of the manifest, and that has the world's name in it.
            if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
                annotations.remove(DIGEST_ANNOTATION);
            }
            let data = match kind {
                "Secret" => json!(object["data"].as_object().map(serde_json::Map::len)),
                _ => object["data"].clone(),
            };
            let kept = json!({
                "labels": object["metadata"]["labels"],
                "annotations": object["metadata"]["annotations"],
                "data": data,
                "spec": object["spec"],
                "owned": owned,
                "going": is_going,
            });
            state.insert(format!("{kind}/{name}"), kept);
        }
    }
    for app in world.objects.list(&world.namespace, "KargoApp", "").await? {
        let status = &app["status"];
        let conditions: BTreeMap<&str, &Value> = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|each| (each["type"].as_str().unwrap_or_default(), &each["status"]))
            .collect();
        let name = app["metadata"]["name"].as_str().unwrap_or_default();
        let kept = json!({
            "finalizers": app["metadata"]["finalizers"],
            "conditions": conditions,
            "desired": status["desired"]["state"],
            "current": status["current"]["state"],
            "objects": status["objects"],
        });
        state.insert(format!("KargoApp/{name}"), kept);
    }
    let text = serde_json::to_string(&state)?.replace(&world.namespace, "WORLD");
    Ok(serde_json::from_str(&text)?)
}

/// What the controller created and deleted in the world's namespace, by the audit log.
pub fn counts(world: &World) -> Counts {
    let mut counts = Counts::new();
    for event in world.writes() {
        let object = event.object();
        if object.namespace != world.namespace || matches!(object.resource.as_str(), "events") {
            continue;
        }
        let code = event.response_status.as_ref().map_or(0, |status| status.code);
        let count = counts.entry(format!("{}/{}", object.resource, object.name)).or_default();
        match event.verb.as_str() {
            "create" | "patch" | "update" if code == 201 => count.0 += 1,
            "delete" => count.1 += 1,
            _ => {}
        }
    }
    counts.retain(|_, count| *count != (0, 0));
    counts
}

/// Everything that must hold at every moment: what was deleted was allowed to be, and every
/// DELETE names the very object that was looked at.
pub fn invariants(world: &World, may_be_deleted: &[&str]) -> Result<()> {
    for event in world.writes().into_iter().filter(|event| event.verb.starts_with("delete")) {
        let object = event.object();
        let name = format!("{}/{}", object.resource, object.name);
        ensure!(
            object.namespace == world.namespace && may_be_deleted.contains(&name.as_str()),
            "{name} in {} was deleted",
            object.namespace
        );
        let preconditions = event.request_object.unwrap_or_default()["preconditions"].clone();
        ensure!(
            preconditions["uid"].is_string() && preconditions["resourceVersion"].is_string(),
            "the DELETE of {name} carried no uid and resourceVersion: {preconditions}"
        );
    }
    Ok(())
}

/// The controller lives and has not panicked, and no secret got out.
pub async fn clean(scene: &mut Scene, canary: Option<&Canary>) -> Result<()> {
    let controller = scene.world.controller();
    ensure!(controller.is_running()?, "the controller has ended");
    let log = controller.log()?;
    ensure!(!log.contains("panicked at"), "the controller has panicked");
    let Some(canary) = canary else { return Ok(()) };
    let (_, metrics) = controller.get("/metrics").await?;
    let mut places = vec![("its log", log), ("its metrics", metrics)];
    for (place, kind) in [("an Event", "Event"), ("a KargoApp", "KargoApp")] {
        let objects = scene.objects.list(&scene.namespace, kind, "").await?;
        places.push((place, serde_json::to_string(&objects)?));
    }
    for (place, text) in places {
        for hidden in canary.disguises() {
            ensure!(!text.contains(&hidden), "{place} holds a secret");
        }
    }
    Ok(())
}

/// Waits until the controller has written nothing for `period`, but to its Lease.
pub async fn becomes_quiet(world: &World, period: Duration) -> Result<()> {
    let writes = || -> Vec<String> {
        let writes = world.writes().into_iter();
        let writes = writes.filter(|event| event.object().resource != "leases");
        writes.map(|event| format!("{} {}", event.verb, event.request_uri)).collect()
    };
    let mut before = writes();
    let mut since = std::time::Instant::now();
    until("the controller has nothing left to write", DEADLINE, async || {
        let now = writes();
        if now.len() != before.len() {
            before = now;
            since = std::time::Instant::now();
        }
        Ok((since.elapsed() >= period).then_some(()))
    })
    .await
}

/// Waits until the controller has no more files and connections open than `before`, and a few.
pub async fn files_come_back(scene: &mut Scene, before: usize) -> Result<()> {
    /// Idle connections of a pool, and the odd request that is under way.
    const SLACK: usize = 8;
    let controller = scene.world.controller();
    until("the controller has closed what it had opened", DEADLINE, async || {
        Ok((controller.open_files()? <= before + SLACK).then_some(()))
    })
    .await
}
