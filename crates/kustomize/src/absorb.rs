//! Generated objects join those that are there: as new ones, merged, or in their place.

use std::collections::{BTreeMap, HashSet};

use crate::context::{Context, Result};
use crate::error::Code;
use crate::metadata::{self, Origin};
use crate::position::Spot;
use crate::resource::{Behavior, Resource};
use crate::resource_set::ResourceSet;
use crate::yaml::{Data, Node};

/// A generated object and what made it.
pub(crate) struct Generated {
    pub(crate) resource: Resource,
    pub(crate) origin: Option<Origin>,
}

/// Puts a generated object to the others: new, merged with one that is there, or in its place.
pub(crate) fn absorb(
    set: &mut ResourceSet,
    generated: Generated,
    context: &mut Context<'_>,
) -> Result<()> {
    let Generated { mut resource, origin } = generated;
    if let Some(origin) = origin {
        origin.annotate_if_missing(&mut resource);
    }
    let found = set.find(&resource.id);
    let spot = resource.origin;
    match (found.as_slice(), resource.behavior) {
        ([], Behavior::Unspecified | Behavior::Create) => set.append(resource, context),
        ([], Behavior::Merge | Behavior::Replace) => {
            let what = format!("there is no {} to merge with or replace", resource.id);
            Err(context.fail_with_help(
                Code::NoMatch,
                spot,
                what,
                "Remove `behavior`, or correct the name",
            ))
        }
        ([number], Behavior::Merge | Behavior::Replace) => {
            let mut old = set.list()[*number].clone();
            let old = &mut old;
            context.step(old.node.size().nodes as u64, spot)?;
            inherit(&mut resource, old);
            if resource.behavior == Behavior::Merge {
                let origin = old.annotation(metadata::ORIGIN).map(str::to_owned);
                merge_data(&mut resource, old, "data");
                merge_data(&mut resource, old, "binaryData");
                if let Some(origin) = origin {
                    metadata::set_annotation(&mut resource, metadata::ORIGIN, &origin);
                }
            }
            resource.touched = std::mem::take(&mut old.touched);
            resource.touch(resource.generator.unwrap_or("Generator"), spot);
            resource.origin = old.origin;
            resource.document = old.document;
            resource.generator = old.generator;
            resource.refresh(&context.schema);
            set.replace(*number, resource);
            Ok(())
        }
        ([number], _) => {
            let first = context
                .files
                .position(set.list()[*number].origin)
                .map_or_else(String::new, |position| format!(" at {position}"));
            let what = format!("{} is already defined{first}", resource.id);
            Err(context.fail_with_help(
                Code::DuplicateObject,
                spot,
                what,
                "Rename it, or write `behavior: merge` or `behavior: replace`",
            ))
        }
        (several, _) => {
            let what = format!("{} objects could take in {}", several.len(), resource.id);
            Err(context.fail(Code::SeveralMatches, spot, what))
        }
    }
}

/// Takes over name, namespace, history, labels and annotations; own labels and annotations win.
fn inherit(resource: &mut Resource, old: &Resource) {
    for field in ["labels", "annotations"] {
        let mut texts: BTreeMap<String, String> = old
            .metadata_texts(field)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        texts.extend(
            resource
                .metadata_texts(field)
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        metadata::set_texts(resource, field, texts);
    }
    resource.needs_hash = resource.needs_hash && old.needs_hash;
    // The name follows the object that was there, the text of it stays a text.
    resource.set_name(&old.id.name, Spot::NOWHERE);
    resource.set_namespace(&old.id.namespace, Spot::NOWHERE);
    resource.previous.clone_from(&old.previous);
    resource.prefixes.clone_from(&old.prefixes);
    resource.suffixes.clone_from(&old.suffixes);
    resource.variables.clone_from(&old.variables);
}

/// Adds the entries of the old object that the new one does not have.
fn merge_data(resource: &mut Resource, old: &mut Resource, field: &str) {
    let Some(old_data) = old.node.get_mut(field) else { return };
    let Data::Map(old_map) = &mut old_data.data else { return };
    let spot = old_data.spot;
    let entries = std::mem::take(&mut old_map.entries);
    let Some(map) = resource.node.as_map_mut() else { return };
    let data = map.get_or_insert_with(field, || Node::empty_map(spot));
    let Data::Map(data) = &mut data.data else { return };
    let own: HashSet<Box<str>> = data.entries.iter().map(|(key, _)| key.text.clone()).collect();
    for (key, mut value) in entries {
        if !own.contains(&key.text) {
            value = Node::string(value.value_text(), value.spot);
            data.entries.push((key, value));
        }
    }
    if data.entries.is_empty() {
        map.remove(field);
    }
}
