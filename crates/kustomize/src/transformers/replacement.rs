//! Values copied from one object into others (`ReplacementTransformer`).

use std::rc::Rc;

use crate::arguments::Selector;
use crate::context::{Context, Failed, Result};
use crate::decode::{Decoder, Text};
use crate::error::Code;
use crate::identity::effective;
use crate::position::Spot;
use crate::replacements::{DEFAULT_PATH, Options, Replacement, ReplacementField, Target};
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::selector::{Matcher, SELECT_STEPS};
use crate::transformers::Transformer;
use crate::value_path::{PathFault, PathMatcher, look_up, smart_split};
use crate::yaml::load::first_document;
use crate::yaml::{Data, Dialect, Node, Scalar, Tag};

/// All replacements of a kustomization.
#[derive(Debug)]
pub(crate) struct ReplacementTransformer {
    replacements: Vec<Replacement>,
    spot: Spot,
}

impl ReplacementTransformer {
    /// Takes the entries and reads the files that they name.
    pub(crate) fn new(
        fields: &[ReplacementField],
        root: &str,
        spot: Spot,
        context: &mut Context<'_>,
    ) -> Result<Self> {
        let mut replacements = Vec::new();
        let mut result = Ok(());
        for field in fields {
            let Some(path) = &field.path else {
                replacements.push(field.replacement.clone());
                continue;
            };
            if field.replacement.source.is_some() || !field.replacement.targets.is_empty() {
                let what = "a replacement has both a `path` and a source or targets";
                result = Err(context.fail_with_help(
                    Code::InvalidReplacement,
                    path.spot,
                    what,
                    "Write the replacement here or in the file",
                ));
                continue;
            }
            match from_file(path, root, context) {
                Ok(found) => replacements.extend(found),
                Err(Failed) => result = Err(Failed),
            }
        }
        result.map(|()| Self { replacements, spot })
    }
}

fn from_file(path: &Text, root: &str, context: &mut Context<'_>) -> Result<Vec<Replacement>> {
    let source = context.read_named(root, &path.value, path.spot)?;
    let mut limits = context.limits;
    let loaded = first_document(&source.bytes, source.file, Dialect::Yaml11, &mut limits);
    context.limits = limits;
    let (node, _) = loaded.map_err(|fault| context.fail_in_text(source.file, fault))?;
    let errors = context.errors.len();
    let mut decoder = Decoder::lenient(context);
    let replacements = match node.as_ref().map(|node| (&node.data, node)) {
        Some((Data::List(list), _)) => list.iter().map(|node| decoder.replacement(node)).collect(),
        Some((Data::Map(_), node)) => vec![decoder.replacement(node)],
        _ => {
            let what = "a file of replacements holds a list of replacements, or one";
            return decoder.fail(
                Code::InvalidReplacement,
                Spot::of_file(source.file),
                what,
                "Begin with `- source:`",
            );
        }
    };
    if context.errors.len() > errors { Err(Failed) } else { Ok(replacements) }
}

impl Transformer for ReplacementTransformer {
    fn name(&self) -> &'static str {
        "ReplacementTransformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        self.replacements.iter().try_for_each(|replacement| replacement.apply(set, context))
    }
}

impl Replacement {
    fn fail<T>(
        &self,
        context: &mut Context<'_>,
        spot: Spot,
        what: impl Into<String>,
        help: &str,
    ) -> Result<T> {
        let spot = if spot.is_known() { spot } else { self.spot };
        Err(context.fail_with_help(Code::InvalidReplacement, spot, what, help))
    }

