//! The desired set: what one commit renders to, made ready for the API server.
//!
//! [`Rendered`] can only be built from a build that succeeded whole, so that an error is never an empty set.

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexMap;
use kargo_api::names;
use serde_json::Value;

use crate::{
    autoscaling,
    bands::Band,
    digest,
    finding::{Finding, Location},
    kinds::{self, Kinds},
    left_out::{self, Pointer},
    marks,
    normalise::normalise,
    object::{AppKey, GroupKind, ObjectId, group_version},
    policy::Policy,
    reserved::is_reserved,
    upgrade::upgrade,
};

/// One desired object, marked and ready to be sent.
#[derive(Debug)]
pub struct Desired {
    id: ObjectId,
    version: String,
    digest: String,
    band: Band,
    location: Option<Location>,
    unserved: Option<Finding>,
    policy: Policy,
    left_out: Vec<Pointer>,
    digest_without_replicas: Option<Box<str>>,
    manifest: Value,
}

impl Desired {
    /// Who it is.
    pub fn id(&self) -> &ObjectId {
        &self.id
    }

    /// The version of its group that the manifest is written in.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The digest of the manifest; recorded on the live object.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// When it is applied, relative to the others.
    pub fn band(&self) -> Band {
        self.band
    }

    /// Where it stands in the repository.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Why it cannot be sent: the API server serves no such kind or version.
    pub fn unserved(&self) -> Option<&Finding> {
        self.unserved.as_ref()
    }

    /// What people said about it.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Fields that are left to others; they are not in the manifest.
    pub fn left_out(&self) -> &[Pointer] {
        &self.left_out
    }

    /// What is sent.
    pub fn manifest(&self) -> &Value {
        &self.manifest
    }

    /// The digest of [`Desired::manifest_without_replicas`].
    pub fn digest_without_replicas(&self) -> &str {
        self.digest_without_replicas.as_deref().unwrap_or(&self.digest)
    }

    /// Whether the manifest says how many replicas there are.
    pub fn sets_replicas(&self) -> bool {
        self.digest_without_replicas.is_some()
    }

    /// What is sent where an autoscaler that git does not know of sets the number of replicas.
    pub fn manifest_without_replicas(&self) -> Value {
        let mut manifest = self.manifest.clone();
        if let Some(digest) = &self.digest_without_replicas {
            Pointer::replicas().take_out(&mut manifest);
            marks::mark_digest(&mut manifest, digest);
        }
        manifest
    }
}

/// What the preparation of a desired set needs to know besides the build.
#[derive(Debug)]
pub struct Context<'a> {
    /// The installation that will own the objects.
    pub installation: &'a str,
    /// The app they belong to.
    pub app: &'a AppKey,
    /// The commit.
    pub revision: &'a str,
    /// What the API server serves.
    pub kinds: &'a Kinds,
    /// Objects that Kargo itself lives of; a repository must not take them over.
    pub reserved_namespace: Option<&'a str>,
}

/// Everything that one commit wants for one app. There is no other way to get one than a render that
/// succeeded whole; a commit that renders nothing gives an empty one, and that is for the caller to judge.
#[derive(Debug)]
pub struct Rendered {
    revision: String,
    digest: String,
    objects: IndexMap<ObjectId, Arc<Desired>>,
    warnings: Vec<Finding>,
    namespaces_needed: Vec<String>,
    signer: Option<String>,
}

impl Rendered {
    /// Prepares the objects of a build: upgrade, normalise, namespaces, marks. All errors of all objects together.
    pub fn prepare(
        build: kustomize::Build,
        warnings: Vec<Finding>,
        context: &Context<'_>,
    ) -> Result<Self, Vec<Finding>> {
        let defined = kinds::defined_by(build.objects.iter().map(kustomize::Object::value));
        let values = build.objects.iter().map(kustomize::Object::value);
        let autoscaled = autoscaling::targets(values, &context.app.namespace);
        let mut objects: IndexMap<ObjectId, Arc<Desired>> =
            IndexMap::with_capacity(build.objects.len());
        let mut findings = warnings;
        let mut errors = Vec::new();
        for object in build.objects {
            match prepare(&object, &defined, &autoscaled, context, &mut findings) {
                Ok(desired) => {
                    if let Some(first) = objects.get(&desired.id) {
                        errors.push(same_object_twice(first, &desired));
                    } else {
                        objects.insert(desired.id.clone(), Arc::new(desired));
                    }
                }
                Err(finding) => errors.push(*finding),
            }
        }
        if !errors.is_empty() {
            errors.append(&mut findings);
            errors.sort();
            return Err(errors);
        }
        let namespaces_needed = namespaces_needed(&objects);
        let digest = digest::of_all(objects.values().map(|desired| desired.digest()));
        findings.sort();
        Ok(Self {
            revision: context.revision.to_owned(),
            digest,
            objects,
            warnings: findings,
            namespaces_needed,
            signer: None,
        })
    }

