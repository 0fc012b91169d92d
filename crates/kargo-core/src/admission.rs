//! Values that were changed on their way into the cluster: by mutating admission, which changes them under our
//! ownership, or by the API server, which drops what it does not know. Reported, and not fought.
//!
//! What was sent is compared with what was stored, at the paths of what was sent. The API server's own ways to
//! write the same thing are no change: quantities, defaults, zero values that are left out, keyed lists in another
//! order, base64 with line breaks, times in another zone.

use std::str::FromStr as _;

use serde_json::{Map, Value};

use crate::{
    desired::Desired,
    fields::{FieldPath, Step, agreement, is_leaf},
    finding::Finding,
    ownership::Entry,
    quantity,
};

/// How many changes of one object are said.
const MOST: usize = 5;

/// Longer values are cut.
const LONGEST_VALUE: usize = 60;

/// A value that is stored differently from what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub field: FieldPath,
    /// What was sent, fit to be shown.
    pub sent: String,
    /// What is stored, fit to be shown.
    pub stored: String,
}

/// What people should know of an answer to an apply.
pub fn remarks(desired: &Desired, sent: &Value, stored: &Value) -> Vec<Finding> {
    let changes = changed(sent, stored);
    let more = changes.len().saturating_sub(MOST);
    let said = changes.into_iter().take(MOST).map(|change| {
        format!(
            "{} of {} was changed by admission: sent {}, stored {}",
            change.field.words(),
            desired.id().short(),
            change.sent,
            change.stored
        )
    });
    let rest = (more > 0).then(|| {
        format!("{more} more fields of {} were changed by admission", desired.id().short())
    });
    said.chain(rest)
        .map(|what| {
            Finding::warning(what)
                .about(desired.id())
                .at(desired.location().cloned())
                .help("Kargo leaves it so; look at the admission webhooks and policies of the cluster, or write in git what is stored")
        })
        .collect()
}

/// The values that differ.
pub fn changed(sent: &Value, stored: &Value) -> Vec<Change> {
    let entry = Entry::of(stored);
    let mut comparison = Comparison {
        is_secret: sent["kind"] == "Secret" && sent["apiVersion"] == "v1",
        path: Vec::new(),
        changes: Vec::new(),
    };
    let fields = entry.as_ref().map(Entry::fields);
    for (key, value) in sent.as_object().into_iter().flatten() {
        if matches!(key.as_str(), "apiVersion" | "kind") {
            continue;
        }
        let node = fields.and_then(|fields| fields.get(format!("f:{key}")));
        comparison.path.push(Step::Field(key.clone()));
        if key == "metadata" {
            let kept = ["name", "namespace", "uid", "resourceVersion"];
            for (name, value) in value.as_object().into_iter().flatten() {
                if !kept.contains(&name.as_str()) {
                    comparison.field(name, value, &stored[key], node);
                }
            }
        } else {
            comparison.value(value, stored.get(key), node);
        }
        comparison.path.pop();
    }
    comparison.changes
}

struct Comparison {
    is_secret: bool,
    path: Vec<Step>,
    changes: Vec<Change>,
}

impl Comparison {
    fn field(&mut self, key: &str, sent: &Value, stored: &Value, node: Option<&Value>) {
        self.path.push(Step::Field(key.to_owned()));
        let node = node.and_then(|node| node.get(format!("f:{key}")));
        self.value(sent, stored.get(key), node);
        self.path.pop();
    }

    fn value(&mut self, sent: &Value, stored: Option<&Value>, node: Option<&Value>) {
        match (sent, stored) {
            // A zero value is not stored at all where it is the default.
            (sent, None | Some(Value::Null)) if is_zero(sent) => {}
            (Value::Object(map), Some(stored @ Value::Object(_))) => {
                for (key, value) in map {
                    self.field(key, value, stored, node);
                }
            }
            (Value::Array(items), Some(Value::Array(stored))) => self.list(items, stored, node),
            (sent, Some(stored)) if self.is_same(sent, stored) => {}
            (sent, stored) => self.note(sent, stored),
        }
    }

    fn list(&mut self, sent: &[Value], stored: &[Value], node: Option<&Value>) {
        let keys: Vec<&String> = node
            .and_then(Value::as_object)
            .filter(|_| !node.is_some_and(is_leaf))
            .into_iter()
            .flat_map(Map::keys)
            .collect();
        if keys.iter().any(|key| key.starts_with("k:")) {
            for item in sent.iter().filter_map(Value::as_object) {
                self.keyed_item(item, stored, node);
            }
        } else if keys.iter().any(|key| key.starts_with("v:")) {
            for item in sent {
                if !stored.iter().any(|stored| self.is_same(item, stored)) {
                    self.path.push(Step::Value(item.clone()));
                    self.note(item, None);
                    self.path.pop();
                }
            }
        } else if stored.len() < sent.len() {
            let whole = (Value::from(sent.to_vec()), Value::from(stored.to_vec()));
            self.note(&whole.0, Some(&whole.1));
        } else {
            // Items that were added behind ours are not ours.
            for (index, (sent, stored)) in sent.iter().zip(stored).enumerate() {
                self.path.push(Step::Index(index));
                self.value(sent, Some(stored), None);
                self.path.pop();
            }
        }
    }

