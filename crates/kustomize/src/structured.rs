//! Replacements inside of a text that is itself JSON or YAML, such as a file in a `ConfigMap`.

use serde_json::Value;

use crate::context::{Context, Result};
use crate::position::Spot;
use crate::transformers::replacement::set_value;
use crate::value_path::{PathMatcher, look_up, look_up_mut};
use crate::yaml::json::to_value;
use crate::yaml::load::first_document;
use crate::yaml::{Dialect, Node, Size, emit};

/// Sets the value if the path leads into such a text. False if it does not, or if nothing is found there.
pub(crate) fn set(
    root: &mut Node,
    path: &[String],
    value: &Node,
    create: bool,
    context: &mut Context<'_>,
) -> Result<bool> {
    let Some((length, mut document)) = find(root, path, context)? else { return Ok(false) };
    let mut found = 0;
    let mut matcher = PathMatcher { create: create.then_some(value), context, spot: Spot::NOWHERE };
    let outcome = matcher.visit(&mut document, &path[length..], &mut |node| {
        found += 1;
        set_value(node, value.clone());
        Ok(())
    });
    if outcome.is_err() || found == 0 {
        return Ok(false);
    }
    let Some(scalar) = look_up_mut(root, &path[..length]) else { return Ok(false) };
    let Some(text) = write(&document, scalar.text()) else { return Ok(false) };
    context.make(Size { nodes: 0, text: text.len(), depth: 0 }, scalar.spot)?;
    if let crate::yaml::Data::Scalar(scalar) = &mut scalar.data {
        scalar.text = text.into();
    }
    Ok(true)
}

/// How much of the path leads to a text, and what that text holds.
fn find(root: &Node, path: &[String], context: &mut Context<'_>) -> Result<Option<(usize, Node)>> {
    for length in 1..path.len() {
        context.step(length as u64, root.spot)?;
        let Ok(Some(node)) = look_up(root, &path[..length]) else { continue };
        if node.as_scalar().is_none() {
            continue;
        }
        context.step((length + node.text().len() / 8) as u64, node.spot)?;
        let mut limits = context.limits;
        let loaded =
            first_document(node.text().as_bytes(), u32::MAX, Dialect::Resource, &mut limits);
        context.limits = limits;
        if let Ok((document, _)) = loaded {
            let document = document.unwrap_or_else(|| Node::null(Spot::NOWHERE));
            return Ok(Some((length, document)));
        }
    }
    Ok(None)
}

/// The document as text in the form that it had: JSON in one line or several, or YAML.
fn write(document: &Node, original: &str) -> Option<String> {
    let value = to_value(document).ok()?;
    if !original.trim_start().starts_with(['{', '[']) {
        return Some(emit::document(&value).trim().to_owned());
    }
    let sorted = sorted(value);
    if original.contains('\n') && original.contains("  ") {
        return serde_json::to_string_pretty(&sorted).ok();
    }
    serde_json::to_string(&sorted).ok()
}

/// Go prints JSON with sorted keys.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect())
        }
        other => other,
    }
}
