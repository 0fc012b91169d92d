//! Documents as objects: lists taken apart, kind and name demanded.

use std::borrow::Cow;

use crate::context::{Context, Failed};
use crate::error::Code;
use crate::files::SourceFile;
use crate::position::Spot;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::yaml::json::{self, NotJson};
use crate::yaml::limits::Limits;
use crate::yaml::load::{Document, documents};
use crate::yaml::text::Fault;
use crate::yaml::{Data, Node};

/// A text with objects in it: a file, or a field of one.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: u32,
    /// The field, if the text is written in one; then all of it stands there.
    field: Option<Spot>,
}

impl Source {
    pub(crate) fn file(source: SourceFile) -> Self {
        Self { bytes: source.bytes, file: source.file, field: None }
    }

    pub(crate) fn inline(text: &str, spot: Spot) -> Self {
        Self { bytes: text.as_bytes().to_vec(), file: spot.file, field: Some(spot) }
    }

    /// Reports a fault in the text where people can find it.
    pub(crate) fn report(&self, fault: Fault, context: &mut Context<'_>) -> Failed {
        match self.field {
            None => context.fail_in_text(self.file, fault),
            Some(spot) => {
                let what = format!("line {} of this text: {}", fault.line, fault.what);
                match fault.help {
                    Some(help) => context.fail_with_help(fault.code, spot, what, help),
                    None => context.fail(fault.code, spot, what),
                }
            }
        }
    }

    /// Nodes of a text in a field stand where the field stands.
    pub(crate) fn placed(&self, mut node: Node) -> Node {
        if let Some(spot) = self.field {
            place(&mut node, spot);
        }
        node
    }