    /// The same desired set for a later commit that changes nothing of what was read.
    #[must_use]
    pub fn at_revision(&self, revision: &str) -> Self {
        Self {
            revision: revision.to_owned(),
            digest: self.digest.clone(),
            objects: self.objects.clone(),
            warnings: self.warnings.clone(),
            namespaces_needed: self.namespaces_needed.clone(),
            signer: None,
        }
    }

    /// The same, with the name of whoever has signed the commit; `None` if nobody was asked.
    #[must_use]
    pub fn signed_by(self, signer: Option<String>) -> Self {
        Self { signer, ..self }
    }

    /// Who has signed the commit, if a signature was asked for.
    pub fn signer(&self) -> Option<&str> {
        self.signer.as_deref()
    }

    /// The commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The digest of everything.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The objects in the order of the build.
    pub fn objects(&self) -> impl ExactSizeIterator<Item = &Arc<Desired>> {
        self.objects.values()
    }

    /// The desired object of this identity.
    pub fn get(&self, id: &ObjectId) -> Option<&Arc<Desired>> {
        self.objects.get(id)
    }

    /// Whether the commit wants nothing at all.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// What was found and does not stand in the way.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// Namespaces that objects live in and that the set itself does not contain.
    pub fn namespaces_needed(&self) -> &[String] {
        &self.namespaces_needed
    }
}

