//! What is known about kinds: whether they live in a namespace, and which of their lists a strategic
//! merge patch merges by key. Kubernetes v1.21.2 as kustomize embeds it, or the file that the
//! kustomization's `openapi` names; never global.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

/// Origin: see the field `origin` of the file.
static BUILTIN_LISTS: LazyLock<Value> =
    LazyLock::new(|| parse(include_str!("../data/strategic-merge-lists.json")));
static BUILTIN_SCOPE: LazyLock<HashMap<String, bool>> = LazyLock::new(|| {
    let data = parse(include_str!("../data/scope.json"));
    let kinds = data["namespaced"].as_object();
    kinds
        .into_iter()
        .flatten()
        .map(|(kind, namespaced)| (kind.clone(), namespaced.as_bool() == Some(true)))
        .collect()
});

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The schema of one build.
#[derive(Debug, Clone, Default)]
pub(crate) enum Schema {
    /// Kubernetes v1.21.2.
    #[default]
    Builtin,
    /// An OpenAPI document from the tree.
    Custom(Arc<CustomSchema>),
}

/// An OpenAPI document with its definitions by kind.
#[derive(Debug, Default)]
pub(crate) struct CustomSchema {
    document: Value,
    /// Names of definitions by `apiVersion/Kind`.
    definitions: HashMap<String, String>,
    /// Whether a kind lives in a namespace, by `apiVersion/Kind`.
    namespaced: HashMap<String, bool>,
    /// The built-in definitions count as well, and first.
    with_builtin: bool,
}

/// A place in a schema.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'s> {
    /// In the built-in table: the definition's name, or one of its fields.
    Definition(&'s Value),
    BuiltinField(&'s Value),
    /// In an OpenAPI document.
    Custom(&'s CustomSchema, &'s Value),
}

/// References to other definitions that are followed before giving up.
const MAX_REFERENCES: usize = 32;

impl Schema {
    /// Is the kind certain to live outside of namespaces?
    pub(crate) fn is_cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        let key = format!("{api_version}/{kind}");
        if let Some(namespaced) = BUILTIN_SCOPE.get(&key) {
            return !namespaced;
        }
        match self {
            Self::Builtin => false,
            Self::Custom(schema) => schema.namespaced.get(&key) == Some(&false),
        }
    }

    /// The schema of a kind.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<Place<'_>> {
        if api_version.is_empty() || kind.is_empty() {
            return None;
        }
        let key = format!("{api_version}/{kind}");
        let builtin = || builtin_definition(BUILTIN_LISTS["roots"].get(&key)?.as_str()?);
        match self {
            Self::Builtin => builtin(),
            Self::Custom(schema) => builtin().filter(|_| schema.with_builtin).or_else(|| {
                let name = schema.definitions.get(&key)?;
                Some(Place::Custom(schema, schema.document["definitions"].get(name)?))
            }),
        }
    }

    /// Is nothing at all known about the scope of the kind?
    pub(crate) fn is_unknown_scope(api_version: &str, kind: &str) -> bool {
        !BUILTIN_SCOPE.contains_key(&format!("{api_version}/{kind}"))
    }
}

fn builtin_definition(name: &str) -> Option<Place<'static>> {
    BUILTIN_LISTS["defs"].get(name).map(Place::Definition)
}

impl<'s> Place<'s> {
    /// The schema of a field of a map.
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        match self {
            Self::Definition(definition) => definition.get(name).map(Self::BuiltinField),
            Self::BuiltinField(field) => {
                Self::definition_of(field)?.get(name).map(Self::BuiltinField)
            }
            Self::Custom(custom, schema) => {
                let field = schema["properties"].get(name).or_else(|| {
                    schema.get("additionalProperties").filter(|additional| additional.is_object())
                })?;
                custom.resolve(field)
            }
        }
    }

    /// The schema of the elements of a list.
    pub(crate) fn elements(self) -> Option<Self> {
        match self {
            Self::Definition(_) => None,
            Self::BuiltinField(field) => Self::definition_of(field).map(Self::Definition),
            Self::Custom(custom, schema) => {
                let is_array = schema["type"].as_str() == Some("array")
                    || schema["type"][0].as_str() == Some("array");
                let items = schema.get("items").filter(|_| is_array)?;
                custom.resolve(items)
            }
        }
    }

    fn definition_of(field: &Value) -> Option<&'static Value> {
        BUILTIN_LISTS["defs"].get(field.get("ref")?.as_str()?)
    }

    /// The keys by which the elements of this list are merged: `None` if the list is replaced as a
    /// whole, no keys if it is a list of scalars.
    pub(crate) fn merge_keys(self) -> Option<Vec<&'s str>> {
        match self {
            Self::Definition(_) => None,
            Self::BuiltinField(field) => Some(strings(field.get("keys")?)),
            Self::Custom(_, schema) => {
                let strategy = schema.get("x-kubernetes-patch-strategy")?.as_str()?;
                if !strategy.split(',').any(|strategy| strategy == "merge") {
                    return None;
                }
                if let Some(keys) = schema.get("x-kubernetes-list-map-keys") {
                    return Some(strings(keys));
                }
                Some(
                    schema
                        .get("x-kubernetes-patch-merge-key")
                        .and_then(Value::as_str)
                        .into_iter()
                        .collect(),
                )
            }
        }
    }
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

impl CustomSchema {
    /// Reads an OpenAPI v2 document. With `with_builtin` the built-in definitions count as well.
    pub(crate) fn new(document: Value, with_builtin: bool) -> Self {
        let mut definitions = HashMap::new();
        for (name, definition) in document["definitions"].as_object().into_iter().flatten() {
            for kind in
                definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten()
            {
                definitions.insert(kind_key(kind), name.clone());
            }
        }
        let mut namespaced = HashMap::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            let Some(kind) = methods["get"].get("x-kubernetes-group-version-kind") else {
                continue;
            };
            let in_namespace = path.contains("namespaces/{namespace}");
            let known = namespaced.entry(kind_key(kind)).or_insert(in_namespace);
            *known |= in_namespace;
        }
        Self { document, definitions, namespaced, with_builtin }
    }

    /// Follows `$ref`.
    fn resolve<'s>(&'s self, mut schema: &'s Value) -> Option<Place<'s>> {
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
                return Some(Place::Custom(self, schema));
            };
            let name = reference.strip_prefix("#/definitions/").unwrap_or_default();
            if let Some(place) = builtin_definition(name).filter(|_| self.with_builtin) {
                return Some(place);
            }
            schema = self.document.pointer(reference.strip_prefix('#')?)?;
        }
        None
    }
}

fn kind_key(kind: &Value) -> String {
    let text = |field: &str| kind[field].as_str().unwrap_or_default().to_owned();
    let (group, version, kind) = (text("group"), text("version"), text("kind"));
    if group.is_empty() { format!("{version}/{kind}") } else { format!("{group}/{version}/{kind}") }
}
