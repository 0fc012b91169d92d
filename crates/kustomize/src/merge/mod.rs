//! Strategic merge as kustomize does it, which is not quite as Kubernetes does it.
//!
//! A patch is laid over an object. Maps are merged key by key; `null` removes; `$patch` says `replace`,
//! `merge` or `delete`; lists are replaced, except those that the schema merges by key (see `list`).
//! Every merge walks the whole object, so the habits of the walk show also in what the patch does not
//! name: an empty value (`a:`) goes, elements of a keyed list that share a key collapse.

mod list;

use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::position::Spot;
use crate::schema::{Place, Schema};
use crate::yaml::scalar::is_not_a_string_in_yaml11;
use crate::yaml::{Data, Key, Map, Node, Scalar, Style, Tag};

/// What a `$patch` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

const DIRECTIVE: &str = "$patch";

/// One merge of a patch into an object.
pub(crate) struct Merge<'m, 't> {
    pub(crate) context: &'m mut Context<'t>,
    schema: &'m Schema,
    /// Names of the fields from the root to here, for messages.
    path: Vec<String>,
    /// The object, for messages.
    object: &'m str,
}

/// Lays `patch` over `object`. `None` if the patch deletes the object.
pub(crate) fn merge(
    object: Node,
    patch: Node,
    name: &str,
    schema: &Schema,
    context: &mut Context<'_>,
) -> Result<Option<Node>> {
    let mut merge = Merge { context, schema, path: Vec::new(), object: name };
    let merged = merge.node(Some(object), Some(patch), None)?;
    Ok(merged.filter(|node| !node.is_null_or_empty()))
}