    fn apply(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        if self.targets.is_empty() || (self.source.is_none() && self.source_value.is_none()) {
            return self.fail(
                context,
                self.spot,
                "a replacement needs a source and at least one target",
                "Write `source:` and `targets:`",
            );
        }
        let value = Rc::new(self.value(set.list(), context)?);
        let matchers = self
            .targets
            .iter()
            .map(|target| self.matchers(target, context))
            .collect::<Result<Vec<_>>>()?;
        let list = set.list_mut();
        for (target, (select, reject)) in self.targets.iter().zip(&matchers) {
            for resource in list.iter_mut().filter(|resource| !resource.deleted) {
                context.step(SELECT_STEPS * (1 + reject.len() as u64), target.spot)?;
                let rejected = reject.iter().any(|matcher| {
                    (!matcher.selects_any_metadata && matcher.matches_metadata(resource))
                        || (!matcher.selects_any_id && means(matcher, resource))
                });
                if !rejected && select.matches_metadata(resource) && means(select, resource) {
                    self.set(resource, &value, target, context)?;
                    resource.follow_aliases();
                    resource.refresh(&context.schema);
                    resource.touch("ReplacementTransformer", self.spot);
                }
            }
        }
        Ok(())
    }

    fn matchers(
        &self,
        target: &Target,
        context: &mut Context<'_>,
    ) -> Result<(Matcher, Vec<Matcher>)> {
        let Some(select) = &target.select else {
            return self.fail(
                context,
                target.spot,
                "a target of a replacement selects nothing",
                "Write `select: {kind: ..., name: ...}`",
            );
        };
        let select = Matcher::new(select, context)?;
        let reject = target
            .reject
            .iter()
            .map(|selector| Matcher::new(selector, context))
            .collect::<Result<Vec<_>>>()?;
        Ok((select, reject))
    }

    /// The value to copy.
    fn value(&self, list: &[Resource], context: &mut Context<'_>) -> Result<Node> {
        let source = match (&self.source, &self.source_value) {
            (Some(source), None) => source,
            (None, Some(text)) => return Ok(Node::untagged(text.value.as_str(), text.spot)),
            _ => {
                return self.fail(
                    context,
                    self.spot,
                    "a replacement has both `source` and `sourceValue`",
                    "Keep one of them",
                );
            }
        };
        let spot = source.selector.spot;
        context.step(list.len() as u64, spot)?;
        let mut found = list
            .iter()
            .filter(|resource| !resource.deleted && is_source(&source.selector, resource));
        let Some(resource) = found.next() else {
            return self.fail(
                context,
                spot,
                "the source of this replacement selects no object",
                "Compare kind, name and namespace with the resources",
            );
        };
        if let Some(other) = found.next() {
            let what = format!(
                "the source of this replacement selects both {} and {}",
                resource.id, other.id
            );
            return self.fail(context, spot, what, "Name more of kind, name and namespace");
        }
        let path = smart_split(&source.field_path);
        context.step(path.len() as u64, spot)?;
        let node = match look_up(&resource.node, &path) {
            Ok(node) => node.filter(|node| !node.is_null_or_empty()),
            Err(what) => {
                return self.fail(
                    context,
                    spot,
                    format!("the field `{}`: {what}", source.field_path),
                    "Correct the `fieldPath`",
                );
            }
        };
        let Some(node) = node else {
            let what = format!("{} has no field `{}` to copy from", resource.id, source.field_path);
            return self.fail(context, spot, what, "Correct the `fieldPath`");
        };
        let mut node = node.clone();
        let options = &source.options;
        if !options.delimiter.is_empty() {
            let Data::Scalar(scalar) = &mut node.data else {
                return self.fail(context, spot, "`delimiter` works only on texts", "Remove it");
            };
            let parts: Vec<&str> = split_by(&scalar.text, &options.delimiter);
            let part = usize::try_from(options.index).ok().and_then(|index| parts.get(index));
            let Some(part) = part.map(|part| (*part).to_owned()) else {
                let what =
                    format!("`{}` has no part with the index {}", scalar.text, options.index);
                return self.fail(context, spot, what, "Indices count from 0");
            };
            scalar.text = part.into();
        }
        Ok(node)
    }

