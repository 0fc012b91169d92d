//! Nulls. Written into a file, a null says nothing (`resources:` with nothing under it). Server-side apply takes it
//! for a value: it makes the field ours, though the live object has none, and it sets a number or text of
//! another manager back to its default. So nulls go; in maps of texts, where the API server reads them as the empty text,
//! they become that.
//!
//! Left alone: items of lists, as the place of an item is its meaning; custom resources, which may declare
//! a field nullable; and the schemas of custom resource definitions, where null is a value like any other.

use serde_json::{Map, Value};

use super::is_built_in;
use crate::object::group_version;

pub(super) fn remove(object: &mut Value) {
    let (group, _) = group_version(object["apiVersion"].as_str().unwrap_or_default());
    let whole = is_built_in(group) && group != "apiextensions.k8s.io";
    let holds_texts = group.is_empty()
        && ["ConfigMap", "Secret"].contains(&object["kind"].as_str().unwrap_or_default());
    let Some(fields) = object.as_object_mut() else { return };
    if holds_texts {
        for data in DATA {
            texts(fields.get_mut(*data));
        }
    }
    if whole {
        clean_map(fields, 0);
    } else if let Some(metadata) = fields.get_mut("metadata") {
        clean(metadata, 1);
    }
}

/// Maps of texts, wherever they stand in a built-in kind.
const TEXT_MAPS: &[&str] = &["labels", "annotations", "matchLabels", "nodeSelector"];

/// Maps of texts in a `ConfigMap` or Secret. The `data` of other kinds (`ControllerRevision`) is anything.
const DATA: &[&str] = &["data", "binaryData"];

/// No manifest is deeper; the loader has a limit of its own.
const MAX_DEPTH: usize = 100;

fn clean(value: &mut Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(fields) => clean_map(fields, depth),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, depth + 1)),
        _ => {}
    }
}

fn clean_map(fields: &mut Map<String, Value>, depth: usize) {
    for (key, value) in fields.iter_mut() {
        if TEXT_MAPS.contains(&key.as_str()) {
            texts(Some(value));
        } else if !(depth == 0 && DATA.contains(&key.as_str())) {
            clean(value, depth + 1);
        }
    }
    fields.retain(|_, value| !value.is_null());
}

fn texts(map: Option<&mut Value>) {
    let values = map.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    values.filter(|value| value.is_null()).for_each(|value| *value = Value::from(""));
}
