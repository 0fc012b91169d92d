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
    pub fn insert(
        &mut self,
        group_kind: GroupKind,
        version: &str,
        plural: &str,
        namespaced: bool,
        watchable: bool,
    ) {
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
        self.get(&GroupKind::new(group, kind))
            .is_some_and(|kind| kind.versions.iter().any(|known| known == version))
    }

    /// What is served here and not by `newer`: kinds with a version. Groups that do not answer right now are left
    /// out; nothing is known of them.
    pub fn lost_to(&self, newer: &Self) -> BTreeSet<(GroupKind, String)> {
        let answers = |kind: &GroupKind| !newer.silent_groups.contains(&kind.group);
        self.served
            .iter()
            .filter(|(kind, _)| answers(kind))
            .flat_map(|(kind, served)| served.versions.iter().map(move |version| (kind, version)))
            .filter(|(kind, version)| !newer.serves(&kind.group, version, &kind.kind))
            .map(|(kind, version)| (kind.clone(), version.clone()))
            .collect()
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
                Some(if group_kind.group.is_empty() {
                    version.clone()
                } else {
                    format!("{}/{version}", group_kind.group)
                })
            })
            .collect();
        found.sort();
        found
    }

    /// The name of a served kind that is spelled almost like this one.
    pub fn nearest_kind(&self, kind: &str) -> Option<&str> {
        self.served
            .keys()
            .map(|group_kind| {
                (
                    strsim::damerau_levenshtein(
                        &group_kind.kind.to_lowercase(),
                        &kind.to_lowercase(),
                    ),
                    group_kind,
                )
            })
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn served() -> Kinds {
        let mut kinds = Kinds::default();
        kinds.insert(GroupKind::new("apps", "Deployment"), "v1", "deployments", true, true);
        kinds.insert(
            GroupKind::new("autoscaling", "HorizontalPodAutoscaler"),
            "v2",
            "horizontalpodautoscalers",
            true,
            true,
        );
        kinds.insert(
            GroupKind::new("autoscaling", "HorizontalPodAutoscaler"),
            "v1",
            "horizontalpodautoscalers",
            true,
            true,
        );
        kinds.insert(GroupKind::new("", "Binding"), "v1", "bindings", true, false);
        kinds
    }

    #[rstest]
    #[case("apps", "v1", "Deployment", true)]
    #[case("apps", "v1beta1", "Deployment", false)]
    #[case("extensions", "v1", "Deployment", false)]
    #[case("autoscaling", "v1", "HorizontalPodAutoscaler", true)]
    fn a_version_is_served_or_not(
        #[case] group: &str,
        #[case] version: &str,
        #[case] kind: &str,
        #[case] is_served: bool,
    ) {
        assert_eq!(served().serves(group, version, kind), is_served);
    }

    #[test]
    fn the_servers_preferred_version_comes_first() {
        let kinds = served();
        let kind = kinds
            .get(&GroupKind::new("autoscaling", "HorizontalPodAutoscaler"))
            .expect("it is served");
        assert_eq!(kind.versions, ["v2", "v1"]);
    }

    #[test]
    fn what_cannot_be_watched_is_not_listed() {
        assert!(!served().watchable().any(|group_kind| group_kind.kind == "Binding"));
    }

    #[rstest]
    #[case("Deploymnet", Some("Deployment"))]
    #[case("deployment", Some("Deployment"))]
    #[case("Widget", None)]
    fn a_mistyped_kind_has_a_nearest_one(#[case] typed: &str, #[case] nearest: Option<&str>) {
        assert_eq!(served().nearest_kind(typed), nearest);
    }

    #[test]
    fn a_kind_is_found_in_other_groups() {
        assert_eq!(served().groups_with_kind("Deployment"), ["apps/v1"]);
    }

    #[test]
    fn definitions_say_which_kinds_they_add() {
        let definition = |kind: &str, scope: &str| {
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                   "spec": {"group": "example.com", "names": {"kind": kind}, "scope": scope}})
        };
        let objects = [
            definition("Widget", "Namespaced"),
            definition("Fleet", "Cluster"),
            json!({"kind": "ConfigMap"}),
        ];
        let defined = defined_by(objects.iter());
        assert_eq!(defined.len(), 2);
        assert_eq!(
            (
                defined[&GroupKind::new("example.com", "Widget")],
                defined[&GroupKind::new("example.com", "Fleet")]
            ),
            (true, false)
        );
    }
}
