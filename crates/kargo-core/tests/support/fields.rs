//! Server-side apply, as far as decisions depend on it: who owns which field.

use std::collections::{BTreeMap, BTreeSet};

use kargo_api::names::FIELD_MANAGER;
use serde_json::{Map, Value, json};

/// A field as the names on the way to it.
pub(crate) type Path = Vec<String>;

/// The fields of each manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Owners {
    of: BTreeMap<String, BTreeSet<Path>>,
}

impl Owners {
    /// Gives a manager all fields of what it applies, and takes them from everybody else. The answer is
    /// what the manager had before and does not want any more, and that nobody else has.
    pub(crate) fn apply(&mut self, manager: &str, wanted: &BTreeSet<Path>) -> Vec<Path> {
        let before = self.of.insert(manager.to_owned(), wanted.clone()).unwrap_or_default();
        for (_, fields) in self.of.iter_mut().filter(|(name, _)| *name != manager) {
            fields.retain(|field| !wanted.contains(field));
        }
        let left = before.difference(wanted);
        left.filter(|field| !self.of.values().any(|fields| fields.contains(*field)))
            .cloned()
            .collect()
    }

    /// A change by hand: the field goes from whoever has it to this manager.
    pub(crate) fn take(&mut self, manager: &str, field: &Path) {
        for fields in self.of.values_mut() {
            fields.retain(|owned| !owned.starts_with(field));
        }
        self.of.entry(manager.to_owned()).or_default().insert(field.clone());
    }

    /// The field is gone.
    pub(crate) fn forget(&mut self, field: &Path) {
        for fields in self.of.values_mut() {
            fields.retain(|owned| !owned.starts_with(field));
        }
    }

    /// `metadata.managedFields`.
    pub(crate) fn managed_fields(&self, api_version: &Value) -> Value {
        let entries =
            self.of.iter().filter(|(_, fields)| !fields.is_empty()).map(|(manager, fields)| {
                let mut tree = json!({});
                for field in fields {
                    let mut node = &mut tree;
                    for name in field {
                        node = &mut node[format!("f:{name}")];
                        if node.is_null() {
                            *node = json!({});
                        }
                    }
                }
                let operation = if manager == FIELD_MANAGER { "Apply" } else { "Update" };
                json!({"manager": manager, "operation": operation, "apiVersion": api_version,
                   "fieldsType": "FieldsV1", "fieldsV1": tree})
            });
        Value::Array(entries.collect())
    }
}

/// The fields of a manifest that are owned: leaves, with lists as one.
pub(crate) fn of_manifest(manifest: &Value) -> BTreeSet<Path> {
    let mut found = BTreeSet::new();
    collect(manifest, &mut Vec::new(), &mut found);
    found.retain(|path| {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        !matches!(names[..], ["apiVersion" | "kind"] | ["metadata", "name" | "namespace" | "uid"])
    });
    found
}

fn collect(value: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, child) in map {
                path.push(name.clone());
                collect(child, path, found);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

/// The value at a path.
pub(crate) fn get<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |node, name| node.get(name))
}

/// Writes a value at a path.
pub(crate) fn set(object: &mut Value, path: &[String], value: Value) {
    let mut node = object;
    for name in path {
        if !node.is_object() {
            *node = Value::Object(Map::new());
        }
        node = &mut node[name.as_str()];
    }
    *node = value;
}

/// Removes what stands at a path.
pub(crate) fn remove(object: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(object, |node, name| node.get_mut(name));
    if let Some(parent) = parent.and_then(Value::as_object_mut) {
        parent.shift_remove(last);
    }
}
