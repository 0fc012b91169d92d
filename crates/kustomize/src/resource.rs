//! An object while it is being built: its nodes, its identity now and before, and what touched it.

use std::collections::HashMap;

use crate::identity::{Gvk, Id, Previous, effective, key};
use crate::position::Spot;
use crate::schema::Schema;
use crate::yaml::{Data, Map, Node, Scalar};

/// What a generated object does to one that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behavior {
    /// Nothing was said: as create.
    #[default]
    Unspecified,
    Create,
    Merge,
    Replace,
}

/// An object while it is being built.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) node: Node,
    /// What the node says now. Whoever changes a field of the identity calls [`Resource::refresh`].
    pub(crate) id: Id,
    /// What it said before, the oldest first.
    pub(crate) previous: Vec<Previous>,
    pub(crate) prefixes: Vec<Box<str>>,
    pub(crate) suffixes: Vec<Box<str>>,
    pub(crate) behavior: Behavior,
    pub(crate) needs_hash: bool,
    /// Names of the variables whose source this is.
    pub(crate) variables: Vec<Box<str>>,
    pub(crate) origin: Spot,
    pub(crate) document: usize,
    pub(crate) generator: Option<&'static str>,
    pub(crate) touched: Vec<(&'static str, Spot)>,
    /// A patch removed it.
    pub(crate) deleted: bool,
    /// What the scalars with an [alias](Scalar::alias) say.
    pub(crate) aliases: HashMap<u32, Scalar>,
}

impl Resource {
    pub(crate) fn new(node: Node, document: usize, schema: &Schema) -> Self {
        Self {
            id: Id::of(&node, schema),
            origin: node.spot,
            node,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            behavior: Behavior::default(),
            needs_hash: false,
            variables: Vec::new(),
            document,
            generator: None,
            touched: Vec::new(),
            deleted: false,
            aliases: HashMap::new(),
        }
    }

    /// Reads the identity anew.
    pub(crate) fn refresh(&mut self, schema: &Schema) {
        self.id = Id::of(&self.node, schema);
    }

    /// Remembers the identity before it changes.
    pub(crate) fn remember_id(&mut self) {
        if !self.id.name.is_empty() {
            self.previous.push(self.id.previous());
        }
    }

    pub(crate) fn touch(&mut self, transformer: &'static str, spot: Spot) {
        if self.touched.last() != Some(&(transformer, spot)) {
            self.touched.push((transformer, spot));
        }
    }

    /// Group, version and kind as they were at first.
    pub(crate) fn original_gvk(&self) -> Gvk {
        let mut gvk = self.id.gvk.clone();
        if let Some(first) = self.previous.first() {
            gvk.kind = first.kind.clone();
        }
        gvk
    }

    pub(crate) fn original_name(&self) -> &str {
        self.previous.first().map_or(&self.id.name, |first| &first.name)
    }

    pub(crate) fn original_namespace(&self) -> &str {
        self.previous
            .first()
            .map_or_else(|| self.id.effective_namespace(), |first| effective(&first.namespace))
    }

    /// Keys (see [`Id::key`]) of all identities that the object has or had.
    pub(crate) fn keys(&self) -> impl Iterator<Item = String> {
        let gvk = &self.id.gvk;
        let previous = self.previous.iter().map(move |previous| {
            key(
                &gvk.group,
                &gvk.version,
                &previous.kind,
                &previous.name,
                effective(&previous.namespace),
            )
        });
        previous.chain(std::iter::once(self.id.key()))
    }

    /// Did kustomize mark the object with annotations of its own by now? Where a JSON patch adds an
    /// annotation, the map for it is then already there.
    pub(crate) fn carries_marks(&self) -> bool {
        self.needs_hash
            || self.generator.is_some()
            || !self.previous.is_empty()
            || !self.prefixes.is_empty()
            || !self.suffixes.is_empty()
    }

    /// Forgets what kustomize keeps in annotations: a patch removed them all.
    pub(crate) fn forget_marks(&mut self) {
        self.previous.clear();
        self.prefixes.clear();
        self.suffixes.clear();
        self.needs_hash = false;
        self.behavior = Behavior::Unspecified;
    }

    /// Where one of several scalars with the same alias has changed, changes the others.
    pub(crate) fn follow_aliases(&mut self) {
        if self.aliases.is_empty() {
            return;
        }
        let mut changed = HashMap::new();
        visit_scalars(&mut self.node, &mut |scalar| {
            if let Some(known) = self.aliases.get(&scalar.alias)
                && (known.text != scalar.text || known.tag != scalar.tag)
            {
                changed.insert(scalar.alias, scalar.clone());
            }
        });
        if changed.is_empty() {
            return;
        }
        visit_scalars(&mut self.node, &mut |scalar| {
            if let Some(new) = changed.get(&scalar.alias) {
                scalar.clone_from(new);
            }
        });
        self.aliases.extend(changed);
    }

    /// `metadata`, created if it is missing.
    pub(crate) fn metadata_mut(&mut self) -> Option<&mut Map> {
        let spot = self.node.spot;
        let metadata =
            self.node.as_map_mut()?.get_or_insert_with("metadata", || Node::empty_map(spot));
        if metadata.is_null() {
            *metadata = Node::empty_map(spot);
        }
        metadata.as_map_mut()
    }

    pub(crate) fn set_name(&mut self, name: &str, spot: Spot) {
        if let Some(metadata) = self.metadata_mut() {
            set_text(metadata, "name", name, spot);
        }
    }

    pub(crate) fn set_namespace(&mut self, namespace: &str, spot: Spot) {
        let Some(metadata) = self.metadata_mut() else { return };
        if namespace.is_empty() {
            metadata.remove("namespace");
        } else {
            set_text(metadata, "namespace", namespace, spot);
        }
    }

    pub(crate) fn set_kind(&mut self, kind: &str, spot: Spot) {
        if let Some(map) = self.node.as_map_mut() {
            set_text(map, "kind", kind, spot);
        }
    }

    /// Texts of a map in `metadata`, in order: labels or annotations.
    pub(crate) fn metadata_texts(&self, field: &str) -> Vec<(&str, &str)> {
        let map = self
            .node
            .get("metadata")
            .and_then(|metadata| metadata.get(field))
            .and_then(Node::as_map);
        let entries = map.into_iter().flat_map(|map| &map.entries);
        entries.map(|(key, value)| (&*key.text, value.text())).collect()
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.node.get("metadata")?.get("annotations")?.get(key).map(Node::text)
    }
}

fn visit_scalars(node: &mut Node, visit: &mut dyn FnMut(&mut Scalar)) {
    match &mut node.data {
        Data::Scalar(scalar) => visit(scalar),
        Data::List(list) => list.iter_mut().for_each(|child| visit_scalars(child, visit)),
        Data::Map(map) => map.entries.iter_mut().for_each(|(_, child)| visit_scalars(child, visit)),
    }
}

/// Sets a field to a text without a tag; quotes that were there stay.
pub(crate) fn set_text(map: &mut Map, key: &str, text: &str, spot: Spot) {
    match map.get_mut(key) {
        Some(node) => set_scalar(node, Scalar::untagged(text), spot),
        None => map.set(key, Node::untagged(text, spot)),
    }
}

/// Replaces a scalar as kustomize does: the text and tag are new, the style is that of the old one.
pub(crate) fn set_scalar(node: &mut Node, mut scalar: Scalar, spot: Spot) {
    if let Some(old) = node.as_scalar() {
        scalar.style = old.style;
        scalar.alias = old.alias;
    }
    let spot = if spot.is_known() { spot } else { node.spot };
    *node = Node::scalar(scalar, spot);
}
