//! Keys under our own prefix. Kargo sets its marks itself; a repository that could set them could claim what is
//! not its own. A few annotations are for people, with values that are checked: a mistyped
//! `prune: disable` must not delete anything.

use kargo_api::names::{
    ADOPT_ANNOTATION, APPLY_ANNOTATION, CONFIRM_PRUNE_ANNOTATION, GROUP, PRUNE_ANNOTATION,
    RECONCILE_ANNOTATION, RECREATE_ANNOTATION, SYNC_REQUESTED_ANNOTATION, USER_ANNOTATIONS,
};
use serde_json::{Map, Value};

use super::metadata;
use crate::{object::group_version, upgrade::remarks::Remarks};

/// Refuses labels and annotations under our prefix that are not for people, also in templates.
pub(super) fn check(object: &mut Value, remarks: &mut Remarks<'_>) {
    let (group, _) = group_version(object["apiVersion"].as_str().unwrap_or_default());
    let is_app = group == GROUP && object["kind"] == "KargoApp";
    metadata::each(object, &mut |path, metadata| {
        // What is said to a template is said to nobody.
        let for_people = if path.len() > 1 { Vec::new() } else { annotations_for_people(is_app) };
        if let Some(labels) = metadata.get("labels").and_then(Value::as_object) {
            check_labels(labels, &[path, &["labels"]].concat(), remarks);
        }
        if let Some(annotations) = metadata.get("annotations").and_then(Value::as_object) {
            check_annotations(
                annotations,
                &for_people,
                &[path, &["annotations"]].concat(),
                remarks,
            );
        }
    });
}

fn annotations_for_people(is_app: bool) -> Vec<&'static str> {
    let on_apps: &[&str] =
        if is_app { &[CONFIRM_PRUNE_ANNOTATION, SYNC_REQUESTED_ANNOTATION] } else { &[] };
    [USER_ANNOTATIONS, on_apps].concat()
}

/// What may be said with an annotation; `None` if that is free.
fn allowed_values(annotation: &str) -> Option<&'static [&'static str]> {
    match annotation {
        PRUNE_ANNOTATION => Some(&["allowed", "disabled"]),
        RECONCILE_ANNOTATION => Some(&["disabled"]),
        RECREATE_ANNOTATION | ADOPT_ANNOTATION => Some(&["allowed"]),
        APPLY_ANNOTATION => Some(&["once"]),
        _ => None,
    }
}

fn is_ours(key: &str) -> bool {
    key.strip_prefix(GROUP).is_some_and(|rest| rest.starts_with('/'))
}

fn check_labels(labels: &Map<String, Value>, path: &[&str], remarks: &mut Remarks<'_>) {
    let Some(key) = labels.keys().find(|key| is_ours(key)) else { return };
    let help = if USER_ANNOTATIONS.contains(&key.as_str()) {
        "Write it under `annotations`"
    } else {
        "Delete it"
    };
    remarks.refuse(
        &[path, &[key.as_str()]].concat(),
        format!("label `{key}` is under the prefix {GROUP}, whose labels only Kargo itself sets"),
        help,
    );
}

fn check_annotations(
    annotations: &Map<String, Value>,
    for_people: &[&str],
    path: &[&str],
    remarks: &mut Remarks<'_>,
) {
    for (key, value) in annotations.iter().filter(|(key, _)| is_ours(key)) {
        let place = [path, &[key.as_str()]].concat();
        let said = value.as_str().unwrap_or_default();
        if !for_people.contains(&key.as_str()) {
            remarks.refuse(
                &place,
                format!("annotation `{key}` is not one that may be set here"),
                match nearest(key, for_people) {
                    Some(near) => format!("Write `{near}` if that is what you mean, or delete it"),
                    None => "Delete it".to_owned(),
                },
            );
        } else if let Some(allowed) = allowed_values(key).filter(|allowed| !allowed.contains(&said))
        {
            let choice: Vec<String> = allowed.iter().map(|value| format!("`{value}`")).collect();
            remarks.refuse(
                &place,
                format!("annotation `{key}` has a value that means nothing"),
                match nearest(said, allowed) {
                    Some(near) => format!(
                        "Write `{near}` if that is what you mean; the values are {}",
                        choice.join(", ")
                    ),
                    None => format!("Write one of {}", choice.join(", ")),
                },
            );
        }
    }
}

/// The candidate that a mistyped word was probably meant to be.
fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    const TYPING_ERRORS: usize = 3;
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= TYPING_ERRORS)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