    fn set(
        &self,
        resource: &mut Resource,
        value: &Rc<Node>,
        target: &Target,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let default = [Text { value: DEFAULT_PATH.to_owned(), spot: target.spot }];
        let paths = if target.field_paths.is_empty() { &default[..] } else { &target.field_paths };
        let size = value.size();
        let name = resource.id.to_string();
        for path in paths {
            let parts = smart_split(&path.value);
            context.copy(size, parts.len(), path.spot)?;
            context.step(parts.len() as u64, path.spot)?;
            if crate::structured::set(
                &mut resource.node,
                &parts,
                value,
                target.options.create,
                context,
            )? {
                continue;
            }
            let mut matcher = PathMatcher {
                create: target.options.create.then_some(value),
                context,
                spot: path.spot,
            };
            let mut found = 0;
            let outcome = matcher.visit(&mut resource.node, &parts, &mut |node| {
                found += 1;
                put(node, value, &target.options)
            });
            match outcome {
                Ok(()) if found > 0 => {}
                Ok(()) | Err(PathFault::Missing) => {
                    let what = format!("{name} has no field `{}` to copy to", path.value);
                    return self.fail(
                        context,
                        path.spot,
                        what,
                        "Correct the path, or set `options: {create: true}`",
                    );
                }
                Err(PathFault::What(what)) => {
                    return self.fail(
                        context,
                        path.spot,
                        format!("the field `{}` of {name}: {what}", path.value),
                        "Correct the path",
                    );
                }
                Err(PathFault::Reported) => return Err(Failed),
            }
        }
        Ok(())
    }
}

/// Is or was the object what the selector means? All of its identities count.
fn means(matcher: &Matcher, resource: &Resource) -> bool {
    let gvk = &resource.id.gvk;
    let now = matcher.matches_gvk(&gvk.group, &gvk.version, &gvk.kind)
        && matcher.matches_name(&resource.id.name)
        && matcher.matches_namespace(&resource.id.namespace);
    now || resource.previous.iter().any(|previous| {
        matcher.matches_gvk(&gvk.group, &gvk.version, &previous.kind)
            && matcher.matches_name(&previous.name)
            && matcher.matches_namespace(&previous.namespace)
    })
}

/// The exact counterpart of [`means`] for sources.
fn is_source(selector: &Selector, resource: &Resource) -> bool {
    let gvk = &resource.id.gvk;
    let text = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    let fits = |kind: &str, name: &str, namespace: &str| {
        text(&selector.gvk.group, &gvk.group)
            && text(&selector.gvk.version, &gvk.version)
            && text(&selector.gvk.kind, kind)
            && text(&selector.name, name)
            && (selector.namespace.is_empty()
                || effective(&selector.namespace) == effective(namespace))
    };
    fits(&gvk.kind, &resource.id.name, &resource.id.namespace)
        || resource
            .previous
            .iter()
            .any(|previous| fits(&previous.kind, &previous.name, &previous.namespace))
}

/// Puts a value into a target field. A scalar keeps its tag and quotes and takes only the text.
fn put(node: &mut Node, value: &Node, options: &Options) -> std::result::Result<(), PathFault> {
    let mut value = value.clone();
    if !options.delimiter.is_empty() {
        let Data::Scalar(target) = &node.data else {
            return Err(PathFault::What("`delimiter` works only on texts".to_owned()));
        };
        let mut parts: Vec<&str> = split_by(&target.text, &options.delimiter);
        let part = value.value_text().to_owned();
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, &part),
            Ok(index) if index >= parts.len() => parts.push(&part),
            Ok(index) => parts[index] = &part,
        }
        let joined = parts.join(&options.delimiter);
        match &mut value.data {
            Data::Scalar(scalar) => scalar.text = joined.into(),
            _ => value = Node::scalar(Scalar::untagged(joined), value.spot),
        }
    }
    set_value(node, value);
    Ok(())
}

/// A scalar takes the text of a value, everything else is replaced.
pub(crate) fn set_value(node: &mut Node, value: Node) {
    match &mut node.data {
        Data::Scalar(scalar) => {
            scalar.text = value.text().into();
            if scalar.tag == Tag::Null && value.is_null() {
                scalar.tag = Tag::Null;
            }
            if value.spot.is_known() {
                node.spot = value.spot;
            }
        }
        _ => *node = value,
    }
}

/// Splits a text; an empty delimiter splits nothing.
fn split_by<'a>(text: &'a str, delimiter: &str) -> Vec<&'a str> {
    text.split(delimiter).collect()
}
