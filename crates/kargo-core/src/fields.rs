//! Paths of fields, as `managedFields` writes them (`FieldsV1`), and how people say them.

use std::fmt;

use serde_json::{Map, Value};

/// One step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key of a map: `f:image`.
    Field(String),
    /// The item of a list that has these keys: `k:{"name":"web"}`.
    Item(Map<String, Value>),
    /// A value of a set: `v:"kubernetes"`.
    Value(Value),
    /// An item of a list by its place: `i:0`.
    Index(usize),
}

impl Step {
    /// Reads a key of `FieldsV1`; `None` for `.`, the field itself.
    pub fn parse(key: &str) -> Option<Self> {
        let (kind, rest) = key.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => serde_json::from_str(rest).ok().map(Self::Item),
            "v" => serde_json::from_str(rest).ok().map(Self::Value),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    /// The nodes that this step can lead to, below a node of `FieldsV1`. An item is found by the parts of its key
    /// that it says itself: the others were defaulted by the server (`protocol: TCP`).
    pub fn below<'a>(&self, node: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => node.get(format!("f:{name}")).into_iter().collect(),
            Self::Value(value) => node.get(format!("v:{value}")).into_iter().collect(),
            Self::Index(index) => node.get(format!("i:{index}")).into_iter().collect(),
            Self::Item(item) => node
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| agreement(key, item).is_some_and(|agreeing| agreeing > 0))
                .map(|(_, node)| node)
                .collect(),
        }
    }
}

/// In how many parts a key of a list (`k:{…}`) agrees with an item; `None` if they differ in one.
pub fn agreement(key: &str, item: &Map<String, Value>) -> Option<usize> {
    let keys: Map<String, Value> = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
    let mut agreeing = 0;
    for (name, value) in &keys {
        match item.get(name) {
            Some(wanted) if wanted == value => agreeing += 1,
            Some(_) => return None,
            None => {}
        }
    }
    Some(agreeing)
}

/// The way from the root of an object to a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// Whether the fields of a manager cover the field at this path.
    pub fn is_owned_by(&self, fields: &Value) -> bool {
        let mut nodes = vec![fields];
        for (depth, step) in self.0.iter().enumerate() {
            if depth > 0 && nodes.iter().any(|node| is_leaf(node)) {
                return true;
            }
            nodes = nodes.into_iter().flat_map(|node| step.below(node)).collect();
        }
        !nodes.is_empty()
    }

    /// Whether an object has a value at this path.
    pub fn is_in(&self, object: &Value) -> bool {
        self.0
            .iter()
            .try_fold(object, |node, step| match step {
                Step::Field(name) => node.get(name),
                Step::Index(index) => node.get(index),
                Step::Value(value) => node.as_array()?.iter().find(|item| *item == value),
                Step::Item(keys) => node.as_array()?.iter().find(|item| {
                    keys.iter().all(|(name, key)| item.get(name).is_none_or(|own| own == key))
                }),
            })
            .is_some()
    }

    /// The field in people's words: *label x*, *env B of container c*; a dotted path otherwise.
    pub fn words(&self) -> String {
        let (container, rest) = self.split_at_container();
        let words = mark(rest).unwrap_or_else(|| match rest {
            [.., Step::Field(list), Step::Item(keys)] if container.is_some() => {
                format!("{} {}", singular(list), name_of(keys))
            }
            [Step::Field(list), Step::Item(keys)] | [.., Step::Field(list), Step::Item(keys)]
                if list == "volumes" =>
            {
                format!("volume {}", name_of(keys))
            }
            rest => dotted(rest),
        });
        match container {
            Some(container) if rest.is_empty() => container,
            Some(container) => format!("{words} of {container}"),
            None => words,
        }
    }

    /// The container that the path leads into, and the way from there.
    fn split_at_container(&self) -> (Option<String>, &[Step]) {
        let found = self.0.windows(2).enumerate().find_map(|(index, pair)| match pair {
            [Step::Field(list), Step::Item(keys)] => {
                let kind = match list.as_str() {
                    "containers" => "container",
                    "initContainers" => "init container",
                    _ => return None,
                };
                Some((format!("{kind} {}", name_of(keys)), &self.0[index + 2..]))
            }
            _ => None,
        });
        match found {
            Some((container, rest)) => (Some(container), rest),
            None => (None, &self.0),
        }
    }
}