    /// Compares an item with the stored one of the same key.
    fn keyed_item(&mut self, item: &Map<String, Value>, stored: &[Value], node: Option<&Value>) {
        let candidates =
            node.and_then(Value::as_object).into_iter().flatten().filter_map(|(key, fields)| {
                let agreeing = agreement(key, item).filter(|agreeing| *agreeing > 0)?;
                let keys: Map<String, Value> =
                    serde_json::from_str(key.strip_prefix("k:")?).ok()?;
                Some((agreeing, keys, fields))
            });
        let mut candidates: Vec<_> = candidates.collect();
        candidates.sort_by_key(|(agreeing, ..)| std::cmp::Reverse(*agreeing));
        // A part of the key that the item does not say was defaulted: it is the stored one that differs least.
        let mut fewest: Option<Vec<Change>> = None;
        for (_, keys, fields) in candidates {
            let found = stored.iter().find(|stored| {
                keys.iter().all(|(name, key)| stored.get(name).is_none_or(|own| own == key))
            });
            let mut path = self.path.clone();
            path.push(Step::Item(keys));
            let mut inside = Self { is_secret: self.is_secret, path, changes: Vec::new() };
            inside.value(&Value::Object(item.clone()), found, Some(fields));
            if fewest.as_ref().is_none_or(|known| inside.changes.len() < known.len()) {
                fewest = Some(inside.changes);
            }
        }
        if let Some(changes) = fewest {
            self.changes.extend(changes);
        } else {
            self.path.push(Step::Item(scalars(item)));
            self.note(&Value::Object(item.clone()), None);
            self.path.pop();
        }
    }

    fn is_same(&self, sent: &Value, stored: &Value) -> bool {
        if sent == stored {
            return true;
        }
        if let (Some(sent), Some(stored)) = (sent.as_f64(), stored.as_f64()) {
            return (sent - stored).abs() <= f64::EPSILON * sent.abs();
        }
        let (Some(sent), Some(stored)) = (text(sent), text(stored)) else { return false };
        if sent == stored {
            return true;
        }
        let is_bytes = self.is_secret
            || matches!(self.path.first(), Some(Step::Field(field)) if field == "binaryData")
            || matches!(self.path.last(), Some(Step::Field(field)) if field == "caBundle" || field == "request");
        if is_bytes {
            return sent.split_ascii_whitespace().eq(stored.split_ascii_whitespace())
                || without_whitespace(&sent) == without_whitespace(&stored);
        }
        // Texts of people are texts, whatever they look like.
        if matches!(self.path.first(), Some(Step::Field(field)) if field == "metadata" || field == "data")
        {
            return false;
        }
        let is_same_quantity =
            quantity::parse(&sent).is_some_and(|sent| quantity::parse(&stored) == Some(sent));
        is_same_quantity || is_same_time(&sent, &stored)
    }

    fn note(&mut self, sent: &Value, stored: Option<&Value>) {
        let is_hidden = self.is_hidden();
        let show = |value: &Value| if is_hidden { "(hidden)".to_owned() } else { shown(value) };
        let change = Change {
            field: FieldPath(self.path.clone()),
            sent: show(sent),
            stored: stored.map_or_else(|| "nothing".to_owned(), show),
        };
        self.changes.push(change);
    }

    /// Whether values at this place may be secrets: what is said is decided by what is known to be harmless.
    fn is_hidden(&self) -> bool {
        const HIDDEN_FIELDS: &[&str] =
            &["data", "binaryData", "stringData", "env", "command", "args", "annotations"];
        const HIDDEN_WORDS: &[&str] = &[
            "password",
            "passwd",
            "secret",
            "token",
            "credential",
            "private",
            "apikey",
            "api_key",
            "api-key",
            "accesskey",
            "access_key",
            "auth",
        ];
        let suspicious = |text: &str| {
            let text = text.to_lowercase();
            HIDDEN_WORDS.iter().any(|word| text.contains(word))
        };
        self.is_secret
            || self.path.iter().any(|step| match step {
                Step::Field(name) => HIDDEN_FIELDS.contains(&name.as_str()) || suspicious(name),
                Step::Item(keys) => keys.values().filter_map(Value::as_str).any(suspicious),
                Step::Value(_) | Step::Index(_) => false,
            })
    }
}

fn scalars(item: &Map<String, Value>) -> Map<String, Value> {
    let scalars = item.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
    scalars.take(1).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A value fit to be shown: short, and without a structure in which more could hide.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        scalar => scalar.to_string(),
    };
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    text.chars().take(LONGEST_VALUE).chain(['…']).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn without_whitespace(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect()
}

