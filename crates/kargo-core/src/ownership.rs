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
        let Some(object) = desired.as_object() else { return false };
        if desired.get("apiVersion").and_then(Value::as_str) != Some(self.api_version.as_str()) {
            return false;
        }
        object.iter().all(|(key, value)| match key.as_str() {
            // The server tracks no ownership of who the object is.
            "apiVersion" | "kind" => true,
            "metadata" => value.as_object().is_some_and(|metadata| {
                metadata
                    .iter()
                    .filter(|(key, _)| !matches!(key.as_str(), "name" | "namespace" | "uid"))
                    .all(|(key, value)| {
                        covers_field(
                            self.fields.get("f:metadata").unwrap_or(&Value::Null),
                            key,
                            value,
                        )
                    })
            }),
            _ => covers_field(&self.fields, key, value),
        })
    }
}

/// An entry node without children: everything below it is owned as one (a scalar, or an atomic map or list).
fn is_leaf(node: &Value) -> bool {
    node.as_object().is_some_and(|node| node.keys().all(|key| key == "."))
}

fn covers_field(parent: &Value, key: &str, value: &Value) -> bool {
    // Nulls and empty keyed lists leave no trace; somebody else's items in the list are not ours to count.
    let traceless = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    traceless || parent.get(format!("f:{key}")).is_some_and(|node| covers_value(node, value))
}

fn covers_value(node: &Value, value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            is_leaf(node) || map.iter().all(|(key, value)| covers_field(node, key, value))
        }
        Value::Array(items) => is_leaf(node) || covers_list(node, items),
        _ => true,
    }
}

fn covers_list(node: &Value, items: &[Value]) -> bool {
    let Some(node) = node.as_object() else { return false };
    items.iter().enumerate().all(|(index, item)| match item {
        Value::Object(item) => covers_keyed_item(node, item, index),
        scalar => {
            node.contains_key(&format!("v:{scalar}")) || node.contains_key(&format!("i:{index}"))
        }
    })
}

/// An item of a keyed list: among the entry's keys that agree with it, the one that agrees in most parts.
/// Parts of a key that are missing in the item were defaulted by the server (`protocol: TCP`).
fn covers_keyed_item(node: &Map<String, Value>, item: &Map<String, Value>, index: usize) -> bool {
    let candidates = node.iter().filter_map(|(key, fields)| {
        let keys: Map<String, Value> = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
        let mut agreeing = 0;
        for (name, value) in &keys {
            match item.get(name) {
                Some(wanted) if wanted == value => agreeing += 1,
                Some(_) => return None,
                None => {}
            }
        }
        Some((agreeing, fields))
    });
    let by_index = node.get(&format!("i:{index}")).map(|fields| (0, fields));
    candidates.chain(by_index).filter(|(agreeing, _)| *agreeing > 0 || by_index.is_some()).any(
        |(_, fields)| {
            let item = Value::Object(item.clone());
            covers_value(fields, &item)
        },
    )
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
