//! Paths to values in objects: `spec.containers.[name=web].image`, `data.[a.b/c]`, `spec.ports.0.port`,
//! `spec.rules.*.host`.

use crate::config::split_path;
use crate::context::{Context, Failed};
use crate::position::Spot;
use crate::yaml::{Data, Key, Node, Scalar};

/// Splits a path at dots, but not inside of brackets. Brackets that choose an element keep them.
pub(crate) fn smart_split(path: &str) -> Vec<String> {
    let mut result = Vec::new();
    let mut parts = split_path(path, '.').into_iter();
    while let Some(part) = parts.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            result.push(part);
            continue;
        }
        let mut bracketed = part;
        for next in parts.by_ref() {
            bracketed.push('.');
            bracketed.push_str(&next);
            if bracketed.ends_with(']') {
                break;
            }
        }
        if bracketed.contains('=') {
            result.push(bracketed);
        } else {
            result.push(bracketed.trim_matches(['[', ']']).to_owned());
        }
    }
    result
}

/// What one part of a path asks for.
enum Part<'p> {
    Field(&'p str),
    Index(usize),
    Last,
    /// `[key=value]`, or `[=value]` for scalars.
    Element(&'p str, &'p str),
    Every,
}

fn part(text: &str) -> Result<Part<'_>, String> {
    if let Ok(number) = text.parse::<i64>() {
        return usize::try_from(number)
            .map(Part::Index)
            .map_err(|_| format!("the index {number} is negative"));
    }
    match text {
        "*" => Ok(Part::Every),
        "-" => Ok(Part::Last),
        _ if text.starts_with('[') && text.ends_with(']') => {
            let inner = &text[1..text.len() - 1];
            inner
                .split_once('=')
                .map(|(key, value)| Part::Element(key, value))
                .ok_or_else(|| format!("`{text}` must be of the form `[key=value]`"))
        }
        _ => Ok(Part::Field(text)),
    }
}

/// The value at a path, exactly; `None` if it is not there.
pub(crate) fn look_up<'n>(node: &'n Node, path: &[String]) -> Result<Option<&'n Node>, String> {
    let mut node = node;
    for text in path.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let next = match part(text)? {
            Part::Every => return Err("`*` cannot be used here".to_owned()),
            _ if node.is_null() => None,
            Part::Field(name) => field(node, name)?,
            Part::Index(index) => list(node)?.get(index),
            Part::Last => list(node)?.last(),
            Part::Element("", value) => list(node)?.iter().find(|element| element.text() == value),
            Part::Element(key, value) => list(node)?
                .iter()
                .find(|element| element.get(key).is_some_and(|field| field.text() == value)),
        };
        let Some(next) = next else { return Ok(None) };
        node = next;
    }
    Ok(Some(node))
}

/// [`look_up`] of a value that is to be changed.
pub(crate) fn look_up_mut<'n>(node: &'n mut Node, path: &[String]) -> Option<&'n mut Node> {
    let mut node = node;
    for text in path.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        node = match (part(text).ok()?, &mut node.data) {
            (Part::Field(name), Data::Map(map)) => map.get_mut(name)?,
            (Part::Index(index), Data::List(list)) => list.get_mut(index)?,
            (Part::Last, Data::List(list)) => list.last_mut()?,
            (Part::Element("", value), Data::List(list)) => {
                list.iter_mut().find(|element| element.text() == value)?
            }
            (Part::Element(key, value), Data::List(list)) => list
                .iter_mut()
                .find(|element| element.get(key).is_some_and(|field| field.text() == value))?,
            _ => return None,
        };
    }
    Some(node)
}

fn field<'n>(node: &'n Node, name: &str) -> Result<Option<&'n Node>, String> {
    match &node.data {
        Data::Map(map) => Ok(map.get(name)),
        _ => Err(format!("`{name}` is asked of {}", node.kind_name())),
    }
}

fn list(node: &Node) -> Result<&[Node], String> {
    node.as_list().ok_or_else(|| format!("an element is asked of {}", node.kind_name()))
}

/// Why a path could not be followed.
#[derive(Debug)]
pub(crate) enum PathFault {
    Missing,
    What(String),
    Reported,
}

impl From<Failed> for PathFault {
    fn from(_: Failed) -> Self {
        Self::Reported
    }
}

/// Visits all values at a path; `[key=value]` matches by regular expression. With `create`, what is
/// missing is made, in the shape of that value.
pub(crate) struct PathMatcher<'m, 't> {
    pub(crate) create: Option<&'m Node>,
    pub(crate) context: &'m mut Context<'t>,
    pub(crate) spot: Spot,
}

type Visit<'v> = dyn FnMut(&mut Node) -> Result<(), PathFault> + 'v;