    /// Does the text begin like a list?
    pub(crate) fn looks_like_a_list(&self) -> bool {
        self.text().trim_start().starts_with(['-', '['])
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

fn place(node: &mut Node, spot: Spot) {
    node.spot = spot;
    match &mut node.data {
        Data::Scalar(_) => {}
        Data::List(list) => list.iter_mut().for_each(|child| place(child, spot)),
        Data::Map(map) => {
            for (key, child) in &mut map.entries {
                key.spot = spot;
                place(child, spot);
            }
        }
    }
}

/// Why a text does not hold objects.
#[derive(Debug)]
pub(crate) enum NotObjects {
    Text(Fault),
    Json(NotJson),
    /// A document that is no object: why, and where.
    Document(Code, Spot, String),
}

impl NotObjects {
    /// Reports it, with what the file seems to be instead.
    pub(crate) fn report(self, source: &Source, context: &mut Context<'_>) -> Failed {
        match self {
            Self::Text(fault) if is_dockerfile(&source.text()) => {
                let spot = source.field.unwrap_or(Spot {
                    file: source.file,
                    line: fault.line,
                    column: fault.column,
                });
                context.fail_with_help(
                    Code::NotAnObject,
                    spot,
                    "this is a Dockerfile, not a Kubernetes object",
                    "Remove it from the list; images are built elsewhere",
                )
            }
            Self::Text(fault) => source.report(fault, context),
            Self::Json(fault) => {
                context.fail_as_json(fault, source.field.unwrap_or(Spot::of_file(source.file)))
            }
            Self::Document(code, spot, what) => {
                let text = source.text();
                if is_dockerfile(&text) {
                    return context.fail_with_help(
                        Code::NotAnObject,
                        spot,
                        "this is a Dockerfile, not a Kubernetes object",
                        "Remove it from the list; images are built elsewhere",
                    );
                }
                if text.lines().any(|line| line.starts_with("services:"))
                    && code != Code::MissingName
                {
                    let help = "Write a Deployment and a Service for each of its services (the tool `kompose` does that), and list those";
                    return context.fail_with_help(
                        Code::NotAnObject,
                        spot,
                        "this is a Compose file, not a Kubernetes object",
                        help,
                    );
                }
                if code == Code::MissingName && text.contains("kind: Kustomization") {
                    return context.fail_with_help(
                        code,
                        spot,
                        "this is a kustomization file, not a Kubernetes object",
                        "Name its folder instead",
                    );
                }
                let help = match code {
                    Code::MissingKind => "Add a line such as `kind: Deployment`",
                    Code::MissingName => "Add `metadata:` with `name:` below it",
                    _ => "Write apiVersion, kind and metadata, or remove the file from the list",
                };
                context.fail_with_help(code, spot, what, help)
            }
        }
    }
}

fn is_dockerfile(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with("FROM ") || line.starts_with("ARG "))
}

/// The objects of a text, in order. Lists (`kind: List` and the like) are taken apart.
pub(crate) fn objects_of(
    source: &Source,
    schema: &Schema,
    limits: &mut Limits,
) -> Result<Vec<Resource>, NotObjects> {
    let documents = documents(&source.bytes, source.file, limits).map_err(NotObjects::Text)?;
    let alone = documents.len() == 1;
    let mut pending: Vec<(Node, usize)> = Vec::with_capacity(documents.len());
    for Document { root, index } in documents {
        let mut root = source.placed(root);
        let kind = root.get("kind").map_or("", Node::value_text);
        // The only document of a file: its items keep their YAML.
        if alone && matches!(kind, "List" | "ResourceList") && root.get("items").is_some() {
            if let Some(Data::List(items)) = root
                .get_mut("items")
                .map(|items| std::mem::replace(&mut items.data, Data::List(Vec::new())))
            {
                pending.extend(items.into_iter().map(|item| (item, index)));
            }
            continue;
        }
        pending.push((root, index));
    }
    let mut objects = Vec::with_capacity(pending.len());
    pending = checked(pending)?;
    // What comes out of lists goes to the end, as often as lists hold lists.
    while !pending.is_empty() {
        let mut inner = Vec::new();
        for (node, index) in pending {
            if !node.get("kind").map_or("", Node::value_text).ends_with("List")
                || node.get("items").is_none()
            {
                objects.push(Resource::new(node, index, schema));
                continue;
            }
            inner.extend(items(node)?.into_iter().map(|item| (item, index)));
        }
        pending = checked(inner)?;
    }
    Ok(objects)
}

/// The items of a list object, passed through JSON as kustomize does.
fn items(node: Node) -> Result<Vec<Node>, NotObjects> {
    let Data::Map(mut map) = node.data else { return Ok(Vec::new()) };
    let Some(items) = map.remove("items") else { return Ok(Vec::new()) };
    let (spot, found) = (items.spot, items.kind_name());
    match items.data {
        Data::List(items) => items
            .into_iter()
            .map(|item| {
                let spot = item.spot;
                let value = json::to_value(&item).map_err(NotObjects::Json)?;
                let mut node = json::from_value(value, spot);
                restore_places(&mut node, &item);
                Ok(node)
            })
            .collect(),
        Data::Scalar(scalar) if scalar.tag == crate::yaml::Tag::Null => Ok(Vec::new()),
        _ => Err(NotObjects::Document(
            Code::WrongType,
            spot,
            format!("`items` is {found}, and must be a list"),
        )),
    }
}

/// Gives the nodes of a copy the places of the original, which has the same shape.
fn restore_places(copy: &mut Node, original: &Node) {
    copy.spot = original.spot;
    match (&mut copy.data, &original.data) {
        (Data::List(copies), Data::List(originals)) => {
            copies
                .iter_mut()
                .zip(originals)
                .for_each(|(copy, original)| restore_places(copy, original));
        }
        (Data::Map(copies), Data::Map(originals)) => {
            for ((key, copy), (original_key, original)) in
                copies.entries.iter_mut().zip(&originals.entries)
            {
                key.spot = original_key.spot;
                restore_places(copy, original);
            }
        }
        _ => {}
    }
}

/// Empty documents go; the others must have a kind and, unless they are lists, a name.
fn checked(nodes: Vec<(Node, usize)>) -> Result<Vec<(Node, usize)>, NotObjects> {
    let mut kept = Vec::with_capacity(nodes.len());
    for (node, index) in nodes {
        if node.is_null_or_empty() {
            continue;
        }
        let fault =
            |code: Code, what: &str| Err(NotObjects::Document(code, node.spot, what.to_owned()));
        if node.as_map().is_none() {
            return fault(
                Code::NotAnObject,
                &format!("this document is {}, not a Kubernetes object", node.kind_name()),
            );
        }
        let filled = |value: &&Node| !value.is_null_or_empty();
        let kind = node.get("kind").filter(filled).map_or("", Node::text);
        if kind.is_empty() {
            let known = ["apiVersion", "metadata"]
                .iter()
                .any(|field| node.get(field).as_ref().is_some_and(filled));
            let code = if known { Code::MissingKind } else { Code::NotAnObject };
            let what = if known {
                "this object has no `kind`"
            } else {
                "this document is not a Kubernetes object: it has no apiVersion, kind and metadata"
            };
            return fault(code, what);
        }
        let name = node
            .get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .filter(filled)
            .map_or("", Node::text);
        if name.is_empty() && !kind.ends_with("List") {
            return fault(Code::MissingName, &format!("this {kind} has no `metadata.name`"));
        }
        kept.push((node, index));
    }
    Ok(kept)
}
