//! From nodes to typed values, with the place of everything: kustomization files, configurations,
//! plugin objects. Field names match without regard to case, as Go's JSON does.

use crate::context::{Context, Result};
use crate::error::Code;
use crate::position::Spot;
use crate::yaml::scalar::{Resolved, resolve};
use crate::yaml::{Data, Dialect, Key, Node, Tag};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) spot: Spot,
}

/// A text and where it stands.
pub(crate) type Text = Located<String>;

/// Pairs of texts, such as labels, in order of their keys.
pub(crate) type Pairs = Located<Vec<(String, String)>>;

/// Reads one tree of nodes.
pub(crate) struct Decoder<'c, 't> {
    pub(crate) context: &'c mut Context<'t>,
    dialect: Dialect,
    /// Unknown fields are errors.
    strict: bool,
}

/// Suggest a field if it is at least this similar.
const SIMILARITY: f64 = 0.8;

impl<'c, 't> Decoder<'c, 't> {
    /// For kustomization files and configurations.
    pub(crate) fn strict(context: &'c mut Context<'t>) -> Self {
        Self { context, dialect: Dialect::Yaml11, strict: true }
    }

    /// For files whose unknown fields kustomize ignores.
    pub(crate) fn lenient(context: &'c mut Context<'t>) -> Self {
        Self { context, dialect: Dialect::Yaml11, strict: false }
    }

    /// For the objects of `generators` and `transformers`.
    pub(crate) fn of_plugin(context: &'c mut Context<'t>) -> Self {
        Self { context, dialect: Dialect::Resource, strict: false }
    }

    /// The fields of a map, by their names as `known` spells them. Null values are left out.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&'static str],
    ) -> Vec<(&'static str, &'n Key, &'n Node)> {
        let Data::Map(map) = &node.data else {
            if !node.is_null() {
                let found = node.kind_name();
                self.context.fail_with_help(
                    Code::WrongType,
                    node.spot,
                    format!("{what} is {found}, and must be a map of fields"),
                    "Write `name: value` lines",
                );
            }
            return Vec::new();
        };
        let mut fields: Vec<(&'static str, &Key, &Node)> = Vec::new();
        for (key, value) in &map.entries {
            let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(&key.text)) else {
                if self.strict {
                    self.unknown_field(key, what, known);
                }
                continue;
            };
            if let Some((_, first, _)) = fields.iter().find(|(field, ..)| field == name) {
                let line = first.spot.line;
                self.context.fail_with_help(
                    Code::DuplicateKey,
                    key.spot,
                    format!(
                        "the field `{}` is already set in line {line} as `{}`",
                        key.text, first.text
                    ),
                    "Remove one of the two",
                );
                continue;
            }
            fields.push((name, key, value));
        }
        fields.retain(|(_, _, value)| !value.is_null());
        fields
    }

    fn unknown_field(&mut self, key: &Key, what: &str, known: &[&str]) {
        let similarity =
            |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &key.text.to_lowercase());
        let best = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        let help = match best.filter(|best| similarity(best) >= SIMILARITY) {
            Some(best) => format!("Did you mean `{best}`?"),
            None => "Remove it, or check its name and indentation".to_owned(),
        };
        self.context.fail_with_help(
            Code::UnknownField,
            key.spot,
            format!("unknown field `{}` in {what}", key.text),
            help,
        );
    }

    fn wrong_type(&mut self, node: &Node, field: &str, wanted: &str, help: &str) {
        let found = node.kind_name();
        self.context.fail_with_help(
            Code::WrongType,
            node.spot,
            format!("`{field}` is {found}, and must be {wanted}"),
            help,
        );
    }

    /// A text; null is the empty text.
    pub(crate) fn text(&mut self, node: &Node, field: &str) -> Text {
        let value = if let Data::Scalar(scalar) = &node.data {
            match scalar.tag {
                Tag::Null => String::new(),
                Tag::Int | Tag::Float | Tag::Bool => {
                    let help = format!("Put it into quotes: `\"{}\"`", scalar.text);
                    self.wrong_type(node, field, "a text", &help);
                    String::new()
                }
                _ => scalar.text.to_string(),
            }
        } else {
            self.wrong_type(node, field, "a text", "Write a single value");
            String::new()
        };
        Located { value, spot: node.spot }
    }

    /// A text that may be missing; empty texts count as missing.
    pub(crate) fn optional_text(&mut self, node: &Node, field: &str) -> Option<Text> {
        Some(self.text(node, field)).filter(|text| !text.value.is_empty())
    }

    /// The elements of a list.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, field: &str) -> &'n [Node] {
        if let Data::List(list) = &node.data {
            return list;
        }
        if !node.is_null() {
            self.wrong_type(node, field, "a list", "Begin each entry with `- `");
        }
        &[]
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, node: &Node, field: &str) -> Vec<Text> {
        let list = self.list(node, field);
        list.iter().map(|element| self.text(element, &format!("an entry of {field}"))).collect()
    }

    /// A map of texts, in order of the keys; null is the empty text.
    pub(crate) fn pairs(&mut self, node: &Node, field: &str) -> Pairs {
        let Data::Map(map) = &node.data else {
            if !node.is_null() {
                self.wrong_type(node, field, "a map of texts", "Write `key: value` lines");
            }
            return Located { value: Vec::new(), spot: node.spot };
        };
        let mut pairs: Vec<(String, String)> = map
            .entries
            .iter()
            .map(|(key, value)| {
                (
                    key_text(key, self.dialect),
                    self.text(value, &format!("{field}.{}", key.text)).value,
                )
            })
            .collect();
        pairs.sort();
        Located { value: pairs, spot: node.spot }
    }

    pub(crate) fn boolean(&mut self, node: &Node, field: &str) -> bool {
        if let Data::Scalar(scalar) = &node.data
            && scalar.tag == Tag::Bool
        {
            return resolve(&scalar.text, self.dialect) == Resolved::Bool(true);
        }
        self.wrong_type(node, field, "true or false", "Write `true` or `false` without quotes");
        false
    }

    pub(crate) fn integer(&mut self, node: &Node, field: &str) -> i64 {
        if let Data::Scalar(scalar) = &node.data
            && matches!(scalar.tag, Tag::Int | Tag::Float)
        {
            match resolve(&scalar.text, self.dialect) {
                Resolved::Int(number) => return number,
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "checked to be a whole number in range"
                )]
                Resolved::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                    return number as i64;
                }
                _ => {}
            }
        }
        self.wrong_type(node, field, "a whole number", "Write a number without quotes");
        0
    }

    /// One of several words.
    pub(crate) fn fail<T>(
        &mut self,
        code: Code,
        spot: Spot,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Result<T> {
        Err(self.context.fail_with_help(code, spot, what, help))
    }
}

/// Keys that are not strings become the text that JSON has for them.
fn key_text(key: &Key, dialect: Dialect) -> String {
    match (key.tag, resolve(&key.text, dialect)) {
        (Tag::Bool, Resolved::Bool(value)) => value.to_string(),
        (Tag::Int, Resolved::Int(number)) => number.to_string(),
        (Tag::Null, _) => "null".to_owned(),
        _ => key.text.to_string(),
    }
}