impl PathMatcher<'_, '_> {
    pub(crate) fn visit(
        &mut self,
        node: &mut Node,
        path: &[String],
        visit: &mut Visit<'_>,
    ) -> Result<(), PathFault> {
        self.context.step(1, self.spot)?;
        let Some((text, rest)) = path.split_first() else {
            let before = node.shallow_size();
            visit(node)?;
            self.context.make(node.shallow_size().since(before), self.spot)?;
            return Ok(());
        };
        match part(text).map_err(PathFault::What)? {
            Part::Index(index) => self.index(node, index, rest, visit),
            Part::Element(key, value) => self.elements(node, key, value, rest, visit),
            Part::Every => {
                for element in elements(node)? {
                    self.visit(element, rest, visit)?;
                }
                Ok(())
            }
            Part::Last => self.field(node, "-", rest, visit),
            Part::Field(name) => self.field(node, name, rest, visit),
        }
    }

    fn field(
        &mut self,
        node: &mut Node,
        name: &str,
        rest: &[String],
        visit: &mut Visit<'_>,
    ) -> Result<(), PathFault> {
        if node.is_null() {
            return Ok(());
        }
        let found = node.kind_name();
        let Data::Map(map) = &mut node.data else {
            return Err(PathFault::What(format!("`{name}` is asked of {found}")));
        };
        self.context.step(map.entries.len() as u64 / 8, self.spot)?;
        let missing = map.index_of(name).is_none();
        if missing && self.create.is_none() {
            return Ok(());
        }
        let made = self.made(rest);
        let child = map.get_or_insert_with(name, || made);
        if !rest.is_empty() && child.as_scalar().is_some() && !child.is_null() {
            // What is inside of a text can be read, but what is changed there gets lost.
            return Err(PathFault::Missing);
        }
        self.visit(child, rest, visit)
    }

    /// What a missing field begins as.
    fn made(&self, rest: &[String]) -> Node {
        let Some(create) = self.create else { return Node::null(self.spot) };
        match rest.first().map(|next| part(next)) {
            None => match create.data {
                Data::Scalar(_) => Node::scalar(Scalar::untagged(""), self.spot),
                Data::List(_) => Node::empty_list(self.spot),
                Data::Map(_) => Node::empty_map(self.spot),
            },
            Some(Ok(Part::Index(_) | Part::Element(..))) => Node::empty_list(self.spot),
            Some(_) => Node::empty_map(self.spot),
        }
    }

    fn index(
        &mut self,
        node: &mut Node,
        index: usize,
        rest: &[String],
        visit: &mut Visit<'_>,
    ) -> Result<(), PathFault> {
        let made = self.made(rest);
        let creates = self.create.is_some();
        let list = elements(node)?;
        if list.len() == index && creates {
            list.push(made);
        }
        let count = list.len();
        match list.get_mut(index) {
            Some(element) => self.visit(element, rest, visit),
            None => {
                Err(PathFault::What(format!("the index {index} is asked of a list of {count}")))
            }
        }
    }

    fn elements(
        &mut self,
        node: &mut Node,
        key: &str,
        pattern: &str,
        rest: &[String],
        visit: &mut Visit<'_>,
    ) -> Result<(), PathFault> {
        let Some(regex) = self.context.pattern(pattern) else {
            return Err(PathFault::What(format!("`{pattern}` is not a valid regular expression")));
        };
        let matches = |element: &Node| {
            if key.is_empty() {
                return element.as_scalar().is_some() && regex.is_match(element.text().trim());
            }
            element.get(key).is_some_and(|field| regex.is_match(field.text().trim()))
        };
        let list = elements(node)?;
        self.context.step(4 * list.len() as u64, self.spot)?;
        let mut found = false;
        for element in list.iter_mut().filter(|element| matches(element)) {
            found = true;
            if key.is_empty() { visit(element)? } else { self.visit(element, rest, visit)? }
        }
        if found || self.create.is_none() {
            return Ok(());
        }
        let value = Node::untagged(pattern, self.spot);
        let mut element = value.clone();
        if !key.is_empty() {
            element = Node::empty_map(self.spot);
            if let Data::Map(map) = &mut element.data {
                map.entries.push((Key::new(key), value));
            }
        }
        list.push(element);
        let Some(element) = list.last_mut() else { return Ok(()) };
        if key.is_empty() { visit(element) } else { self.visit(element, rest, visit) }
    }
}

fn elements(node: &mut Node) -> Result<&mut Vec<Node>, PathFault> {
    let found = node.kind_name();
    match &mut node.data {
        Data::List(list) => Ok(list),
        _ => Err(PathFault::What(format!("an element is asked of {found}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_keep_what_is_in_brackets() {
        let table: [(&str, &[&str]); 5] = [
            (
                "spec.containers.[name=a.b/c].image",
                &["spec", "containers", "[name=a.b/c]", "image"],
            ),
            ("metadata.annotations.[a.b/c]", &["metadata", "annotations", "a.b/c"]),
            ("data.a\\.b", &["data", "a.b"]),
            ("spec.ports.0.port", &["spec", "ports", "0", "port"]),
            ("spec.*.x", &["spec", "*", "x"]),
        ];
        for (path, parts) in table {
            assert_eq!(smart_split(path), parts, "{path}");
        }
    }
}
