//! Ingress of `extensions/v1beta1` and `networking.k8s.io/v1beta1` to `networking.k8s.io/v1`.
//!
//! Many people's files have `path` and `pathType` *inside* `backend`, because a help text once showed it so. Old
//! servers dropped them there without a word. Here they are honoured, the outer ones win.

use serde_json::{Value, json};

use super::{
    remarks::Remarks,
    walk::{Object, map_at, maps_in, set_default, take},
};

/// Whose fields an object is made of.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    /// A v1beta1 object: its old fields are right, and the upgrade as a whole has been reported.
    Old,
    /// A v1 object: each old field in it is worth a word.
    New,
}

pub(super) fn rewrite(object: &mut Value, remarks: &mut Remarks<'_>) {
    convert(object, Written::Old, remarks);
}

/// A v1 object with fields of v1beta1, or with `path` and `pathType` in the wrong place.
pub(super) fn repair(object: &mut Value, remarks: &mut Remarks<'_>) {
    convert(object, Written::New, remarks);
}

fn convert(object: &mut Value, written: Written, remarks: &mut Remarks<'_>) {
    let Some(spec) = map_at(object, &["spec"]) else { return };
    convert_default_backend(spec, written, remarks);
    for (rule, fields) in maps_in(spec, "rules") {
        let Some(http) = fields.get_mut("http").and_then(Value::as_object_mut) else { continue };
        for (path, fields) in maps_in(http, "paths") {
            convert_path(
                fields,
                written,
                &["spec", "rules", &rule, "http", "paths", &path],
                remarks,
            );
        }
    }
}

fn convert_default_backend(spec: &mut Object, written: Written, remarks: &mut Remarks<'_>) {
    let mut place = "defaultBackend";
    if let Some(backend) = take(spec, "backend") {
        if spec.contains_key("defaultBackend") {
            remarks.warn(
                &["spec", "backend"],
                "the Ingress has both `backend` and `defaultBackend`; `backend` is left out",
                "Delete `backend`",
            );
        } else {
            spec.insert("defaultBackend".to_owned(), backend);
            place = "backend";
            if written == Written::New {
                remarks.warn(
                    &["spec", "backend"],
                    "`backend` is the old name of `defaultBackend`; it is read as that",
                    "Write `defaultBackend`",
                );
            }
        }
    }
    let Some(backend) = spec.get_mut("defaultBackend").and_then(Value::as_object_mut) else {
        return;
    };
    convert_backend(backend, written, &["spec", place], remarks);
    let misplaced = MISPLACED
        .iter()
        .filter(|key| backend.shift_remove(**key).is_some())
        .copied()
        .collect::<Vec<_>>();
    if let Some(first) = misplaced.first() {
        let (verb, them) =
            if misplaced.len() == 1 { ("has", "it is") } else { ("have", "they are") };
        remarks.warn(
            &["spec", place, first],
            format!(
                "{} {verb} no meaning in a default backend, which takes every path; {them} left out",
                listed(&misplaced)
            ),
            "Delete it, or make a rule with a path",
        );
    }
}

const MISPLACED: [&str; 2] = ["path", "pathType"];

fn convert_path(path: &mut Object, written: Written, place: &[&str], remarks: &mut Remarks<'_>) {
    let mut old_form = written == Written::Old;
    let mut misplaced = Vec::new();
    if let Some(backend) = path.get_mut("backend").and_then(Value::as_object_mut) {
        let place = [place, &["backend"]].concat();
        old_form |= convert_backend(backend, written, &place, remarks);
        for key in MISPLACED {
            misplaced.extend(take(backend, key).map(|value| (key, value)));
        }
    }
    if !misplaced.is_empty() {
        old_form = true;
        move_out(path, misplaced, place, remarks);
    }
    if old_form {
        set_default(path, "pathType", "ImplementationSpecific");
    }
}

