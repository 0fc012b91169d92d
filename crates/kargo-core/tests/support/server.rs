//! An API server in memory: objects with uid, version and field ownership, and a log of what watches see.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kargo_api::{KargoApp, names};
use kargo_core::{
    kinds::Kinds,
    live::Live,
    marks::Mark,
    object::{AppKey, GroupKind, ObjectId},
    world::event::{Event, SeenApp},
};
use serde_json::{Value, json};

use super::{
    INSTALLATION,
    fields::{self, Owners, Path},
};

/// Why the API server does not do as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 404: no such object.
    NotFound,
    /// 409 or 422: uid or version are not the ones that were named.
    Conflict,
    /// 403: not before somebody acts.
    Denied,
    /// 503: not now.
    Unavailable,
}

/// A stored object.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) value: Value,
    owners: Owners,
}

/// Everything that outlives a crash of the controller.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) objects: BTreeMap<ObjectId, Stored>,
    pub(crate) apps: BTreeMap<AppKey, KargoApp>,
    /// The record of the kinds that were ever used.
    pub(crate) inventory: BTreeSet<GroupKind>,
    pub(crate) kinds: Kinds,
    /// Objects whose apply, and whose deletion, is denied.
    pub(crate) denied: BTreeSet<ObjectId>,
    pub(crate) denied_deletes: BTreeSet<ObjectId>,
    /// Kinds that cannot be listed.
    pub(crate) unlistable: BTreeSet<GroupKind>,
    /// Labels that admission strips from every object that is applied.
    pub(crate) stripped_labels: BTreeSet<String>,
    /// Whether Deployments come up by themselves.
    pub(crate) rolls_out: bool,
    watched: HashMap<GroupKind, Vec<Change>>,
    app_watch: Vec<AppChange>,
    version: u64,
    uids: u64,
}

#[derive(Debug, Clone)]
enum Change {
    Seen(Value),
    Gone(ObjectId, String),
}

#[derive(Debug, Clone)]
enum AppChange {
    Seen(Box<KargoApp>),
    Gone(AppKey),
}

impl Server {
    pub(crate) fn new() -> Self {
        let mut kinds = Kinds::default();
        for (group, kind, plural, namespaced) in [
            ("", "ConfigMap", "configmaps", true),
            ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
            ("", "Namespace", "namespaces", false),
            ("apps", "Deployment", "deployments", true),
            ("batch", "Job", "jobs", true),
            (
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                "customresourcedefinitions",
                false,
            ),
        ] {
            kinds.insert(GroupKind::new(group, kind), "v1", plural, namespaced, true);
        }
        Self {
            objects: BTreeMap::new(),
            apps: BTreeMap::new(),
            inventory: BTreeSet::new(),
            kinds,
            denied: BTreeSet::new(),
            denied_deletes: BTreeSet::new(),
            unlistable: BTreeSet::new(),
            stripped_labels: BTreeSet::new(),
            rolls_out: true,
            watched: HashMap::new(),
            app_watch: Vec::new(),
            version: 0,
            uids: 0,
        }
    }

    fn next_uid(&mut self) -> String {
        self.uids += 1;
        format!("uid-{}", self.uids)
    }

    // Objects.

    pub(crate) fn get(&self, id: &ObjectId) -> Option<&Value> {
        self.objects.get(id).map(|stored| &stored.value)
    }

    pub(crate) fn uid(&self, id: &ObjectId) -> Option<String> {
        self.get(id)?["metadata"]["uid"].as_str().map(str::to_owned)
    }

    /// The app whose marks an object carries.
    pub(crate) fn owner(&self, id: &ObjectId) -> Option<AppKey> {
        match observe(self.get(id)?).mark {
            Mark::Ours(app) => Some(app),
            Mark::Foreign => None,
        }
    }

    /// Everything that carries the marks of an app.
    pub(crate) fn owned_by(&self, app: &AppKey) -> BTreeSet<ObjectId> {
        self.objects.keys().filter(|id| self.owner(id).as_ref() == Some(app)).cloned().collect()
    }

