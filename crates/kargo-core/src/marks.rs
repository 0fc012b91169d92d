//! The marks on managed objects, and the question *is this object ours*.
//!
//! Ours is what carries the labels of a `KargoApp` of this installation **and** an annotation that names
//! this very object **and** a server-side apply entry of ours that owns both. An operator that copies
//! labels to its children does not forge that, nor does a backup restored into another namespace.

use kargo_api::names;
use serde_json::{Map, Value};

use crate::{
    object::{AppKey, ObjectId},
    ownership::Entry,
};

/// The value of the identity annotation.
pub fn identity(installation: &str, id: &ObjectId) -> String {
    format!("{installation}|{id}")
}

/// Writes the marks into `metadata` of an object, and nowhere else: never into pod templates.
pub fn mark(object: &mut Value, installation: &str, app: &AppKey, id: &ObjectId) {
    put(object, "labels", names::INSTALLATION_LABEL, installation);
    put(object, "labels", names::APP_NAMESPACE_LABEL, &app.namespace);
    put(object, "labels", names::APP_NAME_LABEL, &app.name);
    put(object, "annotations", names::IDENTITY_ANNOTATION, &identity(installation, id));
}

/// Writes the digest annotation.
pub fn mark_digest(object: &mut Value, digest: &str) {
    put(object, "annotations", names::DIGEST_ANNOTATION, digest);
}

fn put(object: &mut Value, field: &str, key: &str, value: &str) {
    let map = object
        .as_object_mut()
        .map(|object| object.entry("metadata").or_insert_with(|| Value::Object(Map::new())))
        .and_then(Value::as_object_mut)
        .map(|metadata| metadata.entry(field).or_insert_with(|| Value::Object(Map::new())))
        .and_then(Value::as_object_mut);
    if let Some(map) = map {
        map.insert(key.to_owned(), Value::String(value.to_owned()));
    }
}

/// Whose a live object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Every mark is there and names this object: it belongs to this app.
    Ours(AppKey),
    /// Labels of ours on an object that we did not apply, or that we do not own any more. Reported, never deleted.
    Foreign,
}

/// Reads the marks of a live object.
pub fn read(object: &Value, installation: &str, id: &ObjectId, entry: Option<&Entry>) -> Mark {
    let metadata = object.get("metadata");
    let text = |field: &str, key: &str| {
        metadata.and_then(|metadata| metadata.get(field)?.get(key)?.as_str()).filter(|text| !text.is_empty())
    };
    let ours = (|| {
        let namespace = text("labels", names::APP_NAMESPACE_LABEL)?;
        let name = text("labels", names::APP_NAME_LABEL)?;
        (text("labels", names::INSTALLATION_LABEL)? == installation).then_some(())?;
        (text("annotations", names::IDENTITY_ANNOTATION)? == identity(installation, id)).then_some(())?;
        let entry = entry?;
        let owned = entry.owns(&["metadata", "labels", names::INSTALLATION_LABEL])
            && entry.owns(&["metadata", "labels", names::APP_NAMESPACE_LABEL])
            && entry.owns(&["metadata", "labels", names::APP_NAME_LABEL])
            && entry.owns(&["metadata", "annotations", names::IDENTITY_ANNOTATION]);
        owned.then(|| AppKey { namespace: namespace.to_owned(), name: name.to_owned() })
    })();
    ours.map_or(Mark::Foreign, Mark::Ours)
}
