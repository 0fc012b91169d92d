//! Field tables from the OpenAPI definitions of custom resources (`crds`).

use crate::config::{Config, Conflict, FieldSpec, NameReference, merge_one};
use crate::context::{Context, Failed, Result};
use crate::decode::Text;
use crate::error::Code;
use crate::identity::Gvk;
use crate::yaml::load::first_document;
use crate::yaml::{Dialect, Map, Node};

/// References between definitions that are followed before giving up.
const MAX_DEPTH: usize = 32;

/// The tables of all files together; `None` if there are no files.
pub(crate) fn load(
    paths: &[Text],
    root: &str,
    context: &mut Context<'_>,
) -> Result<Option<Config>> {
    let mut tables = Config::default();
    let mut result = Ok(());
    for path in paths {
        if one(path, root, &mut tables, context).is_err() {
            result = Err(Failed);
        }
    }
    tables.sort();
    result.map(|()| (!paths.is_empty()).then_some(tables))
}

fn one(path: &Text, root: &str, tables: &mut Config, context: &mut Context<'_>) -> Result<()> {
    let source = context.read_named(root, &path.value, path.spot)?;
    let mut limits = context.limits;
    let loaded = first_document(&source.bytes, source.file, Dialect::Yaml11, &mut limits);
    context.limits = limits;
    let (node, _) = loaded.map_err(|fault| context.fail_in_text(source.file, fault))?;
    let Some(node) = node.filter(|node| !node.is_null()) else { return Ok(()) };
    let Some(definitions) = node.as_map() else {
        let what = "this file must be a map from type names to OpenAPI definitions";
        return Err(context.fail_with_help(
            Code::WrongType,
            node.spot,
            what,
            "Custom resource definitions themselves belong under `resources`",
        ));
    };
    for (name, definition) in &definitions.entries {
        let properties = properties(definition);
        let is_kind = ["kind", "apiVersion", "metadata"]
            .iter()
            .all(|field| properties.is_some_and(|map| map.get(field).is_some()));
        if !is_kind {
            continue;
        }
        let kind = name.text.rsplit('.').next().unwrap_or_default();
        let mut walk = Walk { definitions, gvk: Gvk::new("", "", kind), tables, context };
        walk.definition(&name.text, &mut Vec::new())?;
    }
    Ok(())
}

fn properties(definition: &Node) -> Option<&Map> {
    let schema = definition
        .as_map()?
        .entries
        .iter()
        .find(|(key, _)| key.text.eq_ignore_ascii_case("schema"))
        .map(|(_, schema)| schema)?;
    schema.get("properties")?.as_map()
}

struct Walk<'w, 't> {
    definitions: &'w Map,
    gvk: Gvk,
    tables: &'w mut Config,
    context: &'w mut Context<'t>,
}

impl Walk<'_, '_> {
    fn definition(&mut self, name: &str, path: &mut Vec<String>) -> Result<()> {
        let definitions = self.definitions;
        let Some((key, definition)) = definitions.entry(name) else { return Ok(()) };
        let properties_here = properties(definition).map_or(0, |map| map.entries.len());
        self.context.step(1 + properties_here as u64, key.spot)?;
        if path.len() > MAX_DEPTH {
            let what = format!(
                "the definition `{name}` refers to itself, or to others more than {MAX_DEPTH} times in a row"
            );
            return Err(self.context.fail_with_help(
                Code::Budget,
                key.spot,
                what,
                "Remove the references that go in circles",
            ));
        }
        for (name, property) in properties(definition).into_iter().flat_map(|map| &map.entries) {
            path.push(name.text.to_string());
            let found = self.property(property, path);
            found.map_err(|conflict| {
                let what =
                    format!("the field tables disagree on whether to create `{}`", conflict.0);
                self.context.fail(Code::InvalidValue, property.spot, what)
            })?;
            if let Some(reference) = property.get("$ref") {
                self.definition(reference.text(), path)?;
            }
            path.pop();
        }
        Ok(())
    }

    fn property(&mut self, property: &Node, path: &[String]) -> std::result::Result<(), Conflict> {
        let spec = |path: &[String]| FieldSpec::new(self.gvk.clone(), &path.join("/"), false);
        let text = |field: &str| {
            let map = property.as_map()?;
            let entry = map.entries.iter().find(|(key, _)| key.text.eq_ignore_ascii_case(field));
            entry.map(|(_, value)| value.text())
        };
        if text("x-kubernetes-annotation").is_some() {
            merge_one(&mut self.tables.common_annotations, &spec(path))?;
        }
        if text("x-kubernetes-label-selector").is_some() {
            merge_one(&mut self.tables.common_labels, &spec(path))?;
        }
        if text("x-kubernetes-identity").is_some() {
            merge_one(&mut self.tables.name_prefix, &spec(path))?;
        }
        let target =
            (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"));
        if let (Some(version), Some(kind)) = target {
            let mut path = path.to_vec();
            path.push(text("x-kubernetes-object-ref-name-key").unwrap_or("name").to_owned());
            let reference =
                NameReference { target: Gvk::new("", version, kind), referrers: vec![spec(&path)] };
            self.tables.merge_name_reference(&reference)?;
        }
        Ok(())
    }
}
