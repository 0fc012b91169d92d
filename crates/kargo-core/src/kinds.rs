//! What the API server serves: a value, made by discovery, passed to every decision that needs it.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::object::{GroupKind, group_version};

/// How one kind is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedKind {
    /// The name in URLs: `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The versions served, the server's preferred one first.
    pub versions: Vec<String>,
    /// Whether it can be listed and watched; what cannot be cannot be kept.
    pub watchable: bool,
}

/// Every kind that the API server serves, as far as is known. A kind that is not here is *unknown*, which
/// never means that its objects are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds {
    served: HashMap<GroupKind, ServedKind>,
    /// Groups that are registered and did not answer.
    pub silent_groups: BTreeSet<String>,
}

impl Kinds {
    /// Adds a kind, or a version of it.
    pub fn insert(&mut self, group_kind: GroupKind, version: &str, plural: &str, namespaced: bool, watchable: bool) {
        let kind = self.served.entry(group_kind).or_insert_with(|| ServedKind {
            plural: plural.to_owned(),
            namespaced,
            versions: Vec::new(),
            watchable,
        });
        if !kind.versions.iter().any(|known| known == version) {
            kind.versions.push(version.to_owned());
        }
    }

    /// How the kind is served, if it is.
    pub fn get(&self, group_kind: &GroupKind) -> Option<&ServedKind> {
        self.served.get(group_kind)
    }

    /// Whether this version of the kind is served.
    pub fn serves(&self, group: &str, version: &str, kind: &str) -> bool {
        self.get(&GroupKind::new(group, kind)).is_some_and(|kind| kind.versions.iter().any(|known| known == version))
    }

    /// All kinds that can be listed.
    pub fn watchable(&self) -> impl Iterator<Item = &GroupKind> {
        self.served.iter().filter(|(_, served)| served.watchable).map(|(group_kind, _)| group_kind)
    }

    /// Groups other than `group` that serve a kind of this name, for the hint of an error.
    pub fn groups_with_kind(&self, kind: &str) -> Vec<String> {
        let mut found: Vec<String> = self
            .served
            .iter()
            .filter(|(group_kind, _)| group_kind.kind == kind)
            .filter_map(|(group_kind, served)| {
                let version = served.versions.first()?;
                Some(if group_kind.group.is_empty() { version.clone() } else { format!("{}/{version}", group_kind.group) })
            })
            .collect();
        found.sort();
        found
    }

    /// The name of a served kind that is spelled almost like this one.
    pub fn nearest_kind(&self, kind: &str) -> Option<&str> {
        self.served
            .keys()
            .map(|group_kind| (strsim::damerau_levenshtein(&group_kind.kind.to_lowercase(), &kind.to_lowercase()), group_kind))
            .filter(|(distance, _)| *distance <= 2)
            .min_by(|left, right| left.0.cmp(&right.0).then_with(|| left.1.cmp(right.1)))
            .map(|(_, group_kind)| group_kind.kind.as_str())
    }
}

/// The kinds that the custom resource definitions among these objects will add: kind and scope.
pub fn defined_by<'a>(objects: impl Iterator<Item = &'a Value>) -> HashMap<GroupKind, bool> {
    objects
        .filter(|object| {
            object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition")
                && object
                    .get("apiVersion")
                    .and_then(Value::as_str)
                    .is_some_and(|text| group_version(text).0 == "apiextensions.k8s.io")
        })
        .filter_map(|definition| {
            let spec = definition.get("spec")?;
            let group = spec.get("group")?.as_str()?;
            let kind = spec.get("names")?.get("kind")?.as_str()?;
            let namespaced = spec.get("scope")?.as_str()? == "Namespaced";
            Some((GroupKind::new(group, kind), namespaced))
        })
        .collect()
}
