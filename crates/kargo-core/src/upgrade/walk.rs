//! Small steps through an object whose shape is not to be trusted.

use serde_json::{Map, Value};

pub(super) type Object = Map<String, Value>;

/// The map at a path, if every part of it is a map.
pub(super) fn map_at<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Object> {
    path.iter().try_fold(value, |value, key| value.get_mut(*key))?.as_object_mut()
}

/// The maps of a list under a key, each with its index as text, ready to stand in a path; nothing if it is no list.
pub(super) fn maps_in<'a>(
    parent: &'a mut Object,
    key: &str,
) -> impl Iterator<Item = (String, &'a mut Object)> {
    let items = parent.get_mut(key).and_then(Value::as_array_mut);
    items
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, item)| Some((index.to_string(), item.as_object_mut()?)))
}

/// Takes a field out; a null counts as missing.
pub(super) fn take(object: &mut Object, key: &str) -> Option<Value> {
    object.shift_remove(key).filter(|value| !value.is_null())
}

/// Gives a field another name, unless that one is taken already.
pub(super) fn rename(object: &mut Object, from: &str, to: &str) {
    if let Some(value) = take(object, from) {
        object.entry(to).or_insert(value);
    }
}

/// Writes a default out where nothing is said.
pub(super) fn set_default(object: &mut Object, key: &str, value: impl Into<Value>) {
    let field = object.entry(key).or_insert(Value::Null);
    if field.is_null() {
        *field = value.into();
    }
}
