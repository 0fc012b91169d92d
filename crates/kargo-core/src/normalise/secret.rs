//! `stringData` of a Secret. It is a write-only convenience: the API server copies it into `data`, and a key that
//! leaves git later would stay in `data` for ever, owned by nobody. So it is encoded here and applied as `data`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::texts;
use crate::upgrade::remarks::Remarks;

pub(super) fn encode(object: &mut Value, remarks: &mut Remarks<'_>) {
    if object["apiVersion"] != "v1" || object["kind"] != "Secret" {
        return;
    }
    let Some(secret) = object.as_object_mut() else { return };
    let mut plain = match secret.shift_remove("stringData") {
        None | Some(Value::Null) => return,
        Some(Value::Object(plain)) => plain,
        Some(_) => {
            remarks.refuse(
                &["stringData"],
                "`stringData` is not a map of keys to texts",
                "Write one `key: value` per line under it",
            );
            return;
        }
    };
    texts::convert_map(&mut plain, &["stringData"], "key", remarks);
    let data = secret.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    // Where both have a key, the API server takes stringData.
    if let Some(data) = data.as_object_mut() {
        data.extend(plain.into_iter().map(|(key, text)| {
            let encoded = STANDARD.encode(text.as_str().unwrap_or_default());
            (key, Value::from(encoded))
        }));
    }
    if secret["data"].as_object().is_some_and(Map::is_empty) {
        secret.shift_remove("data");
    }
}
