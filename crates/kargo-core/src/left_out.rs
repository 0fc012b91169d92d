//! Fields that are left to others: named by JSON pointers (RFC 6901) in an annotation, or because an autoscaler
//! sets them. They are taken out of what is sent, and an ownership of former days is given up without a change of
//! the value: to apply without a field would set it back to its default.

use serde_json::Value;

use crate::fields::{self, FieldPath, Step};

/// A JSON pointer to a field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    tokens: Vec<String>,
}

/// Why a text is no pointer to a field that can be left to others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPointer {
    /// Not a pointer at all.
    #[error("`{0}` is no JSON pointer, which begins with `/`")]
    NoPointer(String),
    /// `~` stands before something else than 0 or 1.
    #[error("`{0}` has a `~` that is neither `~0` nor `~1`")]
    Escape(String),
    /// What Kargo knows the object by.
    #[error("`{0}` names what Kargo itself knows the object by")]
    Identity(String),
}

/// Reads pointers separated by commas, spaces or new lines.
pub fn parse(text: &str) -> Result<Vec<Pointer>, BadPointer> {
    text.split(|letter: char| letter == ',' || letter.is_whitespace())
        .filter(|pointer| !pointer.is_empty())
        .map(Pointer::parse)
        .collect()
}

impl Pointer {
    fn parse(text: &str) -> Result<Self, BadPointer> {
        let tokens: Option<Vec<&str>> =
            text.strip_prefix('/').map(|rest| rest.split('/').collect());
        let tokens = tokens.ok_or_else(|| BadPointer::NoPointer(text.to_owned()))?;
        if text == "/" {
            return Err(BadPointer::NoPointer(text.to_owned()));
        }
        let escaped =
            |token: &&str| token.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
        if tokens.iter().any(escaped) {
            return Err(BadPointer::Escape(text.to_owned()));
        }
        let tokens: Vec<String> =
            tokens.iter().map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        let names: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let is_ours = |key: &str| {
            key.strip_prefix(kargo_api::names::GROUP).is_some_and(|rest| rest.starts_with('/'))
        };
        let identity = match names[..] {
            ["apiVersion" | "kind" | "metadata"]
            | ["metadata", "name" | "namespace" | "labels" | "annotations"] => true,
            ["metadata", "labels" | "annotations", key] => is_ours(key),
            _ => false,
        };
        if identity {
            return Err(BadPointer::Identity(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), tokens })
    }

    /// The number of replicas of a workload.
    pub fn replicas() -> Self {
        Self {
            text: "/spec/replicas".to_owned(),
            tokens: vec!["spec".to_owned(), "replicas".to_owned()],
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Takes the field out of a manifest. False if there is none: nothing at this place, or the item of a list,
    /// whose place is its meaning.
    pub fn take_out(&self, manifest: &mut Value) -> bool {
        let Some((last, parents)) = self.tokens.split_last() else { return false };
        let parent = parents.iter().try_fold(manifest, |node, token| match node {
            Value::Object(map) => map.get_mut(token),
            Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?),
            _ => None,
        });
        parent
            .and_then(Value::as_object_mut)
            .is_some_and(|parent| parent.shift_remove(last).is_some())
    }

    /// The field in terms of ownership. Items of lists are named by what the manifest says of them.
    pub fn path(&self, manifest: &Value) -> Option<FieldPath> {
        let mut node = Some(manifest);
        let mut steps = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            let step = match node {
                Some(Value::Array(items)) => {
                    let index = token.parse::<usize>().ok()?;
                    match items.get(index)? {
                        Value::Object(item) => {
                            let item = item
                                .iter()
                                .filter(|(_, value)| !value.is_object() && !value.is_array());
                            Step::Item(
                                item.map(|(key, value)| (key.clone(), value.clone())).collect(),
                            )
                        }
                        scalar => Step::Value(scalar.clone()),
                    }
                }
                _ => Step::Field(token.clone()),
            };
            node = node.and_then(|node| match node {
                Value::Array(items) => items.get(token.parse::<usize>().ok()?),
                node => node.get(token),
            });
            steps.push(step);
        }
        Some(FieldPath(steps))
    }
}

/// Takes fields out of what a manager owns. True if it owned one of them.
pub fn give_up(owned: &mut Value, pointers: &[Pointer], manifest: &Value) -> bool {
    let mut given_up = false;
    for path in pointers.iter().filter_map(|pointer| pointer.path(manifest)) {
        given_up |= fields::remove(owned, &path.0);
    }
    given_up
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("/spec/replicas", &["/spec/replicas"])]
    #[case("/a, /b\n/c/0/d", &["/a", "/b", "/c/0/d"])]
    #[case("  ", &[])]
    fn pointers_are_separated_by_commas_spaces_or_lines(
        #[case] text: &str,
        #[case] expected: &[&str],
    ) {
        let pointers = parse(text).expect("good pointers");
        assert_eq!(pointers.iter().map(Pointer::as_str).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("spec.replicas", "begins with `/`")]
    #[case("/", "begins with `/`")]
    #[case("/a~2b", "neither")]
    #[case("/metadata/name", "knows the object by")]
    #[case("/metadata/labels", "knows the object by")]
    #[case("/metadata/labels/kargo.krampoline.io~1app", "knows the object by")]
    fn what_is_no_pointer_is_refused(#[case] text: &str, #[case] why: &str) {
        let error = parse(text).expect_err("a bad pointer").to_string();
        assert!(error.contains(why), "{error}");
    }

    #[rstest]
    #[case("/spec/replicas", true, json!({"spec": {"list": [{"name": "a", "x": 1}]}, "a/b": 1}))]
    #[case("/spec/list/0/x", true, json!({"spec": {"replicas": 1, "list": [{"name": "a"}]}, "a/b": 1}))]
    #[case("/a~1b", true, json!({"spec": {"replicas": 1, "list": [{"name": "a", "x": 1}]}}))]
    #[case("/spec/list/0", false, json!({"spec": {"replicas": 1, "list": [{"name": "a", "x": 1}]}, "a/b": 1}))]
    #[case("/spec/nothing", false, json!({"spec": {"replicas": 1, "list": [{"name": "a", "x": 1}]}, "a/b": 1}))]
    fn a_field_is_taken_out_of_what_is_sent(
        #[case] text: &str,
        #[case] found: bool,
        #[case] expected: Value,
    ) {
        let mut manifest =
            json!({"spec": {"replicas": 1, "list": [{"name": "a", "x": 1}]}, "a/b": 1});
        assert_eq!(parse(text).expect("a pointer")[0].take_out(&mut manifest), found);
        assert_eq!(manifest, expected);
    }

    #[test]
    fn ownership_of_a_field_is_given_up_also_in_an_item_of_a_list() {
        let manifest = json!({"webhooks": [{"name": "a", "clientConfig": {}}]});
        let mut owned = json!({"f:webhooks": {r#"k:{"name":"a"}"#: {".": {}, "f:name": {}, "f:clientConfig": {"f:caBundle": {}}}}});
        let pointers = parse("/webhooks/0/clientConfig/caBundle").expect("a pointer");
        assert!(give_up(&mut owned, &pointers, &manifest));
        assert_eq!(owned, json!({"f:webhooks": {r#"k:{"name":"a"}"#: {".": {}, "f:name": {}}}}));
        assert!(!give_up(&mut owned, &pointers, &manifest));
    }
}
