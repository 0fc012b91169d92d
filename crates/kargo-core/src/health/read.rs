//! Reading a live object whose shape is not to be trusted.

use serde_json::Value;

/// The value at a path, `None` where any part of it is missing or of another type.
pub(super) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, key| value.get(key))
}

/// The text at a path, if it is one and not empty.
pub(super) fn text<'a>(object: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(object, path)?.as_str().filter(|text| !text.is_empty())
}

/// The integer at a path.
pub(super) fn int(object: &Value, path: &[&str]) -> Option<i64> {
    at(object, path)?.as_i64()
}

/// The integer in the status under a name; 0 where it is missing, as the API leaves zeros out.
pub(super) fn count(object: &Value, name: &str) -> i64 {
    int(object, &["status", name]).unwrap_or(0)
}

/// How many replicas are wanted; 1 where nothing is said, the API server's default.
pub(super) fn wanted_replicas(object: &Value) -> i64 {
    int(object, &["spec", "replicas"]).unwrap_or(1)
}

/// Whether the value at a path is `true`.
pub(super) fn flag(object: &Value, path: &[&str]) -> bool {
    at(object, path).and_then(Value::as_bool).unwrap_or(false)
}

/// The list at a path; empty where it is missing.
pub(super) fn list<'a>(object: &'a Value, path: &[&str]) -> &'a [Value] {
    at(object, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// One entry of `status.conditions`.
#[derive(Clone, Copy)]
pub(super) struct Condition<'a>(&'a Value);

impl<'a> Condition<'a> {
    pub(super) fn is_true(self) -> bool {
        text(self.0, &["status"]) == Some("True")
    }

    pub(super) fn is_false(self) -> bool {
        text(self.0, &["status"]) == Some("False")
    }

    pub(super) fn reason(self) -> &'a str {
        text(self.0, &["reason"]).unwrap_or_default()
    }

    /// Whether it speaks of an older generation than the object's: some controllers (the Gateway API's for
    /// one) stamp each condition instead of the status.
    pub(super) fn is_stale(self, object: &Value) -> bool {
        match (int(self.0, &["observedGeneration"]), int(object, &["metadata", "generation"])) {
            (Some(observed), Some(generation)) => observed < generation,
            _ => false,
        }
    }

    /// `: why`, ready to be put after a sentence of ours: the message, or else the reason; empty if neither is there.
    pub(super) fn because(self) -> String {
        let said = text(self.0, &["message"]).map(tidy).filter(|message| !message.is_empty());
        match said.unwrap_or_else(|| tidy(self.reason())) {
            why if why.is_empty() => why,
            why => format!(": {why}"),
        }
    }
}

/// The condition of a type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<Condition<'a>> {
    let conditions = list(object, &["status", "conditions"]);
    conditions.iter().find(|condition| text(condition, &["type"]) == Some(kind)).map(Condition)
}

/// How much of a foreign text is repeated: enough for its first sentence, too little to drown ours.
const FOREIGN_TEXT: usize = 300;

/// A foreign text on one line, without control characters, of bounded length, without its full stop.
pub(super) fn tidy(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(FOREIGN_TEXT).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short.trim_end_matches('.').to_owned()
}

/// `1 replica`, `3 replicas`.
pub(super) fn counted(number: i64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `1 of 1 replica is ready`, `2 of 3 replicas are ready`.
pub(super) fn share(part: i64, whole: i64, noun: &str, state: &str) -> String {
    let verb = if whole == 1 { "is" } else { "are" };
    format!("{part} of {} {verb} {state}", counted(whole, noun))
}
