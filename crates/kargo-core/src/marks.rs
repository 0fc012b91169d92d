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
        metadata
            .and_then(|metadata| metadata.get(field)?.get(key)?.as_str())
            .filter(|text| !text.is_empty())
    };
    let ours = (|| {
        let namespace = text("labels", names::APP_NAMESPACE_LABEL)?;
        let name = text("labels", names::APP_NAME_LABEL)?;
        (text("labels", names::INSTALLATION_LABEL)? == installation).then_some(())?;
        (text("annotations", names::IDENTITY_ANNOTATION)? == identity(installation, id))
            .then_some(())?;
        let entry = entry?;
        let owned = entry.owns(&["metadata", "labels", names::INSTALLATION_LABEL])
            && entry.owns(&["metadata", "labels", names::APP_NAMESPACE_LABEL])
            && entry.owns(&["metadata", "labels", names::APP_NAME_LABEL])
            && entry.owns(&["metadata", "annotations", names::IDENTITY_ANNOTATION]);
        owned.then(|| AppKey { namespace: namespace.to_owned(), name: name.to_owned() })
    })();
    ours.map_or(Mark::Foreign, Mark::Ours)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::object::GroupKind;

    /// A config map that carries all marks, and our entry that owns them.
    fn marked() -> Value {
        let id = ObjectId::new(GroupKind::new("", "ConfigMap"), Some("team"), "a");
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "team"}});
        mark(
            &mut object,
            "test",
            &AppKey { namespace: "team".to_owned(), name: "shop".to_owned() },
            &id,
        );
        object["metadata"]["managedFields"] = json!([{
            "manager": "kargo", "operation": "Apply", "apiVersion": "v1",
            "fieldsV1": {"f:metadata": {
                "f:labels": {format!("f:{}", names::INSTALLATION_LABEL): {}, format!("f:{}", names::APP_NAMESPACE_LABEL): {}, format!("f:{}", names::APP_NAME_LABEL): {}},
                "f:annotations": {format!("f:{}", names::IDENTITY_ANNOTATION): {}},
            }},
        }]);
        object
    }

    fn is_ours(object: &Value) -> bool {
        let id = ObjectId::of(object).expect("an object");
        matches!(read(object, "test", &id, Entry::of(object).as_ref()), Mark::Ours(_))
    }

    #[test]
    fn an_object_with_every_mark_is_ours() {
        assert!(is_ours(&marked()));
    }

    #[rstest]
    #[case::restored_into_another_namespace("/metadata/namespace", json!("elsewhere"))]
    #[case::copied_under_another_name("/metadata/name", json!("b"))]
    #[case::copied_to_another_kind("/kind", json!("Secret"))]
    #[case::of_another_installation("/metadata/labels/kargo.krampoline.io~1installation", json!("other"))]
    #[case::without_an_app("/metadata/labels/kargo.krampoline.io~1app", json!(""))]
    #[case::without_an_identity("/metadata/annotations/kargo.krampoline.io~1identity", json!(null))]
    #[case::not_applied_by_us("/metadata/managedFields/0/manager", json!("kubectl"))]
    #[case::not_applied_at_all("/metadata/managedFields/0/operation", json!("Update"))]
    #[case::only_its_status_applied_by_us("/metadata/managedFields/0/subresource", json!("status"))]
    #[case::labels_taken_over("/metadata/managedFields/0/fieldsV1/f:metadata/f:labels", json!({"f:x": {}}))]
    #[case::identity_taken_over("/metadata/managedFields/0/fieldsV1/f:metadata/f:annotations", json!({"f:x": {}}))]
    #[case::without_managed_fields("/metadata/managedFields", json!(null))]
    fn anything_less_is_not(#[case] pointer: &str, #[case] value: Value) {
        let mut object = marked();
        match (object.pointer_mut(pointer), pointer.rsplit_once('/')) {
            (Some(place), _) => *place = value,
            (None, Some((parent, key))) => {
                object.pointer_mut(parent).expect("a parent")[key] = value;
            }
            (None, None) => panic!("{pointer} is no pointer"),
        }
        assert!(!is_ours(&object));
    }
}
