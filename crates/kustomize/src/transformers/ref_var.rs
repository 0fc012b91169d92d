//! Variables `$(NAME)` in fields (`vars`).

use std::collections::BTreeMap;

use crate::accumulate::Accumulator;
use crate::arguments::Variable;
use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::field_spec::{Create, Stop, apply};
use crate::resource::Resource;
use crate::value_path::{look_up, smart_split};
use crate::yaml::scalar::{Resolved, resolve};
use crate::yaml::{Data, Dialect, Node, Scalar, Tag};

/// The value of a variable.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// A list or map, which cannot be put into a text.
    Structure,
}

/// The values of all variables.
struct Values {
    by_name: BTreeMap<String, Value>,
    /// Bytes of text that may still be made. A text that has grown by more is refused, so it need not be
    /// finished.
    most: u64,
}

/// Replaces all variables in the fields of the `varReference` table.
pub(crate) fn resolve_all(accumulator: &mut Accumulator, context: &mut Context<'_>) -> Result<()> {
    if accumulator.variables.is_empty() {
        return Ok(());
    }
    let mut values = BTreeMap::new();
    let mut result = Ok(());
    for variable in &accumulator.variables {
        match value_of(variable, accumulator.set.list(), context) {
            Ok(value) => drop(values.insert(variable.name.value.clone(), value)),
            Err(Failed) => result = Err(Failed),
        }
    }
    result?;
    let config = accumulator.config.tables();
    let values = Values { by_name: values, most: context.limits.text_bytes };
    for resource in accumulator.set.list_mut() {
        let mut changed = false;
        for spec in &config.var_reference {
            changed |=
                apply(resource, spec, Create::Never, context, &mut |node| set(node, &values))?;
        }
        if changed {
            resource.refresh(&context.schema);
            resource.touch("RefVarTransformer", resource.origin);
        }
    }
    Ok(())
}

fn value_of(variable: &Variable, list: &[Resource], context: &mut Context<'_>) -> Result<Value> {
    let name = variable.name.value.as_str();
    let spot = variable.name.spot;
    context.step(list.len() as u64, spot)?;
    let source = list.iter().find(|resource| resource.variables.iter().any(|own| **own == *name));
    let Some(source) = source else {
        let what = format!("no object matches the variable `{name}` ({})", variable.target);
        return Err(context.fail_with_help(
            Code::InvalidVariable,
            spot,
            what,
            "Correct its `objref`",
        ));
    };
    let mut path = Vec::new();
    for part in smart_split(&variable.field_path) {
        path.extend(split_index(part));
    }
    if let Ok(Some(node)) = look_up(&source.node, &path) {
        Ok(read(node))
    } else {
        let what = format!(
            "{} has no field `{}` for the variable `{name}`",
            source.id, variable.field_path
        );
        Err(context.fail_with_help(Code::InvalidVariable, spot, what, "Correct its `fieldref`"))
    }
}

/// `ports[0]` is `ports` and `0`.
fn split_index(part: String) -> Vec<String> {
    let split = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    match split {
        Some((name, index))
            if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            let name = (!name.is_empty()).then(|| name.to_owned());
            name.into_iter().chain([index.to_owned()]).collect()
        }
        _ => vec![part],
    }
}

fn read(node: &Node) -> Value {
    let Some(scalar) = node.as_scalar() else { return Value::Structure };
    let text = || Value::Text(scalar.text.to_string());
    match (scalar.tag, resolve(&scalar.text, Dialect::Resource)) {
        (Tag::Int, Resolved::Int(number)) => Value::Int(number),
        (Tag::Float, Resolved::Float(number)) => Value::Float(number),
        (Tag::Bool, Resolved::Bool(value)) => Value::Bool(value),
        _ => text(),
    }
}

fn set(node: &mut Node, values: &Values) -> Result<bool, Stop> {
    let spot = node.spot;
    match &mut node.data {
        Data::Scalar(scalar) => Ok(replace(scalar, values)),
        Data::Map(map) => {
            let mut changed = false;
            for (_, value) in &mut map.entries {
                if let Data::Scalar(scalar) = &mut value.data {
                    changed |= replace(scalar, values);
                }
            }
            Ok(changed)
        }
        Data::List(list) => {
            let mut changed = false;
            for element in list {
                match &mut element.data {
                    Data::Scalar(scalar) if matches!(scalar.tag, Tag::Str | Tag::None) => {
                        changed |= replace(scalar, values);
                    }
                    _ => {
                        return Err(Stop::Refused(
                            spot,
                            format!(
                                "{} stands in a list of texts with variables",
                                element.kind_name()
                            ),
                        ));
                    }
                }
            }
            Ok(changed)
        }
    }
}

/// A text that is one variable takes its type; in all others variables become text.
fn replace(scalar: &mut Scalar, values: &Values) -> bool {
    if !matches!(scalar.tag, Tag::Str | Tag::None) {
        return false;
    }
    let new = match expand(&scalar.text, values) {
        Value::Text(text) => Scalar::string(text),
        Value::Int(number) => Scalar::with_tag(number.to_string(), Tag::Int),
        Value::Float(number) => Scalar::with_tag(number.to_string(), Tag::Float),
        Value::Bool(value) => Scalar::with_tag(value.to_string(), Tag::Bool),
        Value::Structure => return false,
    };
    let changed = new.text != scalar.text || new.tag != scalar.tag;
    *scalar = new;
    changed
}

/// `$(NAME)` is a variable, `$$` a dollar sign; unknown names stay.
fn expand(text: &str, values: &Values) -> Value {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        if out.len() as u64 > values.most.saturating_add(text.len() as u64) {
            return Value::Text(out);
        }
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(more) = after.strip_prefix('$') {
            out.push('$');
            rest = more;
        } else if let Some((name, more)) =
            after.strip_prefix('(').and_then(|inner| inner.split_once(')'))
        {
            match values.by_name.get(name) {
                Some(value)
                    if at == 0
                        && more.is_empty()
                        && out.is_empty()
                        && *value != Value::Structure =>
                {
                    return value.clone();
                }
                Some(Value::Text(value)) => out.push_str(value),
                Some(Value::Int(number)) => out.push_str(&number.to_string()),
                Some(Value::Float(number)) => out.push_str(&crate::yaml::number::go_g(*number)),
                Some(Value::Bool(value)) => out.push_str(if *value { "true" } else { "false" }),
                Some(Value::Structure) | None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = more;
        } else {
            out.push('$');
            rest = after;
            if let Some(next) = after.chars().next() {
                out.push(next);
                rest = &after[next.len_utf8()..];
            }
        }
    }
    out.push_str(rest);
    Value::Text(out)
}
