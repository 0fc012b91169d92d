//! From nodes to JSON values: the one place where the types of scalars are decided.
//!
//! kustomize prints its tree as YAML, reads that, and prints JSON. The rules here are the sum of the
//! three steps.

use base64::Engine as _;
use serde_json::{Map as JsonMap, Value};

use crate::error::Code;
use crate::object::Place;
use crate::position::Spot;
use crate::yaml::emit::needs_quotes;
use crate::yaml::node::{Data, Key, Map, Node, Scalar, Style};
use crate::yaml::number::{go_g, json_number};
use crate::yaml::scalar::{Dialect, Resolved, Tag, resolve};
use crate::yaml::timestamp;

/// A value that JSON cannot hold.
#[derive(Debug)]
pub(crate) struct NotJson {
    pub(crate) code: Code,
    pub(crate) spot: Spot,
    pub(crate) what: String,
    pub(crate) help: Option<String>,
}

impl NotJson {
    fn new(spot: Spot, what: impl Into<String>, help: &str) -> Self {
        Self { code: Code::NotJson, spot, what: what.into(), help: Some(help.to_owned()) }
    }
}

/// A scalar with its final type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Typed {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    String(String),
}

/// The JSON value of a tree; takes the tree apart as it goes. `places` gets one entry per node, parents
/// before children.
pub(crate) fn into_value(node: Node, places: &mut Vec<Place>) -> Result<Value, NotJson> {
    let at = places.len();
    places.push(Place { spot: node.spot, size: 1 });
    let value = match node.data {
        Data::Scalar(scalar) => scalar_value(scalar, node.spot)?,
        Data::List(list) => {
            let mut values = Vec::with_capacity(list.len());
            for element in list {
                values.push(into_value(element, places)?);
            }
            Value::Array(values)
        }
        Data::Map(map) => {
            let mut values = JsonMap::with_capacity(map.entries.len());
            for (key, child) in map.entries {
                check_key(&key)?;
                values.insert(key.text.into_string(), into_value(child, places)?);
            }
            Value::Object(values)
        }
    };
    places[at].size = u32::try_from(places.len() - at).unwrap_or(u32::MAX);
    Ok(value)
}

/// The JSON value of a tree that lives on.
pub(crate) fn to_value(node: &Node) -> Result<Value, NotJson> {
    Ok(match &node.data {
        Data::Scalar(scalar) => typed_value(typed(scalar, node.spot)?, node.spot)?,
        Data::List(list) => Value::Array(list.iter().map(to_value).collect::<Result<_, _>>()?),
        Data::Map(map) => {
            let mut values = JsonMap::with_capacity(map.entries.len());
            for (key, child) in &map.entries {
                check_key(key)?;
                values.insert(key.text.to_string(), to_value(child)?);
            }
            Value::Object(values)
        }
    })
}

fn check_key(key: &Key) -> Result<(), NotJson> {
    if matches!(key.tag, Tag::Str | Tag::Custom | Tag::None) {
        return Ok(());
    }
    let what =
        format!("the key `{}` is not a string, and JSON allows only strings as keys", key.text);
    Err(NotJson::new(key.spot, what, "Put the key into quotes"))
}

fn scalar_value(scalar: Scalar, spot: Spot) -> Result<Value, NotJson> {
    // Most scalars are strings whose text can be kept as it is.
    if scalar.tag == Tag::Str {
        return Ok(Value::String(scalar.text.into_string()));
    }
    typed_value(typed(&scalar, spot)?, spot)
}

fn typed_value(typed: Typed, spot: Spot) -> Result<Value, NotJson> {
    Ok(match typed {
        Typed::Null => Value::Null,
        Typed::Bool(value) => Value::Bool(value),
        Typed::Int(number) => Value::Number(number.into()),
        Typed::Unsigned(number) => Value::Number(number.into()),
        Typed::Float(number) => json_number(number).ok_or_else(|| {
            NotJson::new(spot, "JSON has no infinity and no `.nan`", "Put the value into quotes")
        })?,
        Typed::String(text) => Value::String(text),
    })
}

/// The final type of a scalar.
pub(crate) fn typed(scalar: &Scalar, spot: Spot) -> Result<Typed, NotJson> {
    let text = &*scalar.text;
    let plain = matches!(scalar.style, Style::Plain | Style::PlainFlow);
    match scalar.tag {
        Tag::Str | Tag::Custom | Tag::Merge => Ok(Typed::String(text.to_owned())),
        Tag::Binary => Ok(Typed::String(binary(text))),
        Tag::None if !plain || text.contains('\n') => Ok(Typed::String(text.to_owned())),
        Tag::None => Ok(plain_value(text, scalar.style)),
        tag => {
            let resolved = resolve(text, Dialect::Resource);
            if resolved.tag() == tag && !scalar.tagged {
                // The tag is implied by the text and gets lost; what quotes there are stay.
                return Ok(if plain {
                    plain_value(text, scalar.style)
                } else {
                    Typed::String(text.to_owned())
                });
            }
            forced(text, tag, resolved).ok_or_else(|| {
                let what = format!("`{text}` cannot be read as {}", tag.name());
                NotJson::new(
                    spot,
                    what,
                    "Write a value of the type that the field has, or put it into quotes",
                )
            })
        }
    }
}

