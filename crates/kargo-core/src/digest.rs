//! Digests of JSON values that do not depend on the order of keys.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// How many hexadecimal digits a digest has: 80 bits, too many to collide by chance in one cluster.
const LENGTH: usize = 20;

/// The digest of one value.
pub fn of(value: &Value) -> String {
    let mut hasher = Sha256::new();
    feed(&mut hasher, value);
    finish(hasher)
}

/// The digest of a list of digests.
pub fn of_all<'a>(digests: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for digest in digests {
        hasher.update(digest.as_bytes());
        hasher.update([0]);
    }
    finish(hasher)
}

fn finish(hasher: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(LENGTH);
    text
}

/// Values are nested at most as deep as the loader of manifests admits.
fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            hasher.update(b"{");
            for key in keys {
                text(hasher, key);
                feed(hasher, &map[key]);
            }
            hasher.update(b"}");
        }
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                feed(hasher, item);
            }
            hasher.update(b"]");
        }
        Value::String(string) => text(hasher, string),
        scalar => {
            hasher.update(b"=");
            hasher.update(scalar.to_string().as_bytes());
            hasher.update(b";");
        }
    }
}

fn text(hasher: &mut Sha256, text: &str) {
    hasher.update(b"\"");
    hasher.update(text.len().to_le_bytes());
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn the_order_of_keys_does_not_matter_and_everything_else_does() {
        assert_eq!(of(&json!({"a": 1, "b": [2]})), of(&json!({"b": [2], "a": 1})));
        let different = [
            json!(1),
            json!("1"),
            json!([1]),
            json!({"1": 1}),
            json!(null),
            json!(true),
            json!("true"),
            json!(["a", "b"]),
            json!(["ab"]),
        ];
        for (index, left) in different.iter().enumerate() {
            for right in &different[index + 1..] {
                assert_ne!(of(left), of(right), "{left} {right}");
            }
        }
    }
}
