//! What entries of `replacements` say.

use crate::arguments::Selector;
use crate::decode::{Decoder, Text};
use crate::position::Spot;
use crate::yaml::{Data, Node};

/// An entry of `replacements`: a replacement, or a file with one or several.
#[derive(Debug, Clone)]
pub(crate) struct ReplacementField {
    pub(crate) path: Option<Text>,
    pub(crate) replacement: Replacement,
}

/// One value and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pub(crate) source: Option<Source>,
    pub(crate) source_value: Option<Text>,
    pub(crate) targets: Vec<Target>,
    pub(crate) spot: Spot,
}

/// Where a value is taken from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) selector: Selector,
    pub(crate) field_path: String,
    pub(crate) options: Options,
}

/// Where a value goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) select: Option<Selector>,
    pub(crate) reject: Vec<Selector>,
    pub(crate) field_paths: Vec<Text>,
    pub(crate) options: Options,
    pub(crate) spot: Spot,
}

/// How a value is taken apart or put in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    pub(crate) create: bool,
}

/// The field that is meant where none is named.
pub(crate) const DEFAULT_PATH: &str = "metadata.name";

impl Decoder<'_, '_> {
    pub(crate) fn replacement_field(&mut self, node: &Node) -> ReplacementField {
        let mut field = ReplacementField { path: None, replacement: empty_replacement(node.spot) };
        for (name, _, value) in
            self.fields(node, "a replacement", &["path", "source", "sourceValue", "targets"])
        {
            match name {
                "path" => field.path = self.optional_text(value, name),
                _ => self.replacement_part(name, value, &mut field.replacement),
            }
        }
        field
    }

    pub(crate) fn replacement(&mut self, node: &Node) -> Replacement {
        let mut replacement = empty_replacement(node.spot);
        for (name, _, value) in
            self.fields(node, "a replacement", &["source", "sourceValue", "targets"])
        {
            self.replacement_part(name, value, &mut replacement);
        }
        replacement
    }

    fn replacement_part(&mut self, name: &str, value: &Node, replacement: &mut Replacement) {
        match name {
            "source" => replacement.source = Some(self.replacement_source(value)),
            "sourceValue" => replacement.source_value = Some(self.text(value, name)),
            _ => {
                replacement.targets = self
                    .list(value, name)
                    .iter()
                    .map(|node| self.replacement_target(node))
                    .collect();
            }
        }
    }

    fn replacement_source(&mut self, node: &Node) -> Source {
        let known = ["group", "version", "kind", "name", "namespace", "fieldPath", "options"];
        let mut selector = self.selector_part(node);
        selector.spot = node.spot;
        let mut source =
            Source { selector, field_path: DEFAULT_PATH.to_owned(), options: Options::default() };
        for (name, _, value) in self.fields(node, "the source of a replacement", &known) {
            match name {
                "fieldPath" => {
                    if let Some(path) = self.optional_text(value, name) {
                        source.field_path = path.value;
                    }
                }
                "options" => source.options = self.replacement_options(value),
                _ => {}
            }
        }
        source
    }

    /// The identity fields of a source; the others are read by the caller.
    fn selector_part(&mut self, node: &Node) -> Selector {
        let mut fields = node.clone();
        if let Data::Map(map) = &mut fields.data {
            map.entries.retain(|(key, _)| {
                ["group", "version", "kind", "name", "namespace"]
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&key.text))
            });
        }
        self.selector(&fields, "the source of a replacement")
    }

    fn replacement_target(&mut self, node: &Node) -> Target {
        let mut target = Target {
            select: None,
            reject: Vec::new(),
            field_paths: Vec::new(),
            options: Options::default(),
            spot: node.spot,
        };
        for (name, _, value) in self.fields(
            node,
            "the target of a replacement",
            &["select", "reject", "fieldPaths", "options"],
        ) {
            match name {
                "select" => {
                    target.select = Some(self.selector(value, "the target of a replacement"));
                }
                "reject" => {
                    target.reject = self
                        .list(value, name)
                        .iter()
                        .map(|node| self.selector(node, "an entry of reject"))
                        .collect();
                }
                "fieldPaths" => target.field_paths = self.texts(value, name),
                _ => target.options = self.replacement_options(value),
            }
        }
        target
    }

    fn replacement_options(&mut self, node: &Node) -> Options {
        let mut options = Options::default();
        for (name, _, value) in self.fields(
            node,
            "the options of a replacement",
            &["delimiter", "index", "create", "encoding"],
        ) {
            match name {
                "delimiter" => options.delimiter = self.text(value, name).value,
                "index" => options.index = self.integer(value, name),
                "create" => options.create = self.boolean(value, name),
                // Accepted and without effect in kustomize.
                _ => drop(self.text(value, name)),
            }
        }
        options
    }
}

fn empty_replacement(spot: Spot) -> Replacement {
    Replacement { source: None, source_value: None, targets: Vec::new(), spot }
}
