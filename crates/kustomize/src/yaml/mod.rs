//! The YAML of Kubernetes: what kustomize reads, with the place of every node, within a budget.
//!
//! - `node`: the tree of scalars, lists and maps that every transformer works on. Scalars keep their
//!   text, tag and style; what type they are is decided once, at the very end.
//! - `scalar`: what a plain scalar means, in the two dialects that kustomize reads.
//! - `timestamp`, `number`: how go-yaml reads dates and how Go writes numbers.
//! - `text`: encodings, control characters, and the split of a file into documents.
//! - `load`: from text to nodes: anchors, merge keys, duplicate keys. `limits`: what that, and all the rest,
//!   may still cost.
//! - `json`: from nodes to JSON values, the only place where types are decided.
//! - `emit`: JSON values as text for people.

pub(crate) mod emit;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod number;
pub(crate) mod scalar;
pub(crate) mod text;
pub(crate) mod timestamp;

pub(crate) use node::{Data, Key, Map, Node, Scalar, Size, Style};
pub(crate) use scalar::{Dialect, Tag};