    /// Server-side apply with force, as the manager of Kargo.
    pub(crate) fn apply(&mut self, manifest: &Value, uid: Option<&str>) -> Result<Value, Refusal> {
        let id = ObjectId::of(manifest).expect("a manifest has a name");
        let served = self.kinds.get(&id.group_kind).is_some();
        if !served {
            return Err(Refusal::NotFound);
        }
        if self.denied.contains(&id) {
            return Err(Refusal::Denied);
        }
        if uid.is_some_and(|uid| self.uid(&id).as_deref() != Some(uid)) {
            return Err(Refusal::Conflict);
        }
        let mut manifest = manifest.clone();
        for label in &self.stripped_labels {
            fields::remove(&mut manifest, &path(&["metadata", "labels", label]));
        }
        let before = self.objects.get(&id).cloned();
        let mut stored = before.clone().unwrap_or_else(|| Stored {
            value: json!({"apiVersion": manifest["apiVersion"], "kind": manifest["kind"],
                          "metadata": {"name": id.name, "namespace": id.namespace, "uid": self.next_uid(), "generation": 1}}),
            owners: Owners::default(),
        });
        let wanted = fields::of_manifest(&manifest);
        for gone in stored.owners.apply(names::FIELD_MANAGER, &wanted) {
            fields::remove(&mut stored.value, &gone);
        }
        for field in &wanted {
            let value = fields::get(&manifest, field).cloned().unwrap_or_default();
            fields::set(&mut stored.value, field, value);
        }
        Ok(self.store(before.as_ref(), stored))
    }

    /// Deletes an object, if it still is this incarnation in this version.
    pub(crate) fn delete(
        &mut self,
        id: &ObjectId,
        uid: &str,
        version: &str,
    ) -> Result<(), Refusal> {
        let metadata = &self.get(id).ok_or(Refusal::NotFound)?["metadata"];
        if self.denied_deletes.contains(id) {
            return Err(Refusal::Denied);
        }
        if metadata["uid"] != uid || metadata["resourceVersion"] != version {
            return Err(Refusal::Conflict);
        }
        self.remove(id);
        Ok(())
    }

