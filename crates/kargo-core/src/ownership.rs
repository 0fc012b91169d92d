//! Our entry in `managedFields`, and drift: the question whether it still covers what we applied.
//!
//! When anybody changes a field that we applied, the API server takes exactly that field out of our entry
//! (`FieldsV1` of the server-side apply specification). So the walk of a desired object and our entry side
//! by side tells drift without a value of the live object: a leaf of the entry covers everything below it,
//! keyed list items are found by their keys, and keys that the API server defaulted need not stand in the
//! desired object.

use std::hash::{DefaultHasher, Hash, Hasher};

use kargo_api::names::FIELD_MANAGER;
use serde_json::{Map, Value};

use crate::fields::{FieldPath, Step, agreement, is_leaf};

/// Our server-side apply entry of one live object.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The version that the field paths of the entry are written in.
    pub api_version: String,
    fields: Value,
}

impl Entry {
    /// Finds our entry in an object's `metadata.managedFields`.
    pub fn of(object: &Value) -> Option<Self> {
        let entries = object.get("metadata")?.get("managedFields")?.as_array()?;
        let ours = entries.iter().find(|entry| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("");
            text("manager") == FIELD_MANAGER
                && text("operation") == "Apply"
                && text("subresource").is_empty()
        })?;
        Some(Self {
            api_version: ours.get("apiVersion")?.as_str()?.to_owned(),
            fields: ours.get("fieldsV1")?.clone(),
        })
    }

    /// An entry from its parts, as [`Entry::compact`] gave them.
    pub fn parse(api_version: &str, fields: &str) -> Option<Self> {
        Some(Self {
            api_version: api_version.to_owned(),
            fields: serde_json::from_str(fields).ok()?,
        })
    }

    /// The field paths as JSON text, for keeping.
    pub fn compact(&self) -> String {
        self.fields.to_string()
    }

    /// Changes when the API server took a field from us or gave us one.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.api_version.hash(&mut hasher);
        self.fields.to_string().hash(&mut hasher);
        hasher.finish()
    }

    /// Whether the entry covers the field at this path of map keys.
    pub fn owns(&self, path: &[&str]) -> bool {
        let mut node = &self.fields;
        for (depth, key) in path.iter().enumerate() {
            match node.get(format!("f:{key}")) {
                Some(next) => node = next,
                None => return depth > 0 && is_leaf(node),
            }
        }
        true
    }

    /// Whether the entry covers all of a desired object.
    pub fn covers(&self, desired: &Value) -> bool {
        self.missing(desired, Replicas::AsInGit).is_some_and(|missing| missing.count == 0)
    }

    /// The fields of a desired object that the entry does not cover; `None` if the two cannot be compared, because
    /// they speak of different versions.
    pub fn missing(&self, desired: &Value, replicas: Replicas) -> Option<Missing> {
        let object = desired.as_object()?;
        if desired.get("apiVersion").and_then(Value::as_str) != Some(self.api_version.as_str()) {
            return None;
        }
        let mut walk = Walk { path: Vec::new(), missing: Missing::default() };
        for (key, value) in object {
            match key.as_str() {
                // The server tracks no ownership of who the object is.
                "apiVersion" | "kind" => {}
                "metadata" => {
                    let node = self.fields.get("f:metadata").unwrap_or(&Value::Null);
                    walk.path.push(Place::Field("metadata"));
                    for (key, value) in value.as_object()? {
                        if !matches!(key.as_str(), "name" | "namespace" | "uid") {
                            walk.field(node, key, value);
                        }
                    }
                    walk.path.pop();
                }
                "spec" if replicas == Replicas::LeftToOthers => {
                    let node = self.fields.get("f:spec").unwrap_or(&Value::Null);
                    walk.path.push(Place::Field("spec"));
                    for (key, value) in value.as_object()? {
                        if key != "replicas" {
                            walk.field(node, key, value);
                        }
                    }
                    walk.path.pop();
                }
                key => walk.field(&self.fields, key, value),
            }
        }
        Some(walk.missing)
    }

    /// The field paths, as `FieldsV1`.
    pub fn fields(&self) -> &Value {
        &self.fields
    }
}

/// What `spec.replicas` of a desired object means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// It is to be as git has it.
    AsInGit,
    /// An autoscaler sets it.
    LeftToOthers,
}