/// A label or an annotation, of the object or of the template in it.
fn mark(steps: &[Step]) -> Option<String> {
    let [before @ .., Step::Field(metadata), Step::Field(map), Step::Field(key)] = steps else {
        return None;
    };
    let word = match map.as_str() {
        "labels" => "label",
        "annotations" => "annotation",
        _ => return None,
    };
    let place = if before.is_empty() { "" } else { " of the pod template" };
    (metadata == "metadata").then(|| format!("{word} {key}{place}"))
}

fn singular(list: &str) -> &str {
    match list {
        "volumeMounts" => "volume mount",
        "volumeDevices" => "volume device",
        "ports" => "port",
        other => other,
    }
}

/// What people call an item: its name, or the first part of its key.
fn name_of(keys: &Map<String, Value>) -> String {
    let value = keys.get("name").or_else(|| keys.values().next());
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn dotted(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        let item = match step {
            Step::Field(name) if !name.contains(['.', '/']) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
                continue;
            }
            Step::Field(name) => name.clone(),
            Step::Item(keys) => name_of(keys),
            Step::Value(Value::String(value)) => value.clone(),
            Step::Value(value) => value.to_string(),
            Step::Index(index) => index.to_string(),
        };
        text.extend(["[", item.as_str(), "]"]);
    }
    text
}

/// `spec.template.spec.containers[web].image`.
impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&dotted(&self.0))
    }
}

/// A node without children: everything below it is owned as one (a scalar, or an atomic map or list).
pub fn is_leaf(node: &Value) -> bool {
    node.as_object().is_some_and(|node| node.keys().all(|key| key == "."))
}

/// What `theirs` owns and `ours` does not. An item of a list that they made is one field.
pub fn beside(theirs: &Value, ours: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    collect(theirs, Some(ours), &mut Vec::new(), &mut found);
    found
}

fn collect(theirs: &Value, ours: Option<&Value>, path: &mut Vec<Step>, found: &mut Vec<FieldPath>) {
    let is_item = matches!(path.last(), Some(Step::Item(_)));
    if is_leaf(theirs) || (is_item && ours.is_none()) {
        // A lone `.` is a map whose keys are somebody else's.
        let says_something = is_item || theirs.as_object().is_some_and(Map::is_empty);
        if ours.is_none() && !path.is_empty() && says_something {
            found.push(FieldPath(path.clone()));
        }
        return;
    }
    if !path.is_empty() && ours.is_some_and(is_leaf) {
        return;
    }
    for (key, child) in theirs.as_object().into_iter().flatten() {
        let Some(step) = Step::parse(key) else { continue };
        path.push(step);
        collect(child, ours.and_then(|ours| ours.get(key)), path, found);
        path.pop();
    }
}

/// Joins two sets of fields.
pub fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(key) {
                    Some(node) => merge(node, value),
                    None => drop(into.insert(key.clone(), value.clone())),
                }
            }
        }
        (into, from) => into.clone_from(from),
    }
}