    /// Somebody deletes an object. What has a finalizer stays until that is taken off.
    pub(crate) fn remove(&mut self, id: &ObjectId) {
        let Some(stored) = self.objects.get(id).cloned() else { return };
        if stored.value["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()) {
            let mut going = stored.clone();
            going.value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            self.store(Some(&stored), going);
            return;
        }
        self.objects.remove(id);
        self.version += 1;
        if is_selected(&stored.value) {
            let uid = stored.value["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            self.log(id, Change::Gone(id.clone(), uid));
        }
    }

    /// Somebody creates an object as it is, managedFields and all.
    pub(crate) fn create_raw(&mut self, mut value: Value, owners: Owners) {
        value["metadata"]["uid"] = json!(self.next_uid());
        value["metadata"]["generation"] = json!(1);
        self.store(None, Stored { value, owners });
    }

    /// What a backup keeps of an object.
    pub(crate) fn back_up(&self, id: &ObjectId) -> (Value, Owners) {
        let stored = &self.objects[id];
        (stored.value.clone(), stored.owners.clone())
    }

    /// Somebody changes a field by hand.
    pub(crate) fn edit(&mut self, id: &ObjectId, field: &[&str], value: Value) {
        let Some(before) = self.objects.get(id).cloned() else { return };
        let mut stored = before.clone();
        let field = path(field);
        if value.is_null() {
            fields::remove(&mut stored.value, &field);
            stored.owners.forget(&field);
        } else {
            fields::set(&mut stored.value, &field, value);
            stored.owners.take("kubectl-edit", &field);
        }
        self.store(Some(&before), stored);
    }

    /// A controller writes the status; it owns no field of ours.
    pub(crate) fn set_status(&mut self, id: &ObjectId, status: Value) {
        let Some(before) = self.objects.get(id).cloned() else { return };
        let mut stored = before.clone();
        stored.value["status"] = status;
        self.store(Some(&before), stored);
    }

    /// Stores an object, and tells watches if anything has changed.
    fn store(&mut self, before: Option<&Stored>, mut after: Stored) -> Value {
        let id = ObjectId::of(&after.value).expect("an object has a name");
        let was = before.map(|stored| stored.value.clone());
        if let Some(was) = was.as_ref().filter(|was| was.get("spec") != after.value.get("spec")) {
            after.value["metadata"]["generation"] =
                json!(was["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
        }
        if self.rolls_out
            && id.group_kind.kind == "Deployment"
            && before.is_none_or(|old| old.value.get("spec") != after.value.get("spec"))
        {
            after.value["status"] = up(&after.value);
        }
        after.value["metadata"]["managedFields"] =
            after.owners.managed_fields(&after.value["apiVersion"]);
        if was.as_ref() == Some(&after.value) {
            return after.value;
        }
        self.version += 1;
        after.value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(id.clone(), after.clone());
        let value = after.value;
        let going = value["metadata"].get("deletionTimestamp").is_some()
            && value["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        if going {
            self.remove(&id);
            return value;
        }
        match (was.is_some_and(|was| is_selected(&was)), is_selected(&value)) {
            (_, true) => self.log(&id, Change::Seen(value.clone())),
            (true, false) => {
                let uid = value["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
                self.log(&id, Change::Gone(id.clone(), uid));
            }
            (false, false) => {}
        }
        value
    }

    fn log(&mut self, id: &ObjectId, change: Change) {
        self.watched.entry(id.group_kind.clone()).or_default().push(change);
    }

    /// A list of one kind, and where its watch goes on; `None` if the kind cannot be listed.
    pub(crate) fn list(&self, group_kind: &GroupKind) -> Option<(Vec<Live>, usize)> {
        if self.unlistable.contains(group_kind) || self.kinds.get(group_kind).is_none() {
            return None;
        }
        let of_kind = self.objects.iter().filter(|(id, _)| id.group_kind == *group_kind);
        let selected = of_kind
            .filter(|(_, stored)| is_selected(&stored.value))
            .map(|(_, stored)| observe(&stored.value));
        Some((selected.collect(), self.watched.get(group_kind).map_or(0, Vec::len)))
    }

    /// The n-th event of the watch of a kind.
    pub(crate) fn watch(&self, group_kind: &GroupKind, at: usize) -> Option<Event> {
        Some(match self.watched.get(group_kind)?.get(at)? {
            Change::Seen(value) => Event::LiveSeen(Box::new(observe(value))),
            Change::Gone(id, uid) => Event::LiveGone { id: id.clone(), uid: uid.clone() },
        })
    }

    // KargoApps.

    pub(crate) fn list_apps(&self) -> (Vec<SeenApp>, usize) {
        (self.apps.values().cloned().filter_map(SeenApp::of).collect(), self.app_watch.len())
    }

    pub(crate) fn watch_apps(&self, at: usize) -> Option<Event> {
        Some(match self.app_watch.get(at)? {
            AppChange::Seen(app) => Event::AppSeen(SeenApp::of((**app).clone())?),
            AppChange::Gone(key) => Event::AppGone(key.clone()),
        })
    }

    /// Creates or changes a `KargoApp`.
    pub(crate) fn put_app(&mut self, key: &AppKey, change: impl FnOnce(&mut KargoApp)) {
        let uid = self.next_uid();
        let spec = json!({"source": {"repoURL": format!("https://git.example/{}", key.name)}});
        let app = self.apps.entry(key.clone()).or_insert_with(|| {
            serde_json::from_value(json!({
                "apiVersion": "kargo.krampoline.io/v1alpha1", "kind": "KargoApp",
                "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid, "generation": 1},
                "spec": spec,
            }))
            .expect("a KargoApp")
        });
        let before = app.clone();
        change(app);
        if app.spec != before.spec {
            app.metadata.generation = before.metadata.generation.map(|generation| generation + 1);
        }
        let unfinished = app.metadata.finalizers.as_ref().is_some_and(|list| !list.is_empty());
        if app.metadata.deletion_timestamp.is_some() && !unfinished {
            self.apps.remove(key);
            self.app_watch.push(AppChange::Gone(key.clone()));
            return;
        }
        let app = Box::new(app.clone());
        self.app_watch.push(AppChange::Seen(app));
    }

    /// Deletes a `KargoApp`; with a finalizer it stays until that is taken off.
    pub(crate) fn delete_app(&mut self, key: &AppKey) {
        if self.apps.contains_key(key) {
            self.put_app(key, |app| {
                app.metadata.deletion_timestamp =
                    serde_json::from_value(json!("2026-01-01T00:00:00Z")).expect("a time");
            });
        }
    }
}

/// A live object as the controller sees it.
pub(crate) fn observe(value: &Value) -> Live {
    Live::observe(value, INSTALLATION).expect("a stored object has name and uid")
}

/// The status of a Deployment that is up.
pub(crate) fn up(deployment: &Value) -> Value {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    json!({"observedGeneration": deployment["metadata"]["generation"], "replicas": replicas,
           "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
           "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]})
}

fn is_selected(value: &Value) -> bool {
    value["metadata"]["labels"][names::INSTALLATION_LABEL] == INSTALLATION
}

fn path(names: &[&str]) -> Path {
    names.iter().map(|name| (*name).to_owned()).collect()
}
