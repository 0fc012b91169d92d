//! The `metadata` of an object and of the templates inside it.

use serde_json::{Map, Value};

/// What is done with one `metadata`, whose path is given.
pub(super) type Visit<'a> = dyn FnMut(&[&str], &mut Map<String, Value>) + 'a;

/// Visits the object's own `metadata` and that of every template in it (pods, jobs, volume claims).
pub(super) fn each(object: &mut Value, visit: &mut Visit<'_>) {
    descend(object, &mut Vec::new(), visit);
}

/// No manifest is deeper; the loader has a limit of its own.
const MAX_DEPTH: usize = 100;

fn descend(value: &mut Value, path: &mut Vec<String>, visit: &mut Visit<'_>) {
    if path.len() > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (key, child) in fields {
                path.push(key.clone());
                if key == "metadata"
                    && let Some(metadata) = child.as_object_mut()
                {
                    visit(&path.iter().map(String::as_str).collect::<Vec<_>>(), metadata);
                } else {
                    descend(child, path, visit);
                }
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(index.to_string());
                descend(item, path, visit);
                path.pop();
            }
        }
        _ => {}
    }
}
