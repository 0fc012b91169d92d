//! The tree that transformers work on.

use crate::position::Spot;
use crate::yaml::scalar::{Dialect, Tag, tag_of};

/// A scalar, list or map, and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) data: Data,
    pub(crate) spot: Spot,
}

/// How much a tree costs to copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    /// Bytes of scalars and keys.
    pub(crate) text: usize,
    /// Nesting; 1 for a scalar.
    pub(crate) depth: usize,
}

impl Size {
    /// What there is more than before.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            nodes: self.nodes.saturating_sub(before.nodes),
            text: self.text.saturating_sub(before.text),
            depth: self.depth,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Data {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Map),
}

/// A scalar as text. Its type follows from text, tag and style (see `json`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: Box<str>,
    pub(crate) tag: Tag,
    pub(crate) style: Style,
    /// The tag was written in the source (`!!int "5"`) and stays in force.
    pub(crate) tagged: bool,
    /// Scalars of one object that a label transformer has added together have the same number, other
    /// than 0: kustomize puts one and the same node in several places, so whoever changes one of them
    /// later changes all.
    pub(crate) alias: u32,
}

/// How a scalar is written. The difference matters when its text is replaced: a quoted scalar stays
/// a string, a plain one takes the type of its new text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    /// Plain inside `[]` or `{}`: nothing there is an empty string, not null.
    PlainFlow,
    Quoted,
    /// `|` or `>`.
    Block,
}

/// A map in source order. Lookups are linear: maps in manifests are small; those who combine two
/// maps of unknown size index one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map {
    pub(crate) entries: Vec<(Key, Node)>,
}

/// The key of a map entry, and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: Box<str>,
    pub(crate) spot: Spot,
    /// The tag that its plain text resolves to; JSON allows only strings as keys.
    pub(crate) tag: Tag,
}

impl Key {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), spot: Spot::NOWHERE, tag: tag_of(text, Dialect::Resource) }
    }
}

impl Scalar {
    /// A scalar without a tag: its type is that of its text.
    pub(crate) fn untagged(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), tag: Tag::None, style: Style::Plain, tagged: false, alias: 0 }
    }

    /// A string, whatever its text looks like.
    pub(crate) fn string(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), tag: Tag::Str, style: Style::Plain, tagged: false, alias: 0 }
    }

    pub(crate) fn with_tag(text: impl Into<Box<str>>, tag: Tag) -> Self {
        Self { text: text.into(), tag, style: Style::Plain, tagged: false, alias: 0 }
    }
}

impl Node {
    pub(crate) fn new(data: Data, spot: Spot) -> Self {
        Self { data, spot }
    }

    pub(crate) fn scalar(scalar: Scalar, spot: Spot) -> Self {
        Self { data: Data::Scalar(scalar), spot }
    }

    pub(crate) fn string(text: impl Into<Box<str>>, spot: Spot) -> Self {
        Self::scalar(Scalar::string(text), spot)
    }

    pub(crate) fn untagged(text: impl Into<Box<str>>, spot: Spot) -> Self {
        Self::scalar(Scalar::untagged(text), spot)
    }

    pub(crate) fn empty_map(spot: Spot) -> Self {
        Self { data: Data::Map(Map::default()), spot }
    }

    pub(crate) fn empty_list(spot: Spot) -> Self {
        Self { data: Data::List(Vec::new()), spot }
    }

    pub(crate) fn null(spot: Spot) -> Self {
        Self::scalar(Scalar::with_tag("null", Tag::Null), spot)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar(scalar) if scalar.tag == Tag::Null)
    }

    /// Null, `{}` or `[]`.
    pub(crate) fn is_null_or_empty(&self) -> bool {
        match &self.data {
            Data::Scalar(scalar) => scalar.tag == Tag::Null,
            Data::List(list) => list.is_empty(),
            Data::Map(map) => map.entries.is_empty(),
        }
    }

    pub(crate) fn as_map(&self) -> Option<&Map> {
        if let Data::Map(map) = &self.data { Some(map) } else { None }
    }

    pub(crate) fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Data::Map(map) = &mut self.data { Some(map) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        if let Data::List(list) = &self.data { Some(list) } else { None }
    }

    pub(crate) fn as_scalar(&self) -> Option<&Scalar> {
        if let Data::Scalar(scalar) = &self.data { Some(scalar) } else { None }
    }

    /// The text of a scalar (also of null, as written); lists and maps have the empty text.
    pub(crate) fn text(&self) -> &str {
        if let Data::Scalar(scalar) = &self.data { &scalar.text } else { "" }
    }

    /// The text of a scalar; null, lists and maps have the empty text.
    pub(crate) fn value_text(&self) -> &str {
        if self.is_null() { "" } else { self.text() }
    }

    /// The value of a field, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_map_mut()?.get_mut(key)
    }

    /// What kind of node this is, for people.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.data {
            Data::Scalar(scalar) => match scalar.tag {
                Tag::Null => "nothing",
                Tag::Int | Tag::Float => "a number",
                Tag::Bool => "true or false",
                _ => "a text",
            },
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    /// How large the subtree is.
    pub(crate) fn size(&self) -> Size {
        let mut size = Size::default();
        let mut open: Vec<(&Self, usize)> = vec![(self, 1)];
        while let Some((node, level)) = open.pop() {
            size.nodes += 1;
            size.depth = size.depth.max(level);
            match &node.data {
                Data::Scalar(scalar) => size.text += scalar.text.len(),
                Data::List(list) => open.extend(list.iter().map(|child| (child, level + 1))),
                Data::Map(map) => {
                    for (key, child) in &map.entries {
                        size.text += key.text.len();
                        open.push((child, level + 1));
                    }
                }
            }
        }
        size
    }

    /// The size of a field that transformers write: a scalar, or a list or map of them, but nothing below.
    pub(crate) fn shallow_size(&self) -> Size {
        let text = |node: &Self| node.text().len();
        match &self.data {
            Data::Scalar(scalar) => Size { nodes: 1, text: scalar.text.len(), depth: 1 },
            Data::List(list) => {
                Size { nodes: list.len() + 1, text: list.iter().map(text).sum(), depth: 2 }
            }
            Data::Map(map) => Size {
                nodes: map.entries.len() + 1,
                text: map.entries.iter().map(|(key, child)| key.text.len() + text(child)).sum(),
                depth: 2,
            },
        }
    }
}

impl Map {
    pub(crate) fn index_of(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|(known, _)| &*known.text == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(known, _)| &*known.text == key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|(known, _)| &*known.text == key).map(|(_, value)| value)
    }

    /// The entry with its key, which knows where it was written.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.entries.iter().find(|(known, _)| &*known.text == key)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Node> {
        let index = self.index_of(key)?;
        Some(self.entries.remove(index).1)
    }

    /// Replaces the value of a key, or appends the key.
    pub(crate) fn set(&mut self, key: &str, value: Node) {
        match self.get_mut(key) {
            Some(place) => *place = value,
            None => self.entries.push((Key::new(key), value)),
        }
    }

    /// The value of a key, created by `make` if it is not there.
    pub(crate) fn get_or_insert_with(
        &mut self,
        key: &str,
        make: impl FnOnce() -> Node,
    ) -> &mut Node {
        let index = self.index_of(key).unwrap_or_else(|| {
            self.entries.push((Key::new(key), make()));
            self.entries.len() - 1
        });
        &mut self.entries[index].1
    }
}
