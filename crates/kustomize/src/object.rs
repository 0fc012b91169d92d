//! A finished object, where it came from, and where each of its fields stands in the tree.

use std::sync::Arc;

use serde_json::Value;

use crate::position::{Files, Position, Spot};

/// A Kubernetes object as a build made it.
#[derive(Debug, Clone)]
pub struct Object {
    value: Value,
    provenance: Provenance,
    places: Places,
}

/// Where an object was born and what changed it since.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// The first line of the document, or the generator's entry in its file.
    pub origin: Position,
    /// Number of the document in its file, from 0; 0 for generated objects.
    pub document: usize,
    /// What generated the object, such as `ConfigMapGenerator`; `None` if it was written in a file.
    pub generator: Option<Arc<str>>,
    /// What changed the object, in order.
    pub touched_by: Vec<Touch>,
}

/// One change of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The transformer, by its kustomize name such as `PatchTransformer`.
    pub transformer: Arc<str>,
    /// The entry in the kustomization file, or the patch itself.
    pub position: Position,
}

/// The places of all nodes of a value, in the order of a walk that meets each node before its children.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) files: Arc<Files>,
    pub(crate) nodes: Box<[Place]>,
}

/// The place of one node and how many nodes (itself counted) its subtree has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) spot: Spot,
    pub(crate) size: u32,
}

impl Object {
    pub(crate) fn new(value: Value, provenance: Provenance, places: Places) -> Self {
        Self { value, provenance, places }
    }

    /// The object.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The object, without its provenance.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Where it came from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Where the value at a path of the object stands in the tree. The path is a list of field names
    /// and list indices: `["spec", "ports", "0", "port"]`. `None` if nothing is there or if the build
    /// made the value itself.
    pub fn position<S: AsRef<str>>(&self, path: &[S]) -> Option<Position> {
        let (depth, spot) = self.walk(path);
        (depth == path.len()).then(|| self.places.files.position(spot)).flatten()
    }

    /// Like [`Object::position`], but of the nearest ancestor that exists and stands in a file, at last
    /// the object's origin.
    pub fn nearest_position<S: AsRef<str>>(&self, path: &[S]) -> Position {
        for length in (0..=path.len()).rev() {
            if let Some(position) = self.position(&path[..length]) {
                return position;
            }
        }
        self.provenance.origin.clone()
    }

    /// [`Object::position`] of an RFC 6901 pointer such as `/metadata/annotations/a~1b`.
    pub fn position_of_pointer(&self, pointer: &str) -> Option<Position> {
        let path: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect();
        self.position(&path)
    }

    /// How far the path leads, and where the last node on it stands.
    fn walk<S: AsRef<str>>(&self, path: &[S]) -> (usize, Spot) {
        let mut at = 0;
        let mut value = &self.value;
        for (depth, part) in path.iter().enumerate() {
            let spot = self.places.nodes.get(at).map_or(Spot::NOWHERE, |place| place.spot);
            let child = match value {
                Value::Object(map) => map
                    .iter()
                    .enumerate()
                    .find(|(_, (key, _))| key.as_str() == part.as_ref())
                    .map(|(index, (_, child))| (index, child)),
                Value::Array(list) => part
                    .as_ref()
                    .parse()
                    .ok()
                    .and_then(|index: usize| list.get(index).map(|child| (index, child))),
                _ => None,
            };
            let Some((index, child)) = child else { return (depth, spot) };
            at += 1;
            for _ in 0..index {
                at += self.places.nodes.get(at).map_or(1, |place| place.size as usize);
            }
            value = child;
        }
        let spot = self.places.nodes.get(at).map_or(Spot::NOWHERE, |place| place.spot);
        (path.len(), spot)
    }
}