/// Puts `path` and `pathType` where they belong, unless something stands there already.
fn move_out(
    path: &mut Object,
    misplaced: Vec<(&'static str, Value)>,
    place: &[&str],
    remarks: &mut Remarks<'_>,
) {
    let names: Vec<&str> = misplaced.iter().map(|(name, _)| *name).collect();
    let is_there =
        |path: &Object, key: &str| path.get(key).is_some_and(|value: &Value| !value.is_null());
    let shadowed: Vec<&str> = names.iter().copied().filter(|name| is_there(path, name)).collect();
    for (name, value) in misplaced {
        set_default(path, name, value);
    }
    let (verb, them) = if names.len() == 1 { ("stands", "it is") } else { ("stand", "they are") };
    let reads = if names.len() == 1 { "it" } else { "them" };
    let outcome = if !is_there(path, "path") && !shadowed.contains(&"pathType") {
        // `Prefix` without a path is refused; without the misplaced `pathType` the rule takes every path, as it did.
        path.shift_remove("pathType");
        "it is left out, because there is no `path` for it".to_owned()
    } else if shadowed.is_empty() {
        format!("{them} read as one level up")
    } else {
        let verb = if shadowed.len() == 1 { "counts" } else { "count" };
        format!("{} beside `backend` {verb}", listed(&shadowed))
    };
    remarks.warn(
        &[place, &["backend", names[0]]].concat(),
        format!(
            "{} {verb} inside `backend`, where no Kubernetes version reads {reads}; {outcome}",
            listed(&names)
        ),
        format!("Indent {reads} like `backend`"),
    );
}

/// Whether the backend had the old form.
fn convert_backend(
    backend: &mut Object,
    written: Written,
    place: &[&str],
    remarks: &mut Remarks<'_>,
) -> bool {
    let old_fields: Vec<(&str, &str, Value)> = [("serviceName", "name"), ("servicePort", "port")]
        .into_iter()
        .filter_map(|(old, new)| Some((old, new, take(backend, old)?)))
        .collect();
    let names: Vec<&str> = old_fields.iter().map(|(old, ..)| *old).collect();
    if let Some(first) = names.first() {
        let place = [place, &[first]].concat();
        let has_new = backend.get("service").is_some_and(|service| !service.is_null());
        if has_new {
            let (winner, verb) = match written {
                Written::Old => (listed(&names), if names.len() == 1 { "counts" } else { "count" }),
                Written::New => ("`service`".to_owned(), "counts"),
            };
            remarks.warn(
                &place,
                format!(
                    "{} of v1beta1 and `service` of v1 are mixed in one backend; {winner} {verb}",
                    listed(&names)
                ),
                "Delete the others",
            );
        } else if written == Written::New {
            let (verb, them) =
                if names.len() == 1 { ("belongs", "it is") } else { ("belong", "they are") };
            remarks.warn(
                &place,
                format!("{} {verb} to v1beta1; {them} read as `service` of v1", listed(&names)),
                "Write `service: {name: …, port: {number: …}}`",
            );
        }
        set_default(backend, "service", json!({}));
        if let Some(service) = backend.get_mut("service").and_then(Value::as_object_mut) {
            for (_, new, value) in old_fields {
                let value = if new == "port" { port(value) } else { value };
                if written == Written::Old {
                    service.insert(new.to_owned(), value);
                } else {
                    set_default(service, new, value);
                }
            }
        }
    }
    mend_port(backend, place, remarks);
    !names.is_empty()
}

/// A port that stands directly under `port`, a number in quotes, a number as a name: one meaning each.
fn mend_port(backend: &mut Object, place: &[&str], remarks: &mut Remarks<'_>) {
    let Some(service) = backend.get_mut("service").and_then(Value::as_object_mut) else { return };
    let Some(current) = service.get("port") else { return };
    let mended = match current {
        Value::Number(_) | Value::String(_) => port(current.clone()),
        Value::Object(fields) if fields.len() == 1 => match fields
            .get("number")
            .or_else(|| fields.get("name"))
        {
            Some(value @ Value::String(text)) if text.parse::<u16>().is_ok() => port(value.clone()),
            _ => return,
        },
        _ => return,
    };
    if mended == *current {
        return;
    }
    let shown =
        if mended.get("number").is_some() { "port: {number: …}" } else { "port: {name: …}" };
    remarks.warn(
        &[place, &["service", "port"]].concat(),
        format!(
            "the port of a backend's service is not written as v1 wants it; it is read as `{shown}`"
        ),
        format!("Write `{shown}`"),
    );
    service.insert("port".to_owned(), mended);
}

/// A port of v1beta1, a number or a name, in the form of v1.
fn port(old: Value) -> Value {
    match &old {
        Value::Number(_) => json!({ "number": old }),
        Value::String(text) => match text.parse::<u16>() {
            Ok(number) => json!({ "number": number }),
            Err(_) => json!({ "name": old }),
        },
        _ => old,
    }
}

/// `` `path` and `pathType` ``
fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}
