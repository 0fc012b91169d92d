//! Field tables from files (`configurations`), on top of the default ones.

use std::sync::Arc;

use crate::config::{Config, FieldSpec, NameReference};
use crate::context::{Context, Failed, Result};
use crate::decode::{Decoder, Text};
use crate::error::Code;
use crate::identity::Gvk;
use crate::position::Spot;
use crate::yaml::load::first_document;
use crate::yaml::{Dialect, Node};

/// The default tables and those of all files together.
pub(crate) fn load(paths: &[Text], root: &str, context: &mut Context<'_>) -> Result<Arc<Config>> {
    if paths.is_empty() {
        return Ok(Config::default_tables());
    }
    let mut merged = Config::default();
    let mut result = Ok(());
    for path in paths {
        match one(path, root, context) {
            Ok(tables) => {
                context.step(tables.cost_of_adding_to(&merged), path.spot)?;
                if let Err(conflict) = merged.merge(&tables) {
                    let what =
                        format!("the field tables disagree on whether to create `{}`", conflict.0);
                    result = Err(context.fail_with_help(
                        Code::InvalidValue,
                        path.spot,
                        what,
                        "Use the same `create` everywhere",
                    ));
                }
            }
            Err(Failed) => result = Err(Failed),
        }
    }
    result?;
    let mut tables = Config::clone(&Config::default_tables());
    let first = paths.first().map_or(Spot::NOWHERE, |path| path.spot);
    context.step(merged.cost_of_adding_to(&tables), first)?;
    match (tables.merge(&merged), paths.first()) {
        (Err(conflict), Some(path)) => {
            let what = format!(
                "the field tables disagree with the default ones on whether to create `{}`",
                conflict.0
            );
            Err(context.fail_with_help(
                Code::InvalidValue,
                path.spot,
                what,
                "Use the same `create` as the default",
            ))
        }
        _ => Ok(Arc::new(tables)),
    }
}

fn one(path: &Text, root: &str, context: &mut Context<'_>) -> Result<Config> {
    let source = context.read_named(root, &path.value, path.spot)?;
    let mut limits = context.limits;
    let loaded = first_document(&source.bytes, source.file, Dialect::Yaml11, &mut limits);
    context.limits = limits;
    let (node, _) = loaded.map_err(|fault| context.fail_in_text(source.file, fault))?;
    let errors = context.errors.len();
    let mut tables = Config::default();
    if let Some(node) = node {
        decode(&mut Decoder::strict(context), &node, &mut tables);
    }
    tables.sort();
    if context.errors.len() > errors { Err(Failed) } else { Ok(tables) }
}

fn decode(decoder: &mut Decoder<'_, '_>, node: &Node, tables: &mut Config) {
    let known = [
        "namePrefix",
        "nameSuffix",
        "namespace",
        "commonLabels",
        "labels",
        "templateLabels",
        "commonAnnotations",
        "nameReference",
        "varReference",
        "images",
        "replicas",
    ];
    for (name, _, value) in decoder.fields(node, "a configuration", &known) {
        if name == "nameReference" {
            tables.name_reference = decoder
                .list(value, name)
                .iter()
                .map(|node| name_reference(decoder, node))
                .collect();
            continue;
        }
        let specs = decoder.field_specs(value, name);
        *table(tables, name) = specs;
    }
}

fn table<'c>(tables: &'c mut Config, name: &str) -> &'c mut Vec<FieldSpec> {
    match name {
        "namePrefix" => &mut tables.name_prefix,
        "nameSuffix" => &mut tables.name_suffix,
        "namespace" => &mut tables.namespace,
        "commonLabels" => &mut tables.common_labels,
        "labels" => &mut tables.labels,
        "templateLabels" => &mut tables.template_labels,
        "commonAnnotations" => &mut tables.common_annotations,
        "varReference" => &mut tables.var_reference,
        "images" => &mut tables.images,
        _ => &mut tables.replicas,
    }
}

fn name_reference(decoder: &mut Decoder<'_, '_>, node: &Node) -> NameReference {
    let mut reference = NameReference { target: Gvk::default(), referrers: Vec::new() };
    for (name, _, value) in decoder.fields(
        node,
        "an entry of nameReference",
        &["group", "version", "kind", "fieldSpecs"],
    ) {
        match name {
            "group" => reference.target.group = decoder.text(value, name).value.into(),
            "version" => reference.target.version = decoder.text(value, name).value.into(),
            "kind" => reference.target.kind = decoder.text(value, name).value.into(),
            _ => reference.referrers = decoder.field_specs(value, name),
        }
    }
    reference
}