/// The fields of a desired object that an entry does not cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// The first of them, in the order of the manifest.
    pub first: Option<FieldPath>,
    /// How many.
    pub count: u32,
}

/// A step of a walk, not yet worth keeping.
#[derive(Clone, Copy)]
enum Place<'a> {
    Field(&'a str),
    Item(&'a Map<String, Value>),
    Value(&'a Value),
    Index(usize),
}

/// The walk of a desired object and our entry side by side.
struct Walk<'a> {
    path: Vec<Place<'a>>,
    missing: Missing,
}

impl<'a> Walk<'a> {
    fn misses(&mut self) {
        self.missing.count += 1;
        if self.missing.first.is_none() {
            let steps = self.path.iter().map(|place| match *place {
                Place::Field(name) => Step::Field(name.to_owned()),
                Place::Item(item) => Step::Item(scalars(item)),
                Place::Value(value) => Step::Value(value.clone()),
                Place::Index(index) => Step::Index(index),
            });
            self.missing.first = Some(FieldPath(steps.collect()));
        }
    }

    fn field(&mut self, parent: &Value, key: &'a str, value: &'a Value) {
        // Nulls and empty keyed lists leave no trace; somebody else's items in the list are not ours to count.
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            return;
        }
        self.path.push(Place::Field(key));
        match parent.get(format!("f:{key}")) {
            Some(node) => self.value(node, value),
            None => self.all_of(value),
        }
        self.path.pop();
    }

    /// Nothing at this place is covered: what is missing is its first leaf.
    fn all_of(&mut self, value: &'a Value) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    self.field(&Value::Null, key, value);
                }
            }
            _ => self.misses(),
        }
    }

    fn value(&mut self, node: &Value, value: &'a Value) {
        match value {
            _ if is_leaf(node) => {}
            Value::Object(map) => {
                for (key, value) in map {
                    self.field(node, key, value);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.item(node, item, index);
                }
            }
            _ => {}
        }
    }

    fn item(&mut self, node: &Value, item: &'a Value, index: usize) {
        let by_index = node.get(format!("i:{index}"));
        let Value::Object(keyed) = item else {
            if node.get(format!("v:{item}")).is_none() && by_index.is_none() {
                self.path.push(Place::Value(item));
                self.misses();
                self.path.pop();
            }
            return;
        };
        // Parts of a key that the item does not say were defaulted by the server (`protocol: TCP`).
        let mut candidates: Vec<(usize, &Value)> = node
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, fields)| Some((agreement(key, keyed)?, fields)))
            .filter(|(agreeing, _)| *agreeing > 0)
            .collect();
        candidates.sort_by_key(|(agreeing, _)| std::cmp::Reverse(*agreeing));
        let candidates = candidates.into_iter().map(|(_, fields)| (Place::Item(keyed), fields));
        let by_index = by_index.map(|fields| (Place::Index(index), fields));
        let mut fewest: Option<Missing> = None;
        for (place, fields) in candidates.chain(by_index) {
            let mut walk = Walk { path: self.path.clone(), missing: Missing::default() };
            walk.path.push(place);
            walk.value(fields, item);
            if walk.missing.count == 0 {
                return;
            }
            if fewest.as_ref().is_none_or(|known| walk.missing.count < known.count) {
                fewest = Some(walk.missing);
            }
        }
        if let Some(missing) = fewest {
            self.missing.count += missing.count;
            if self.missing.first.is_none() {
                self.missing.first = missing.first;
            }
        } else {
            self.path.push(Place::Item(keyed));
            self.misses();
            self.path.pop();
        }
    }
}

