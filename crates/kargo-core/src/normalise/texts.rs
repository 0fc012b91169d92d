//! Labels and annotations are texts; people write `true` and `8080` without quotes.

use serde_json::{Map, Value};

use super::{is_built_in, metadata};
use crate::{object::group_version, upgrade::remarks::Remarks};

/// Converts labels and annotations of the object, and of the templates in it if their schema is known.
pub(super) fn convert(object: &mut Value, remarks: &mut Remarks<'_>) {
    let (group, _) = group_version(object["apiVersion"].as_str().unwrap_or_default());
    let built_in = is_built_in(group);
    metadata::each(object, &mut |path, metadata| {
        if path.len() > 1 && !built_in {
            return;
        }
        for (field, noun) in [("labels", "label"), ("annotations", "annotation")] {
            if let Some(texts) = metadata.get_mut(field).and_then(Value::as_object_mut) {
                convert_map(texts, &[path, &[field]].concat(), noun, remarks);
            }
        }
    });
}

/// Makes every value of a map a text: null the empty one, as the API server does; numbers and booleans with a
/// warning that shows only the key, as the value may be a secret.
pub(super) fn convert_map(
    texts: &mut Map<String, Value>,
    path: &[&str],
    noun: &str,
    remarks: &mut Remarks<'_>,
) {
    for (key, value) in texts {
        let place = [path, &[key.as_str()]].concat();
        let kind = match value {
            Value::String(_) => continue,
            Value::Null => {
                *value = Value::from("");
                continue;
            }
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Object(_) | Value::Array(_) => {
                let shape = if value.is_array() { "a list" } else { "a map" };
                remarks.refuse(
                    &place,
                    format!("the value of {noun} `{key}` is {shape} where a text belongs"),
                    "Write one line, in quotes",
                );
                continue;
            }
        };
        *value = Value::from(value.to_string());
        remarks.warn(
            &place,
            format!(
                "the value of {noun} `{key}` is {kind} where a text belongs; it is read as text"
            ),
            "Put it in quotes",
        );
    }
}
