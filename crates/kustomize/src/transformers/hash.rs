//! Names that change with the content (`HashTransformer`).

use serde_json::{Map as JsonMap, Value, json};
use sha2::{Digest, Sha256};

use crate::context::{Context, Result};
use crate::error::Code;
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::transformers::Transformer;
use crate::yaml::json::to_value;

/// Appends a hash to the names of generated objects.
#[derive(Debug)]
pub(crate) struct HashTransformer;

impl Transformer for HashTransformer {
    fn name(&self) -> &'static str {
        "HashTransformer"
    }

    fn spot(&self) -> Spot {
        Spot::NOWHERE
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        for resource in
            set.list_mut().iter_mut().filter(|resource| resource.needs_hash && !resource.deleted)
        {
            let hash = hash(resource, context)?;
            resource.remember_id();
            let name = format!("{}-{hash}", resource.id.name);
            let spot = resource.origin;
            resource.set_name(&name, Spot::NOWHERE);
            resource.refresh(&context.schema);
            resource.touch(self.name(), spot);
        }
        Ok(())
    }
}

/// Ten characters for the content of a `ConfigMap` or Secret.
fn hash(resource: &Resource, context: &mut Context<'_>) -> Result<String> {
    let kind = &*resource.id.gvk.kind;
    let mut field = |name: &str| match resource.node.get(name) {
        None => Ok(json!("")),
        Some(node) if node.as_scalar().is_some() => Ok(json!(node.text())),
        Some(node) => to_value(node).map_err(|fault| context.fail_as_json(fault, node.spot)),
    };
    // The name counts as empty: kustomize looks it up under a key that does not exist.
    let content = match kind {
        "ConfigMap" => {
            let (data, binary) = (field("data")?, field("binaryData")?);
            let mut content = json!({"kind": "ConfigMap", "name": "", "data": data});
            if binary.is_object() {
                content["binaryData"] = binary;
            }
            content
        }
        "Secret" => {
            let (data, strings, secret_type) =
                (field("data")?, field("stringData")?, field("type")?);
            let mut content =
                json!({"kind": "Secret", "type": secret_type, "name": "", "data": data});
            if strings.is_object() {
                content["stringData"] = strings;
            }
            content
        }
        other => {
            let what = format!(
                "a name suffix hash is asked for a {other}, and only ConfigMaps and Secrets have one"
            );
            return Err(context.fail(Code::InvalidGenerator, resource.origin, what));
        }
    };
    let mut text = String::new();
    write_go_json(&content, &mut text);
    Ok(encode(&Sha256::digest(text.as_bytes())))
}

/// The first ten hexadecimal digits, without those that could form words or look alike.
fn encode(digest: &[u8]) -> String {
    let digits = digest.iter().take(5).flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| b"gh2k456789mbcdtf"[usize::from(digit)] as char).collect()
}

/// JSON as Go prints it: sorted keys, no spaces, `<`, `>` and `&` escaped.
fn write_go_json(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            out.push('{');
            let mut entries: Vec<(&String, &Value)> = JsonMap::iter(map).collect();
            entries.sort_by_key(|(key, _)| *key);
            for (number, (key, value)) in entries.into_iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                write_go_string(key, out);
                out.push(':');
                write_go_json(value, out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (number, value) in list.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                write_go_json(value, out);
            }
            out.push(']');
        }
        Value::String(text) => write_go_string(text, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn write_go_string(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing into a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
