//! Structural schemas, the only ones that `apiextensions.k8s.io/v1` takes. The rules are those of the
//! [Kubernetes documentation](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema):
//! every node has a type; inside `allOf`, `anyOf`, `oneOf` and `not` nothing is declared, and only what is declared outside is constrained.

use serde_json::{Value, json};

/// The first thing that keeps a schema from being structural, as half a sentence with its path; `None` if it is.
pub(super) fn first_violation(schema: &Value) -> Option<String> {
    if schema.get("type").is_none_or(|kind| kind != "object") {
        return Some("its type must be object".to_owned());
    }
    if schema.get("additionalProperties").is_some() {
        return Some("additionalProperties must not stand at the root".to_owned());
    }
    node(schema, "")
}

/// Deeper schemas are not looked at: the API server has the last word, and a stack has an end.
const MAX_DEPTH: usize = 100;

const UNSUPPORTED: [&str; 7] = [
    "$ref",
    "$schema",
    "id",
    "definitions",
    "dependencies",
    "patternProperties",
    "additionalItems",
];

fn node(schema: &Value, path: &str) -> Option<String> {
    if path.matches('.').count() > MAX_DEPTH {
        return None;
    }
    let at =
        |rest: &str| format!("{} {rest}", if path.is_empty() { "its root" } else { &path[1..] });
    if let Some(word) = UNSUPPORTED.iter().find(|word| schema.get(*word).is_some()) {
        return Some(at(&format!("uses {word}")));
    }
    if !schema.is_object() {
        return Some(at("is not a schema"));
    }
    let is = |extension: &str| schema.get(extension).is_some_and(|value| value == true);
    let typed = schema.get("type").and_then(Value::as_str).is_some_and(|kind| !kind.is_empty());
    if !typed && !is("x-kubernetes-int-or-string") && !is("x-kubernetes-preserve-unknown-fields") {
        return Some(at("has no type"));
    }
    if schema.get("type").is_some_and(|kind| kind == "array") && schema.get("items").is_none() {
        return Some(at("is an array without items"));
    }
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_some() {
        return Some(at("has both properties and additionalProperties"));
    }
    if schema.get("additionalProperties").is_some_and(|value| value == false) {
        return Some(at("has additionalProperties: false"));
    }
    if schema.get("uniqueItems").is_some_and(|value| value == true) {
        return Some(at("uses uniqueItems"));
    }
    children(schema).find_map(|(name, child)| node(child, &format!("{path}.{name}"))).or_else(
        || {
            junctors(schema)
                .find_map(|(name, part)| constraint(part, schema, &format!("{path}.{name}")))
        },
    )
}

/// Schemas that declare parts of the value.
fn children(schema: &Value) -> impl Iterator<Item = (String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let properties = properties.map(|(name, child)| (name.clone(), child));
    let rest = ["items", "additionalProperties"];
    let rest = rest.into_iter().filter_map(|key| Some((key.to_owned(), schema.get(key)?)));
    properties.chain(rest.filter(|(key, child)| key == "items" || !child.is_boolean()))
}

/// Schemas that only constrain the same value.
fn junctors(schema: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|key| {
        schema.get(key).and_then(Value::as_array).into_iter().flatten().map(move |part| (key, part))
    });
    lists.chain(schema.get("not").map(|part| ("not", part)))
}

const ONLY_DECLARED: [&str; 9] = [
    "description",
    "title",
    "type",
    "default",
    "nullable",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
];

/// A part of a junctor, beside the schema that declares the same value.
fn constraint(part: &Value, declared: &Value, path: &str) -> Option<String> {
    if path.matches('.').count() > MAX_DEPTH {
        return None;
    }
    // The one exception: the two types of an int-or-string.
    let int_or_string =
        declared.get("x-kubernetes-int-or-string").is_some_and(|value| value == true);
    let forbidden = ONLY_DECLARED.iter().find(|word| {
        part.get(**word).is_some_and(|value| !value.is_null())
            && !(int_or_string && **word == "type")
    });
    if let Some(word) = forbidden {
        return Some(format!("{} has a {word}, which belongs outside of it", &path[1..]));
    }
    let properties = part.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, child) in properties {
        match declared.get("properties").and_then(|properties| properties.get(name)) {
            None => {
                return Some(format!(
                    "{} constrains {name}, which is not declared outside of it",
                    &path[1..]
                ));
            }
            Some(declared) => {
                if let Some(violation) = constraint(child, declared, &format!("{path}.{name}")) {
                    return Some(violation);
                }
            }
        }
    }
    if let Some(items) = part.get("items") {
        match declared.get("items") {
            None => {
                return Some(format!(
                    "{} constrains items, which are not declared outside of it",
                    &path[1..]
                ));
            }
            Some(declared) => {
                if let Some(violation) = constraint(items, declared, &format!("{path}.items")) {
                    return Some(violation);
                }
            }
        }
    }
    junctors(part).find_map(|(name, part)| constraint(part, declared, &format!("{path}.{name}")))
}

/// Makes a structural schema keep what it does not declare, at every level, as `preserveUnknownFields: true` did.
pub(super) fn keep_unknown_fields(schema: &mut Value) {
    keep(schema, true, 0);
}

fn keep(schema: &mut Value, root: bool, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    if schema.get("type").is_some_and(|kind| kind == "object")
        && schema.get("additionalProperties").is_none()
    {
        schema["x-kubernetes-preserve-unknown-fields"] = json!(true);
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        // The API server declares the root's metadata itself and refuses every word about it.
        let children = properties.iter_mut().filter(|(name, _)| !(root && *name == "metadata"));
        children.for_each(|(_, child)| keep(child, false, depth + 1));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = schema.get_mut(key) {
            keep(child, false, depth + 1);
        }
    }
}
