//! JSON patches (RFC 6902) as kustomize applies them.
//!
//! Lenient where the RFC is not: `replace` of a missing key of a map adds it, `test` of a missing value
//! against null succeeds, a missing `value` is null, `-1` counts from the end.

use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::position::Spot;
use crate::yaml::json::{self, to_value};
use crate::yaml::{Data, Key, Map, Node, Tag};

/// A parsed JSON patch.
#[derive(Debug, Clone)]
pub(crate) struct JsonPatch {
    pub(crate) operations: Vec<Operation>,
}

/// One operation and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    kind: Kind,
    path: Vec<String>,
    shown: String,
    from: Vec<String>,
    value: Node,
    spot: Spot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

/// Why a text is not a JSON patch.
#[derive(Debug)]
pub(crate) struct NotAPatch {
    pub(crate) spot: Spot,
    pub(crate) what: String,
}

impl JsonPatch {
    /// Reads a list of operations.
    pub(crate) fn parse(node: &Node) -> std::result::Result<Self, NotAPatch> {
        let fault = |spot: Spot, what: &str| NotAPatch { spot, what: what.to_owned() };
        let list = node
            .as_list()
            .ok_or_else(|| fault(node.spot, "a JSON patch is a list of operations"))?;
        let operations =
            list.iter().map(Operation::parse).collect::<std::result::Result<_, _>>()?;
        Ok(Self { operations })
    }

    /// Applies all operations to an object. Its numbers have passed through floats afterwards.
    pub(crate) fn apply(
        &self,
        node: &mut Node,
        object: &str,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let nodes = node.size().nodes;
        context.step(nodes as u64, node.spot)?;
        json::through_json(node).map_err(|fault| context.fail_as_json(fault, node.spot))?;
        for operation in &self.operations {
            let length = operation.path.len() + operation.from.len();
            // A look-up in a map may meet all of its keys.
            context.step((length + nodes / 16) as u64 + 1, operation.spot)?;
            operation.apply(node, context).map_err(|fault| match fault {
                Fault::Reported => Failed,
                Fault::What(what) => {
                    let what =
                        format!("the operation on `{}` of {object}: {what}", operation.shown);
                    context.fail_with_help(
                        Code::InvalidPatch,
                        operation.spot,
                        what,
                        "Compare the path with the object",
                    )
                }
            })?;
        }
        Ok(())
    }
}

enum Fault {
    What(String),
    Reported,
}

impl From<Failed> for Fault {
    fn from(_: Failed) -> Self {
        Self::Reported
    }
}

fn fault<T>(what: impl Into<String>) -> std::result::Result<T, Fault> {
    Err(Fault::What(what.into()))
}

impl Operation {
    fn parse(node: &Node) -> std::result::Result<Self, NotAPatch> {
        let spot = node.spot;
        let fault = |spot: Spot, what: String| NotAPatch { spot, what };
        if node.as_map().is_none() {
            return Err(fault(
                spot,
                "an operation of a JSON patch is a map with `op` and `path`".to_owned(),
            ));
        }
        let text = |field: &str| node.get(field).map(Node::text).unwrap_or_default();
        let kind = match text("op") {
            "add" => Kind::Add,
            "remove" => Kind::Remove,
            "replace" => Kind::Replace,
            "move" => Kind::Move,
            "copy" => Kind::Copy,
            "test" => Kind::Test,
            other => {
                let spot = node.get("op").map_or(spot, |op| op.spot);
                return Err(fault(spot, format!("unknown operation `{other}` in a JSON patch")));
            }
        };
        let Some(path) =
            node.get("path").filter(|path| path.as_scalar().is_some() && !path.is_null())
        else {
            return Err(fault(spot, "an operation of a JSON patch needs a `path`".to_owned()));
        };
        if matches!(kind, Kind::Move | Kind::Copy) && node.get("from").is_none() {
            return Err(fault(spot, "`move` and `copy` need a `from`".to_owned()));
        }
        let mut value = node.get("value").cloned().unwrap_or_else(|| Node::null(spot));
        json::through_json_in(&mut value, crate::yaml::Dialect::Yaml11)
            .map_err(|not| fault(not.spot, not.what))?;
        Ok(Self {
            kind,
            shown: path.text().to_owned(),
            path: split(path.text()),
            from: split(text("from")),
            value,
            spot,
        })
    }

    fn apply(&self, root: &mut Node, context: &mut Context<'_>) -> std::result::Result<(), Fault> {
        match self.kind {
            Kind::Add => self.add(root, &self.path, self.value.clone(), context),
            Kind::Remove => {
                take(root, &self.path)?;
                Ok(())
            }
            Kind::Replace => {
                context.copy(self.value.size(), self.path.len(), self.spot)?;
                self.replace(root)
            }
            Kind::Move => {
                if self.path.len() > self.from.len() && self.path.starts_with(&self.from) {
                    return fault("a value cannot be moved into itself");
                }
                let value = take(root, &self.from)?;
                self.add(root, &self.path, value, context)
            }
            Kind::Copy => {
                // A missing key is copied as null; its parent must be there.
                let value = find(root, &self.from)?.cloned();
                let value = match (value, parent_of(root, &self.from)?) {
                    (Some(value), _) => value,
                    (None, Some(_)) => Node::null(self.spot),
                    (None, None) => return fault("there is nothing at `from`"),
                };
                self.add(root, &self.path, value, context)
            }
            Kind::Test => {
                let found = find(root, &self.path)?.map_or(0, |found| found.size().nodes);
                context.step(found as u64, self.spot)?;
                self.test(root)
            }
        }
    }