impl<'m> Merge<'m, '_> {
    /// Merges two nodes, either of which may be missing.
    fn node(
        &mut self,
        dest: Option<Node>,
        patch: Option<Node>,
        schema: Option<Place<'m>>,
    ) -> Result<Option<Node>> {
        self.context
            .step(1, dest.as_ref().or(patch.as_ref()).map_or(Spot::NOWHERE, |node| node.spot))?;
        let schema = schema
            .or_else(|| self.own_schema(dest.as_ref()))
            .or_else(|| self.own_schema(patch.as_ref()));
        let is_null = |node: &Option<Node>| node.as_ref().is_none_or(Node::is_null);
        match (is_null(&dest), is_null(&patch)) {
            (true, true) => Ok(merge_nulls(dest, patch)),
            (true, false) => match patch {
                Some(patch) => self.added(patch, schema),
                None => Ok(None),
            },
            (false, true) => match (dest, patch) {
                (Some(dest), None) => self.settled(dest, schema).map(Some),
                _ => Ok(None),
            },
            (false, false) => match (dest, patch) {
                (Some(dest), Some(patch)) => self.both(dest, patch, schema),
                _ => Ok(None),
            },
        }
    }

    /// A map that names apiVersion and kind has a schema of its own.
    fn own_schema(&self, node: Option<&Node>) -> Option<Place<'m>> {
        let map = node?.as_map()?;
        self.schema.of_kind(map.get("apiVersion")?.value_text(), map.get("kind")?.value_text())
    }

    /// Object and patch both have a value.
    fn both(
        &mut self,
        dest: Node,
        mut patch: Node,
        schema: Option<Place<'m>>,
    ) -> Result<Option<Node>> {
        match (&dest.data, &patch.data) {
            (Data::Map(_), Data::Map(_)) => match self.directive(&mut patch)? {
                Directive::Delete => Ok(None),
                Directive::Replace => self.cleaned(patch, schema),
                Directive::Merge => self.maps(dest, patch, schema).map(Some),
            },
            (Data::List(_), Data::List(_)) => match schema.and_then(Place::merge_keys) {
                None => Ok(Some(patch)),
                Some(keys) => match list::directive(self, &mut patch)? {
                    Directive::Delete => Ok(None),
                    Directive::Replace => list::cleaned(self, patch, &keys, schema),
                    Directive::Merge => list::merged(self, dest, Some(patch), &keys, schema),
                },
            },
            (Data::Scalar(_), Data::Scalar(_)) => Ok(Some(patch)),
            _ => Err(self.kinds_differ(&dest, &patch)),
        }
    }

    fn kinds_differ(&mut self, dest: &Node, patch: &Node) -> Failed {
        let path = self.path.join(".");
        let what = format!(
            "the patch has {} at `{path}`, where {} has {}",
            patch.kind_name(),
            self.object,
            dest.kind_name()
        );
        self.context.fail_with_help(
            Code::InvalidPatch,
            patch.spot,
            what,
            "Give the field the same shape in the patch",
        )
    }

    /// All keys of both maps.
    fn maps(&mut self, mut dest: Node, patch: Node, schema: Option<Place<'m>>) -> Result<Node> {
        let (Data::Map(own), Data::Map(patched)) = (&mut dest.data, patch.data) else {
            return Ok(dest);
        };
        let mut entries = std::mem::take(&mut own.entries);
        let mut patches: PatchEntries = PatchEntries::new(patched);
        let mut merged = Vec::with_capacity(entries.len());
        for (key, value) in entries.drain(..) {
            let patch = patches.take(&key.text);
            if let Some(value) = self.entry(&key, Some(value), patch, schema)? {
                merged.push((key, value));
            }
        }
        for (key, patch) in patches.rest() {
            if let Some(mut value) = self.entry(&key, None, Some(patch), schema)? {
                quote_lookalikes(&mut value);
                merged.push((key, value));
            }
        }
        own.entries = merged;
        Ok(dest)
    }

    /// One key of a map; `None` removes it.
    fn entry(
        &mut self,
        key: &Key,
        dest: Option<Node>,
        patch: Option<Node>,
        schema: Option<Place<'m>>,
    ) -> Result<Option<Node>> {
        let old = dest.as_ref().and_then(Node::as_scalar).cloned();
        let old_spot = dest.as_ref().map_or(Spot::NOWHERE, |dest| dest.spot);
        let keeps_null = patch.is_none();
        self.path.push(key.text.to_string());
        let merged = self.node(dest, patch, schema.and_then(|schema| schema.field(&key.text)))?;
        self.path.pop();
        let merged = merged.filter(|node| keeps_null || !node.is_null());
        Ok(merged.map(|mut node| {
            // A value keeps the quotes of the one it replaces, and its place if it says the same.
            if let (Some(old), Data::Scalar(scalar)) = (old, &mut node.data) {
                scalar.style = old.style;
                scalar.alias = old.alias;
                if *scalar == old {
                    node.spot = old_spot;
                }
            }
            node
        }))
    }

    /// A value that only the object has.
    fn settled(&mut self, mut dest: Node, schema: Option<Place<'m>>) -> Result<Node> {
        match &mut dest.data {
            Data::Scalar(_) => Ok(dest),
            Data::Map(map) => {
                let entries = std::mem::take(&mut map.entries);
                let mut settled = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    if let Some(value) = self.entry(&key, Some(value), None, schema)? {
                        settled.push((key, value));
                    }
                }
                map.entries = settled;
                Ok(dest)
            }
            Data::List(_) => match schema.and_then(Place::merge_keys) {
                None => Ok(dest),
                Some(keys) => {
                    let spot = dest.spot;
                    let merged = list::merged(self, dest, None, &keys, schema)?;
                    Ok(merged.unwrap_or_else(|| Node::empty_list(spot)))
                }
            },
        }
    }

    /// A value that only the patch has.
    fn added(&mut self, mut patch: Node, schema: Option<Place<'m>>) -> Result<Option<Node>> {
        match &patch.data {
            Data::Scalar(_) => Ok(Some(patch)),
            Data::Map(_) => {
                // An unknown directive on something new goes through.
                match read_directive(&patch) {
                    Some(Directive::Delete) => return Ok(None),
                    Some(Directive::Merge | Directive::Replace) => remove_directive(&mut patch),
                    None => {}
                }
                self.cleaned_fields(patch, schema).map(Some)
            }
            Data::List(_) => match schema.and_then(Place::merge_keys) {
                None => Ok(Some(patch)),
                Some(keys) => list::cleaned(self, patch, &keys, schema),
            },
        }
    }

    /// A value of a patch merged with itself: directives are carried out, nulls go.
    fn cleaned(&mut self, mut patch: Node, schema: Option<Place<'m>>) -> Result<Option<Node>> {
        let schema = schema.or_else(|| self.own_schema(Some(&patch)));
        match &patch.data {
            Data::Scalar(_) => Ok(Some(patch)),
            Data::Map(_) => match self.directive(&mut patch)? {
                Directive::Delete => Ok(None),
                Directive::Merge | Directive::Replace => {
                    self.cleaned_fields(patch, schema).map(Some)
                }
            },
            Data::List(_) => match schema.and_then(Place::merge_keys) {
                None => Ok(Some(patch)),
                Some(keys) => match list::directive(self, &mut patch)? {
                    Directive::Delete => Ok(None),
                    Directive::Merge | Directive::Replace => {
                        list::cleaned(self, patch, &keys, schema)
                    }
                },
            },
        }
    }

    fn cleaned_fields(&mut self, mut patch: Node, schema: Option<Place<'m>>) -> Result<Node> {
        let Data::Map(map) = &mut patch.data else { return Ok(patch) };
        let entries = std::mem::take(&mut map.entries);
        for (key, value) in entries {
            self.path.push(key.text.to_string());
            let value = self.cleaned(value, schema.and_then(|schema| schema.field(&key.text)))?;
            self.path.pop();
            if let Some(value) = value.filter(|value| !value.is_null()) {
                map.entries.push((key, value));
            }
        }
        Ok(patch)
    }

    /// Reads and removes the directive of a map.
    fn directive(&mut self, patch: &mut Node) -> Result<Directive> {
        let Some(written) = patch.get(DIRECTIVE) else { return Ok(Directive::Merge) };
        match parse_directive(written.text()) {
            Some(directive) => {
                remove_directive(patch);
                Ok(directive)
            }
            None => Err(unknown_directive(self.context, written.text(), written.spot)),
        }
    }
}

