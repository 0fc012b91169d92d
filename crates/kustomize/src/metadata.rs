//! Annotations about the build itself (`buildMetadata`), and what is done to annotations at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::position::Spot;
use crate::resource::Resource;
use crate::transformers::patch_strategic_merge::stringify;
use crate::yaml::{Data, Map, Node};

/// Where an object comes from.
pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
/// What changed it.
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// Marks that kustomize keeps in annotations and takes away at the end.
pub(crate) const INTERNAL: [&str; 18] = [
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

/// Where something comes from, as `buildMetadata` shows it: a path from the folder of the build, or
/// what it is configured by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    path: String,
    configured_in: String,
    configured_by: Vec<(&'static str, String)>,
}

impl Origin {
    /// The origin of what `path` names here.
    pub(crate) fn append(&self, path: &str) -> Self {
        Self { path: join(&self.path, path), ..Self::default() }
    }

    /// The origin of what a field of a kustomization file makes.
    pub(crate) fn configured_by(&self, file: &str, kind: &str) -> Self {
        Self {
            path: String::new(),
            configured_in: join(&self.path, file),
            configured_by: vec![("apiVersion", "builtin".to_owned()), ("kind", kind.to_owned())],
        }
    }

    /// The origin of what an object of `generators` or `transformers` makes; `path` is its own.
    pub(crate) fn configured_by_object(resource: &Resource) -> Option<Self> {
        let own = resource.annotation(ORIGIN)?;
        let path = own.lines().find_map(|line| line.strip_prefix("path: ")).unwrap_or_default();
        let id = &resource.id;
        let mut configured_by = vec![
            ("apiVersion", id.gvk.api_version()),
            ("kind", id.gvk.kind.to_string()),
            ("name", id.name.to_string()),
        ];
        if !id.namespace.is_empty() {
            configured_by.push(("namespace", id.namespace.to_string()));
        }
        Some(Self { path: String::new(), configured_in: path.to_owned(), configured_by })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.path.is_empty() {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "path: {}", self.path);
        }
        if !self.configured_in.is_empty() {
            let _ = writeln!(text, "configuredIn: {}", self.configured_in);
        }
        if !self.configured_by.is_empty() {
            text.push_str("configuredBy:\n");
            for (field, value) in &self.configured_by {
                let _ = writeln!(text, "  {field}: {value}");
            }
        }
        text
    }

    pub(crate) fn annotate(&self, resource: &mut Resource) {
        set_annotation(resource, ORIGIN, &self.text());
    }

    pub(crate) fn annotate_if_missing(&self, resource: &mut Resource) {
        if resource.annotation(ORIGIN).is_none() {
            self.annotate(resource);
        }
    }

    /// Adds a transformer to the list; what has no origin yet counts as made by it. Gives the bytes that
    /// were written, those of the list before it included.
    pub(crate) fn annotate_change(&self, resource: &mut Resource) -> usize {
        if resource.annotation(ORIGIN).is_none() {
            self.annotate(resource);
            return self.text().len();
        }
        let mut text = resource.annotation(TRANSFORMATIONS).unwrap_or_default().to_owned();
        for (number, line) in self.text().lines().enumerate() {
            let _ = writeln!(text, "{}{line}", if number == 0 { "- " } else { "  " });
        }
        set_annotation(resource, TRANSFORMATIONS, &text);
        if let Some(metadata) = resource.metadata_mut() {
            stringify(metadata, "annotations");
        }
        text.len()
    }
}

/// Joins and cleans two relative paths.
fn join(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Sets one annotation to a text.
pub(crate) fn set_annotation(resource: &mut Resource, key: &str, text: &str) {
    let spot = resource.node.spot;
    let Some(metadata) = resource.metadata_mut() else { return };
    let annotations = metadata.get_or_insert_with("annotations", || Node::empty_map(spot));
    if annotations.is_null() {
        *annotations = Node::empty_map(spot);
    }
    if let Data::Map(map) = &mut annotations.data {
        map.set(key, Node::string(text, Spot::NOWHERE));
    }
}

/// Replaces a map of texts in `metadata`.
pub(crate) fn set_texts(resource: &mut Resource, field: &str, texts: BTreeMap<String, String>) {
    let spot = resource.node.spot;
    let Some(metadata) = resource.metadata_mut() else { return };
    if texts.is_empty() {
        metadata.remove(field);
        return;
    }
    let mut map = Map::default();
    for (key, text) in texts {
        let place = metadata.get(field).and_then(|old| old.get(&key)).map_or(spot, |old| old.spot);
        map.set(&key, Node::string(text, place));
    }
    metadata.set(field, Node::new(Data::Map(map), spot));
}

/// What kustomize does to the annotations of every object at the end: marks go, those about the build
/// go unless they are asked for, and all values become texts.
pub(crate) fn finish(resource: &mut Resource, keeps_origin: bool, keeps_transformations: bool) {
    let Some(metadata) = resource.metadata_mut() else { return };
    if let Some(Data::Map(map)) =
        metadata.get_mut("annotations").map(|annotations| &mut annotations.data)
    {
        map.entries.retain(|(key, _)| {
            let key = &*key.text;
            !INTERNAL.contains(&key)
                && (keeps_origin || key != ORIGIN)
                && (keeps_transformations || key != TRANSFORMATIONS)
        });
    }
    stringify(metadata, "annotations");
}