fn is_same_time(sent: &str, stored: &str) -> bool {
    let time = |text: &str| jiff::Timestamp::from_str(text).ok();
    time(sent).is_some_and(|sent| time(stored) == Some(sent))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_zero),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "tables of tests are made of values")]
    fn said(kind: &str, sent: Value, stored: Value, fields: Value) -> Vec<String> {
        let mut sent = sent;
        let mut stored = stored;
        for object in [&mut sent, &mut stored] {
            object["apiVersion"] = json!("v1");
            object["kind"] = json!(kind);
        }
        stored["metadata"]["managedFields"] = json!([{"manager": "kargo", "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}]);
        let changes = changed(&sent, &stored);
        changes
            .iter()
            .map(|change| format!("{}: {} -> {}", change.field.words(), change.sent, change.stored))
            .collect()
    }

    #[rstest]
    #[case::quantity(json!({"cpu": 0.1, "memory": "1024Mi", "storage": "1073741824"}), json!({"cpu": "100m", "memory": "1Gi", "storage": "1Gi"}))]
    #[case::defaults(json!({"a": {"x": 1}}), json!({"a": {"x": 1, "y": 2}}))]
    #[case::zero_values(json!({"a": false, "b": 0, "c": "", "d": [], "e": {}, "f": null, "g": {"h": false}}), json!({}))]
    #[case::order_of_keys(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}))]
    #[case::number_and_text(json!({"port": "80", "float": 1.0}), json!({"port": 80, "float": 1}))]
    #[case::time(json!({"t": "2026-01-01T09:00:00+09:00"}), json!({"t": "2026-01-01T00:00:00Z"}))]
    #[case::items_behind_ours(json!({"tolerations": [{"key": "a"}]}), json!({"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b"}]}))]
    fn another_way_to_write_the_same_is_no_change(#[case] sent: Value, #[case] stored: Value) {
        let changes = said("X", json!({"spec": sent}), json!({"spec": stored}), json!({}));
        assert_eq!(changes, [""; 0]);
    }

    #[rstest]
    #[case::scalar(json!({"replicas": 1}), json!({"replicas": 2}), "spec.replicas: 1 -> 2")]
    #[case::dropped(json!({"image": "a"}), json!({}), "spec.image: \"a\" -> nothing")]
    #[case::atomic_list(json!({"list": ["a", "b"]}), json!({"list": ["a"]}), "spec.list: a list of 2 -> a list of 1")]
    #[case::atomic_item(json!({"list": ["a"]}), json!({"list": ["b"]}), "spec.list[0]: \"a\" -> \"b\"")]
    #[case::hidden(json!({"dbPassword": "a"}), json!({"dbPassword": "b"}), "spec.dbPassword: (hidden) -> (hidden)")]
    #[case::arguments(json!({"args": ["--pw=a"]}), json!({"args": ["--pw=b"]}), "spec.args[0]: (hidden) -> (hidden)")]
    #[case::kind_of_value(json!({"a": {"b": 1}}), json!({"a": true}), "spec.a: a map -> true")]
    fn a_changed_value_is_said(#[case] sent: Value, #[case] stored: Value, #[case] expected: &str) {
        let changes = said("X", json!({"spec": sent}), json!({"spec": stored}), json!({}));
        assert_eq!(changes, [expected]);
    }

    #[test]
    fn items_are_compared_by_their_keys_in_whatever_order() {
        let fields = json!({"f:spec": {"f:ports": {r#"k:{"port":80,"protocol":"TCP"}"#: {"f:port": {}}, r#"k:{"port":53,"protocol":"UDP"}"#: {"f:port": {}}},
            "f:set": {"v:\"a\"": {}, "v:\"b\"": {}}}});
        let sent = json!({"spec": {"ports": [{"port": 80, "name": "web"}, {"port": 53, "protocol": "UDP"}], "set": ["a", "b"]}});
        let stored = json!({"spec": {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80, "protocol": "TCP", "name": "web"}], "set": ["b", "c", "a"]}});
        assert_eq!(said("X", sent.clone(), stored.clone(), fields.clone()), [""; 0]);
        let mut renamed = stored;
        renamed["spec"]["ports"][1]["name"] = json!("http");
        renamed["spec"]["set"] = json!(["a"]);
        assert_eq!(
            said("X", sent, renamed, fields),
            ["spec.ports[80].name: \"web\" -> \"http\"", "spec.set[b]: \"b\" -> nothing"]
        );
    }

    #[test]
    fn values_of_secrets_are_compared_as_bytes_and_never_shown() {
        let object = |value: &str| json!({"data": {"key": value}});
        assert_eq!(
            said("Secret", object("aHVu\ndGVyMg=="), object("aHVudGVyMg=="), json!({})),
            [""; 0]
        );
        assert_eq!(
            said("Secret", object("aHVudGVyMg=="), object("eA=="), json!({})),
            ["data.key: (hidden) -> (hidden)"]
        );
    }

    #[test]
    fn texts_of_people_are_no_quantities() {
        let object = |value: &str| json!({"data": {"key": value}});
        assert_eq!(said("ConfigMap", object("1.0"), object("1"), json!({})).len(), 1);
    }
}