fn unknown_directive(context: &mut Context<'_>, text: &str, spot: Spot) -> Failed {
    let what = format!("unknown patch strategy `$patch: {text}`");
    context.fail_with_help(Code::InvalidPatch, spot, what, "Write `replace`, `merge` or `delete`")
}

/// The directive of a map, if it has one that is known.
fn read_directive(node: &Node) -> Option<Directive> {
    parse_directive(node.get(DIRECTIVE)?.text())
}

fn parse_directive(text: &str) -> Option<Directive> {
    match text {
        "merge" => Some(Directive::Merge),
        "replace" => Some(Directive::Replace),
        "delete" => Some(Directive::Delete),
        _ => None,
    }
}

fn remove_directive(node: &mut Node) {
    if let Some(map) = node.as_map_mut() {
        map.remove(DIRECTIVE);
    }
}

/// Two values of which neither is more than null.
fn merge_nulls(dest: Option<Node>, patch: Option<Node>) -> Option<Node> {
    match (dest, patch) {
        // A null that somebody wrote stays, an empty value does not.
        (Some(dest), None) if !dest.text().is_empty() => Some(dest),
        _ => None,
    }
}

/// A new string that YAML 1.1 would take for something else gets quotes.
fn quote_lookalikes(node: &mut Node) {
    if let Data::Scalar(Scalar { text, tag: Tag::Str | Tag::None, style, .. }) = &mut node.data
        && matches!(style, Style::Plain | Style::PlainFlow)
        && is_not_a_string_in_yaml11(text)
    {
        *style = Style::Quoted;
    }
}

/// The entries of a patch, taken out by key and then, what is left, in order.
struct PatchEntries {
    entries: Vec<Option<(Key, Node)>>,
    index: Option<std::collections::HashMap<Box<str>, usize>>,
}

/// Larger maps are indexed.
const SMALL: usize = 16;

impl PatchEntries {
    fn new(map: Map) -> Self {
        let index = (map.entries.len() > SMALL).then(|| {
            map.entries
                .iter()
                .enumerate()
                .map(|(number, (key, _))| (key.text.clone(), number))
                .collect()
        });
        Self { entries: map.entries.into_iter().map(Some).collect(), index }
    }

    fn take(&mut self, key: &str) -> Option<Node> {
        let number = match &self.index {
            Some(index) => *index.get(key)?,
            None => self
                .entries
                .iter()
                .position(|entry| entry.as_ref().is_some_and(|(own, _)| &*own.text == key))?,
        };
        self.entries[number].take().map(|(_, node)| node)
    }

    fn rest(self) -> impl Iterator<Item = (Key, Node)> {
        self.entries.into_iter().flatten()
    }
}
