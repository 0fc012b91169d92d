//! What people say about single objects, by annotations in git. The values were checked by `normalise`.

use kargo_api::names;
use serde_json::Value;

/// How one object is to be treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own to a question of its own"
)]
pub struct Policy {
    /// Neither create, change nor delete it.
    pub leave_alone: bool,
    /// Create it if it is not there, and never change it afterwards.
    pub apply_once: bool,
    /// Delete and create it again when a field changes that cannot be changed.
    pub recreate: bool,
    /// Take it over from Flux, Argo CD or Helm.
    pub adopt: bool,
}

impl Policy {
    /// Reads the annotations of an object, desired or live.
    pub fn of(object: &Value) -> Self {
        let says = |annotation: &str, word: &str| {
            object["metadata"]["annotations"][annotation].as_str() == Some(word)
        };
        Self {
            leave_alone: says(names::RECONCILE_ANNOTATION, "disabled"),
            apply_once: says(names::APPLY_ANNOTATION, "once"),
            recreate: says(names::RECREATE_ANNOTATION, "allowed"),
            adopt: says(names::ADOPT_ANNOTATION, "allowed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_annotation_has_its_own_word() {
        let object = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}});
        let of = |key: &str, value: &str| Policy::of(&object(key, value));
        assert_eq!(Policy::of(&json!({})), Policy::default());
        assert!(of(names::RECONCILE_ANNOTATION, "disabled").leave_alone);
        assert!(of(names::APPLY_ANNOTATION, "once").apply_once);
        assert!(of(names::RECREATE_ANNOTATION, "allowed").recreate);
        assert!(of(names::ADOPT_ANNOTATION, "allowed").adopt);
        assert_eq!(of(names::ADOPT_ANNOTATION, "yes"), Policy::default());
    }
}