/// Takes the field at a path out of a set of fields, and the nodes above that own nothing any more. True if
/// it was there.
pub fn remove(fields: &mut Value, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    let Some(map) = fields.as_object_mut() else { return false };
    let keys: Vec<String> = match step {
        Step::Field(name) => vec![format!("f:{name}")],
        Step::Value(value) => vec![format!("v:{value}")],
        Step::Index(index) => vec![format!("i:{index}")],
        Step::Item(item) => map
            .keys()
            .filter(|key| agreement(key, item).is_some_and(|agreeing| agreeing > 0))
            .cloned()
            .collect(),
    };
    let mut removed = false;
    for key in keys {
        let Some(node) = map.get_mut(&key) else { continue };
        if rest.is_empty() {
            map.shift_remove(&key);
            removed = true;
        } else if remove(node, rest) {
            removed = true;
            // A node that is left empty would own everything below it.
            if node.as_object().is_some_and(Map::is_empty) {
                map.shift_remove(&key);
            }
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn path(keys: &[&str]) -> FieldPath {
        FieldPath(keys.iter().map(|key| Step::parse(key).expect("a key of FieldsV1")).collect())
    }

    const C: &str = r#"k:{"name":"c"}"#;

    #[rstest]
    #[case(&["f:metadata", "f:labels", "f:x"], "label x")]
    #[case(&["f:spec", "f:template", "f:metadata", "f:annotations", "f:a.b/c"], "annotation a.b/c of the pod template")]
    #[case(&["f:spec", "f:template", "f:spec", "f:containers", C, "f:env", r#"k:{"name":"B"}"#], "env B of container c")]
    #[case(&["f:spec", "f:template", "f:spec", "f:containers", C, "f:env", r#"k:{"name":"B"}"#, "f:value"], "env[B].value of container c")]
    #[case(&["f:spec", "f:template", "f:spec", "f:initContainers", C, "f:image"], "image of init container c")]
    #[case(&["f:spec", "f:template", "f:spec", "f:containers", C], "container c")]
    #[case(&["f:spec", "f:template", "f:spec", "f:volumes", r#"k:{"name":"v"}"#], "volume v")]
    #[case(&["f:spec", "f:template", "f:spec", "f:containers", C, "f:ports", r#"k:{"containerPort":80,"protocol":"TCP"}"#], "port 80 of container c")]
    #[case(&["f:spec", "f:ports", r#"k:{"port":80,"protocol":"TCP"}"#, "f:nodePort"], "spec.ports[80].nodePort")]
    #[case(&["f:metadata", "f:finalizers", r#"v:"a""#], "metadata.finalizers[a]")]
    #[case(&["f:data", "f:app.conf"], "data[app.conf]")]
    fn a_field_has_words(#[case] keys: &[&str], #[case] words: &str) {
        assert_eq!(path(keys).words(), words);
    }

    #[test]
    fn what_stands_beside_ours_is_found() {
        let theirs = json!({"f:metadata": {"f:labels": {".": {}, "f:x": {}, "f:y": {}}},
            "f:spec": {"f:args": {}, "f:env": {r#"k:{"name":"A"}"#: {"f:value": {}}, r#"k:{"name":"B"}"#: {".": {}, "f:name": {}, "f:value": {}}}}});
        let ours = json!({"f:metadata": {"f:labels": {"f:x": {}}},
            "f:spec": {"f:args": {}, "f:env": {r#"k:{"name":"A"}"#: {".": {}, "f:name": {}}}}});
        let found: Vec<String> = beside(&theirs, &ours).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["metadata.labels.y", "spec.env[A].value", "spec.env[B]"]);
    }

    #[test]
    fn an_atomic_field_of_ours_covers_what_they_have_in_it() {
        let theirs = json!({"f:spec": {"f:selector": {"f:a": {}}}});
        assert!(beside(&theirs, &json!({"f:spec": {"f:selector": {}}})).is_empty());
    }

    #[test]
    fn a_field_that_is_taken_out_leaves_no_empty_node() {
        let mut fields = json!({"f:spec": {"f:replicas": {}}, "f:data": {".": {}, "f:a": {}}});
        assert!(remove(&mut fields, &path(&["f:spec", "f:replicas"]).0));
        assert!(remove(&mut fields, &path(&["f:data", "f:a"]).0));
        assert!(!remove(&mut fields, &path(&["f:spec", "f:replicas"]).0));
        assert_eq!(fields, json!({"f:data": {".": {}}}));
    }

    #[rstest]
    #[case(json!({"f:spec": {"f:a": {}}}), true)]
    #[case(json!({"f:spec": {}}), true)]
    #[case(json!({"f:spec": {"f:b": {}}}), false)]
    #[case(json!({}), false)]
    fn a_path_is_owned_or_not(#[case] fields: Value, #[case] owned: bool) {
        assert_eq!(path(&["f:spec", "f:a"]).is_owned_by(&fields), owned);
    }
}