/// What can be part of the key of an item.
fn scalars(item: &Map<String, Value>) -> Map<String, Value> {
    let scalars = item.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
    scalars.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn entry(fields: Value) -> Entry {
        Entry { api_version: "v1".to_owned(), fields }
    }

    #[rstest]
    #[case::scalar(json!({"f:spec": {"f:a": {}}}), json!({"a": 1}), true)]
    #[case::scalar_taken(json!({"f:spec": {"f:b": {}}}), json!({"a": 1, "b": 2}), false)]
    #[case::atomic_map(json!({"f:spec": {"f:selector": {}}}), json!({"selector": {"app": "x"}}), true)]
    #[case::map_with_its_own_mark(json!({"f:spec": {"f:m": {".": {}, "f:a": {}}}}), json!({"m": {"a": 1}}), true)]
    #[case::map_entry_taken(json!({"f:spec": {"f:m": {".": {}, "f:a": {}}}}), json!({"m": {"a": 1, "b": 2}}), false)]
    #[case::keyed(
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}}}}),
        json!({"containers": [{"name": "web", "image": "nginx"}]}), true)]
    #[case::keyed_field_taken(
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}}}}}),
        json!({"containers": [{"name": "web", "image": "nginx"}]}), false)]
    #[case::keyed_item_taken(
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"other\"}": {".": {}, "f:name": {}}}}}),
        json!({"containers": [{"name": "web"}]}), false)]
    #[case::keyed_with_defaulted_protocol(
        json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}}),
        json!({"ports": [{"port": 80}]}), true)]
    #[case::keyed_udp_is_not_tcp(
        json!({"f:spec": {"f:ports": {"k:{\"port\":53,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}}),
        json!({"ports": [{"port": 53, "protocol": "UDP"}]}), false)]
    #[case::set(json!({"f:spec": {"f:finalizers": {"v:\"a\"": {}}}}), json!({"finalizers": ["a"]}), true)]
    #[case::set_item_taken(json!({"f:spec": {"f:finalizers": {"v:\"a\"": {}}}}), json!({"finalizers": ["a", "b"]}), false)]
    #[case::atomic_list(json!({"f:spec": {"f:args": {}}}), json!({"args": ["a", "b"]}), true)]
    #[case::empty_map(json!({"f:spec": {"f:emptyDir": {}}}), json!({"emptyDir": {}}), true)]
    #[case::empty_list_leaves_no_trace(json!({"f:spec": {"f:a": {}}}), json!({"a": 1, "env": []}), true)]
    #[case::null_leaves_no_trace(json!({"f:spec": {"f:a": {}}}), json!({"a": 1, "b": null}), true)]
    fn an_entry_covers_a_desired_object(
        #[case] fields: Value,
        #[case] spec: Value,
        #[case] covered: bool,
    ) {
        let desired =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec});
        assert_eq!(entry(fields).covers(&desired), covered);
    }

    #[rstest]
    #[case::scalar(json!({"f:spec": {"f:b": {}}}), json!({"a": 1, "b": 2, "c": 3}), "spec.a", 2)]
    #[case::deep(json!({"f:spec": {}, "f:x": {}}), json!({"a": 1}), "", 0)]
    #[case::leaf_of_a_missing_map(json!({"f:x": {}}), json!({"m": {"a": {"b": 1}}}), "spec.m.a.b", 1)]
    #[case::field_of_an_item(
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}}}}}),
        json!({"containers": [{"name": "web", "image": "nginx"}]}), "image of container web", 1)]
    #[case::item(
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"other\"}": {".": {}, "f:name": {}}}}}),
        json!({"containers": [{"name": "web", "image": "nginx"}]}), "container web", 1)]
    fn what_is_not_covered_is_named(
        #[case] fields: Value,
        #[case] spec: Value,
        #[case] first: &str,
        #[case] count: u32,
    ) {
        let desired =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec});
        let missing = entry(fields).missing(&desired, Replicas::AsInGit).expect("the same version");
        assert_eq!(missing.first.map(|path| path.words()).unwrap_or_default(), first);
        assert_eq!(missing.count, count);
    }

    #[test]
    fn an_entry_in_another_version_covers_nothing() {
        let desired =
            json!({"apiVersion": "v2", "kind": "X", "metadata": {"name": "x"}, "spec": {"a": 1}});
        assert!(!entry(json!({"f:spec": {"f:a": {}}})).covers(&desired));
    }

    #[test]
    fn labels_are_covered_one_by_one() {
        let fields = json!({"f:metadata": {"f:labels": {"f:a": {}}}});
        let object = |labels: Value| json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "namespace": "y", "labels": labels}});
        assert!(entry(fields.clone()).covers(&object(json!({"a": "1"}))));
        assert!(!entry(fields).covers(&object(json!({"a": "1", "b": "2"}))));
    }
}