/// A plain scalar without a tag.
fn plain_value(text: &str, style: Style) -> Typed {
    match resolve(text, Dialect::Resource) {
        // Inside of `{}` and `[]` kustomize prints nothing, and texts with colons, in quotes.
        Resolved::Null if style == Style::PlainFlow && text.is_empty() => {
            Typed::String(String::new())
        }
        Resolved::Timestamp(_) if style == Style::PlainFlow && text.contains(':') => {
            Typed::String(text.to_owned())
        }
        resolved => typed_resolved(resolved, text),
    }
}

fn typed_resolved(resolved: Resolved, text: &str) -> Typed {
    match resolved {
        Resolved::Null => Typed::Null,
        Resolved::Bool(value) => Typed::Bool(value),
        Resolved::Int(number) => Typed::Int(number),
        Resolved::Unsigned(number) => Typed::Unsigned(number),
        Resolved::Float(number) => Typed::Float(number),
        Resolved::Timestamp(time) => Typed::String(time),
        Resolved::Merge | Resolved::Str => Typed::String(text.to_owned()),
    }
}

/// A scalar whose tag is written: `!!float 5`.
fn forced(text: &str, tag: Tag, resolved: Resolved) -> Option<Typed> {
    match (tag, resolved) {
        (Tag::Float, Resolved::Int(number)) => {
            #[expect(clippy::cast_precision_loss, reason = "a float is what the tag asks for")]
            let number = number as f64;
            Some(Typed::Float(number))
        }
        (Tag::Timestamp, _) => timestamp::parse(text).map(Typed::String),
        (tag, resolved) if resolved.tag() == tag => Some(typed_resolved(resolved, text)),
        _ => None,
    }
}

fn binary(text: &str) -> String {
    let joined: String = text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(joined).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How a JSON patch leaves a tree: through JSON and back, where all numbers are 64-bit floats.
pub(crate) fn through_json(node: &mut Node) -> Result<(), NotJson> {
    through_json_in(node, Dialect::Resource)
}

/// [`through_json`] of a tree in either dialect.
pub(crate) fn through_json_in(node: &mut Node, dialect: Dialect) -> Result<(), NotJson> {
    match &mut node.data {
        Data::Scalar(scalar) => {
            let typed = match (dialect, scalar.tag) {
                (Dialect::Yaml11, Tag::Bool) => {
                    typed_resolved(resolve(&scalar.text, dialect), &scalar.text)
                }
                (Dialect::Yaml11, Tag::Null) => Typed::Null,
                _ => typed(scalar, node.spot)?,
            };
            *scalar = scalar_of(typed, node.spot)?;
        }
        Data::List(list) => {
            list.iter_mut().try_for_each(|child| through_json_in(child, dialect))?;
        }
        Data::Map(map) => {
            for (key, child) in &mut map.entries {
                match dialect {
                    Dialect::Resource => check_key(key)?,
                    Dialect::Yaml11 => key.tag = Tag::Str,
                }
                through_json_in(child, dialect)?;
            }
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "kustomize passes numbers through floats here")]
fn scalar_of(typed: Typed, spot: Spot) -> Result<Scalar, NotJson> {
    let number = |number: f64| {
        if number.is_finite() {
            let text = go_g(number);
            let tag = resolve(&text, Dialect::Resource).tag();
            Ok(Scalar::with_tag(text, tag))
        } else {
            Err(NotJson::new(
                spot,
                "JSON has no infinity and no `.nan`",
                "Put the value into quotes",
            ))
        }
    };
    Ok(match typed {
        Typed::Null => Scalar::with_tag("null", Tag::Null),
        Typed::Bool(value) => Scalar::with_tag(if value { "true" } else { "false" }, Tag::Bool),
        Typed::Int(integer) => number(integer as f64)?,
        Typed::Unsigned(integer) => number(integer as f64)?,
        Typed::Float(float) => number(float)?,
        Typed::String(text) => new_string(text),
    })
}

/// A string as go-yaml would write it: quoted if it looks like something else.
pub(crate) fn new_string(text: String) -> Scalar {
    let style = if text.contains('\n') {
        Style::Block
    } else if needs_quotes(&text) {
        Style::Quoted
    } else {
        Style::Plain
    };
    Scalar { text: text.into_boxed_str(), tag: Tag::Str, style, tagged: false, alias: 0 }
}

/// A node from a JSON value, as kustomize makes one from JSON text: strings quoted, numbers plain.
pub(crate) fn from_value(value: Value, spot: Spot) -> Node {
    let data = match value {
        Value::Null => return Node::null(spot),
        Value::Bool(value) => {
            Data::Scalar(Scalar::with_tag(if value { "true" } else { "false" }, Tag::Bool))
        }
        Value::Number(number) => {
            let text = number.to_string();
            let tag = resolve(&text, Dialect::Resource).tag();
            Data::Scalar(Scalar::with_tag(text, tag))
        }
        Value::String(text) => Data::Scalar(Scalar {
            text: text.into(),
            tag: Tag::Str,
            style: Style::Quoted,
            tagged: false,
            alias: 0,
        }),
        Value::Array(list) => {
            Data::List(list.into_iter().map(|value| from_value(value, spot)).collect())
        }
        Value::Object(map) => Data::Map(Map {
            entries: map
                .into_iter()
                .map(|(key, value)| {
                    (Key { text: key.into(), spot, tag: Tag::Str }, from_value(value, spot))
                })
                .collect(),
        }),
    };
    Node::new(data, spot)
}