    fn add(
        &self,
        root: &mut Node,
        path: &[String],
        value: Node,
        context: &mut Context<'_>,
    ) -> std::result::Result<(), Fault> {
        context.copy(value.size(), path.len(), self.spot)?;
        let Some((last, parent)) = path.split_last() else {
            return fault("the whole object cannot be replaced");
        };
        let Some(parent) = find_mut(root, parent)? else {
            return fault("the parent does not exist");
        };
        match &mut parent.data {
            Data::Map(map) => match map.get_mut(last) {
                Some(place) => *place = value,
                None => map.entries.push((
                    Key { text: last.as_str().into(), spot: self.spot, tag: Tag::Str },
                    value,
                )),
            },
            Data::List(list) => {
                let index = match last.as_str() {
                    "-" => list.len(),
                    text => index(text, list.len() + 1)?,
                };
                list.insert(index, value);
            }
            Data::Scalar(_) => return fault("the parent is neither a map nor a list"),
        }
        Ok(())
    }

    fn replace(&self, root: &mut Node) -> std::result::Result<(), Fault> {
        let Some((last, parent)) = self.path.split_last() else {
            return fault("the whole object cannot be replaced");
        };
        let Some(parent) = find_mut(root, parent)? else {
            return fault("the parent does not exist");
        };
        match &mut parent.data {
            Data::Map(map) => match map.get_mut(last) {
                Some(place) => *place = self.value.clone(),
                None => map.entries.push((
                    Key { text: last.as_str().into(), spot: self.spot, tag: Tag::Str },
                    self.value.clone(),
                )),
            },
            Data::List(list) => {
                let index = index(last, list.len())?;
                list[index] = self.value.clone();
            }
            Data::Scalar(_) => return fault("the parent is neither a map nor a list"),
        }
        Ok(())
    }

    fn test(&self, root: &Node) -> std::result::Result<(), Fault> {
        if parent_of(root, &self.path)?.is_none() {
            return fault("the parent does not exist");
        }
        let found = find(root, &self.path)?;
        let equal = match found {
            None => self.value.is_null(),
            Some(found) => match (to_value(found), to_value(&self.value)) {
                (Ok(found), Ok(wanted)) => found == wanted,
                _ => false,
            },
        };
        if equal { Ok(()) } else { fault("the tested value is another one") }
    }
}

/// Takes a pointer apart. Whatever stands before the first slash is not looked at.
fn split(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// A list index below `count`; negative ones count from the end.
fn index(text: &str, count: usize) -> std::result::Result<usize, Fault> {
    let Ok(number) = text.parse::<i64>() else {
        return fault(format!("`{text}` is not an index of a list"));
    };
    let index = usize::try_from(number)
        .or_else(|_| usize::try_from(number.unsigned_abs()).map(|back| count.wrapping_sub(back)));
    match index {
        Ok(index) if index < count => Ok(index),
        _ => fault(format!("the list has no index {text}")),
    }
}

fn find<'n>(root: &'n Node, path: &[String]) -> std::result::Result<Option<&'n Node>, Fault> {
    let mut node = root;
    for part in path {
        node = match &node.data {
            Data::Map(map) => match map.get(part) {
                Some(child) => child,
                None => return Ok(None),
            },
            Data::List(list) => &list[index(part, list.len())?],
            Data::Scalar(_) => return Ok(None),
        };
    }
    Ok(Some(node))
}

/// The map or list that holds, or could hold, what is at a path.
fn parent_of<'n>(root: &'n Node, path: &[String]) -> std::result::Result<Option<&'n Node>, Fault> {
    let (_, parent) = path.split_last().map_or((None, path), |(last, parent)| (Some(last), parent));
    Ok(find(root, parent)?.filter(|node| node.as_scalar().is_none()))
}

fn find_mut<'n>(
    root: &'n mut Node,
    path: &[String],
) -> std::result::Result<Option<&'n mut Node>, Fault> {
    let mut node = root;
    for part in path {
        node = match &mut node.data {
            Data::Map(map) => match map.get_mut(part) {
                Some(child) => child,
                None => return Ok(None),
            },
            Data::List(list) => {
                let index = index(part, list.len())?;
                &mut list[index]
            }
            Data::Scalar(_) => return Ok(None),
        };
    }
    Ok(Some(node))
}

/// Removes and returns a value that must be there.
fn take(root: &mut Node, path: &[String]) -> std::result::Result<Node, Fault> {
    let Some((last, parent)) = path.split_last() else {
        return fault("the whole object cannot be removed");
    };
    let Some(parent) = find_mut(root, parent)? else { return fault("the parent does not exist") };
    match &mut parent.data {
        Data::Map(Map { entries }) => match entries.iter().position(|(key, _)| *key.text == **last)
        {
            Some(index) => Ok(entries.remove(index).1),
            None => fault("there is no such field to remove"),
        },
        Data::List(list) => {
            let index = index(last, list.len())?;
            Ok(list.remove(index))
        }
        Data::Scalar(_) => fault("the parent is neither a map nor a list"),
    }
}