fn prepare(
    object: &kustomize::Object,
    defined: &HashMap<GroupKind, bool>,
    autoscaled: &HashMap<ObjectId, String>,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Desired, Box<Finding>> {
    let locate = |path: &[&str]| Some(object.nearest_position(path));
    let location = locate(&[]);
    let serves =
        |group: &str, version: &str, kind: &str| context.kinds.serves(group, version, kind);

    let upgraded = upgrade(object.value().clone(), &locate, &serves)?;
    findings.extend(upgraded.findings);
    let normalised = normalise(upgraded.object, &locate)?;
    findings.extend(normalised.findings);
    let mut manifest = normalised.object;

    let Some(claimed) = ObjectId::of(&manifest) else {
        let finding =
            Finding::error("an object has no apiVersion, kind or metadata.name").at(location);
        return Err(Box::new(finding.help("Add what is missing")));
    };
    // An unknown kind is taken as namespaced; it is not applied before it is known.
    let namespaced = context
        .kinds
        .get(&claimed.group_kind)
        .map(|served| served.namespaced)
        .or_else(|| defined.get(&claimed.group_kind).copied())
        .unwrap_or(true);
    let namespace = namespaced
        .then(|| claimed.namespace.as_deref().unwrap_or(&context.app.namespace).to_owned());
    place(&mut manifest, namespace.as_deref());
    let id = ObjectId { namespace, ..claimed };
    refuse_reserved(&id, context, location.as_ref())?;

    let version = manifest
        .get("apiVersion")
        .and_then(Value::as_str)
        .map_or("", |text| group_version(text).1)
        .to_owned();
    let mut left_out = ignored_fields(&mut manifest, &id, &locate, findings)?;
    if let Some(autoscaler) = autoscaled.get(&id) {
        findings.extend(leave_replicas(&mut manifest, &id, autoscaler, &locate));
        left_out.push(Pointer::replicas());
    }
    marks::mark(&mut manifest, context.installation, context.app, &id);
    let digest = digest::of(&manifest);
    let digest_without_replicas = manifest.pointer("/spec/replicas").map(|_| {
        let mut without = manifest.clone();
        Pointer::replicas().take_out(&mut without);
        digest::of(&without).into_boxed_str()
    });
    marks::mark_digest(&mut manifest, &digest);
    let unserved = unserved(&id, &version, defined, context.kinds, location.as_ref());
    Ok(Desired {
        band: Band::of(&id.group_kind),
        id,
        version,
        digest,
        location,
        unserved,
        policy: Policy::of(&manifest),
        left_out,
        digest_without_replicas,
        manifest,
    })
}

/// Takes the fields out that the annotation `ignore-fields` names.
fn ignored_fields(
    manifest: &mut Value,
    id: &ObjectId,
    locate: &dyn Fn(&[&str]) -> Option<Location>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Pointer>, Box<Finding>> {
    let annotation = names::IGNORE_FIELDS_ANNOTATION;
    let Some(text) = manifest["metadata"]["annotations"][annotation].as_str() else {
        return Ok(Vec::new());
    };
    let place = locate(&["metadata", "annotations", annotation]).or_else(|| locate(&[]));
    let pointers = left_out::parse(text).map_err(|error| {
        let what = format!("annotation `{annotation}` of {}: {error}", id.short());
        let finding = Finding::error(what).at(place.clone()).about(id);
        Box::new(finding.help("Write JSON pointers such as `/spec/replicas`; `/` in a key is `~1`"))
    })?;
    for pointer in &pointers {
        if !pointer.take_out(manifest) {
            let what = format!(
                "annotation `{annotation}` names {}, and {} has no such field in git",
                pointer.as_str(),
                id.short()
            );
            let finding = Finding::warning(what).at(place.clone()).about(id);
            findings.push(finding.help("Correct the pointer, or delete it if the field is not in git any more; whole items of lists cannot be named"));
        }
    }
    Ok(pointers)
}

/// Takes the number of replicas out of a workload that an autoscaler of the set targets.
fn leave_replicas(
    manifest: &mut Value,
    id: &ObjectId,
    autoscaler: &str,
    locate: &dyn Fn(&[&str]) -> Option<Location>,
) -> Option<Finding> {
    if !Pointer::replicas().take_out(manifest) {
        return None;
    }
    let what = format!("`replicas` of {} is left to {autoscaler}, which sets it", id.short());
    let place = locate(&["spec", "replicas"]).or_else(|| locate(&[]));
    Some(Finding::note(what).at(place).about(id).help("Delete `replicas` in git; it has no effect"))
}

/// What to say of a kind or version that the API server does not serve.
fn unserved(
    id: &ObjectId,
    version: &str,
    defined: &HashMap<GroupKind, bool>,
    kinds: &Kinds,
    location: Option<&Location>,
) -> Option<Finding> {
    let GroupKind { group, kind } = &id.group_kind;
    if kinds.serves(group, version, kind) {
        return None;
    }
    let api_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let elsewhere = kinds.groups_with_kind(kind);
    let (what, help) = if defined.contains_key(&id.group_kind) {
        let what = format!(
            "kind {kind} of {api_version} is not served yet; its CustomResourceDefinition is in this commit"
        );
        (what, "It is applied as soon as the API server serves it".to_owned())
    } else if kinds.silent_groups.contains(group) {
        let what = format!("the API group {group} did not answer, so kind {kind} is not known");
        (what, "Look at its APIService with kubectl get apiservices".to_owned())
    } else if let Some(served) = kinds.get(&id.group_kind) {
        let what = format!("kind {kind} is not served as {api_version}");
        (what, format!("Write apiVersion: {}", join(group, &served.versions)))
    } else if !elsewhere.is_empty() {
        (
            format!("{api_version} has no kind {kind}"),
            format!("Write apiVersion: {}", elsewhere.join(" or ")),
        )
    } else if let Some(nearest) = kinds.nearest_kind(kind) {
        (format!("this cluster has no kind {kind}"), format!("Did you mean {nearest}?"))
    } else {
        let help =
            "Install the CustomResourceDefinition that defines it, or correct kind and apiVersion"
                .to_owned();
        (format!("this cluster has no kind {kind} of {api_version}"), help)
    };
    Some(Finding::error(what).at(location.cloned()).about(id).help(help))
}

fn join(group: &str, versions: &[String]) -> String {
    let full = |version: &String| {
        if group.is_empty() { version.clone() } else { format!("{group}/{version}") }
    };
    versions.iter().map(full).collect::<Vec<_>>().join(" or ")
}

/// Writes the namespace that the object really has: none if its kind is cluster-scoped.
fn place(manifest: &mut Value, namespace: Option<&str>) {
    let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    match namespace {
        Some(namespace) => {
            metadata.insert("namespace".to_owned(), Value::String(namespace.to_owned()))
        }
        None => metadata.shift_remove("namespace"),
    };
}

/// Kargo never takes over, and so never prunes, what it lives of.
fn refuse_reserved(
    id: &ObjectId,
    context: &Context<'_>,
    location: Option<&Location>,
) -> Result<(), Box<Finding>> {
    if context.reserved_namespace.is_some_and(|namespace| is_reserved(id, namespace)) {
        return Err(Box::new(
            Finding::error(format!(
                "{} belongs to Kargo's own installation and cannot be deployed by a KargoApp",
                id.short()
            ))
            .at(location.cloned())
            .about(id)
            .help("Take it out of the repository, or give it another name or namespace"),
        ));
    }
    Ok(())
}

fn same_object_twice(first: &Desired, second: &Desired) -> Finding {
    let elsewhere =
        first.location.as_ref().map(|place| format!(", first in {place}")).unwrap_or_default();
    Finding::error(format!("{} is defined twice{elsewhere}", second.id.short()))
        .at(second.location.clone())
        .about(&second.id)
        .help("Remove one of the two, or rename it")
}

fn namespaces_needed(objects: &IndexMap<ObjectId, Arc<Desired>>) -> Vec<String> {
    let mut needed: Vec<String> = objects
        .keys()
        .filter_map(|id| id.namespace.clone())
        .filter(|name| {
            !objects.contains_key(&ObjectId::new(GroupKind::new("", "Namespace"), None, name))
        })
        .collect();
    needed.sort();
    needed.dedup();
    needed
}

#[cfg(test)]
pub(crate) mod tests;
