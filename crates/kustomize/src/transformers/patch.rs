//! Patches of both kinds, recognised by their text (`PatchTransformer`).

use crate::arguments::{PatchArguments, Selector};
use crate::context::{Context, Failed, Result};
use crate::decode::Text;
use crate::error::Code;
use crate::json_patch::{JsonPatch, NotAPatch};
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::resources::{Source, objects_of};
use crate::selector::{Matcher, SELECT_STEPS};
use crate::transformers::Transformer;
use crate::transformers::patch_json6902::apply_to;
use crate::transformers::patch_strategic_merge::{
    Permissions, find_one, lay_over, prepare_for_selected, stringify,
};
use crate::yaml::json::from_value;
use crate::yaml::limits::Limits;
use crate::yaml::load::first_document;
use crate::yaml::text::Fault;
use crate::yaml::{Dialect, Node};

/// One entry of `patches`.
#[derive(Debug)]
pub(crate) struct PatchTransformer {
    patches: Patches,
    target: Option<(Selector, Matcher)>,
    permissions: Permissions,
    spot: Spot,
}

#[derive(Debug)]
enum Patches {
    /// Nothing but comments.
    None,
    Merge(Vec<Resource>),
    Json(JsonPatch),
}

impl PatchTransformer {
    /// Reads an entry and the file that it names.
    pub(crate) fn new(
        arguments: &PatchArguments,
        root: &str,
        context: &mut Context<'_>,
    ) -> Result<Self> {
        let target = match &arguments.target {
            Some(selector) => Some((selector.clone(), Matcher::new(selector, context)?)),
            None => None,
        };
        let patch = arguments.patch.as_ref().filter(|text| !text.value.trim().is_empty());
        let source = match (patch, &arguments.path) {
            (Some(patch), None) => inline(patch),
            (None, Some(path)) => Source::file(context.read_named(root, &path.value, path.spot)?),
            (Some(_), Some(_)) => {
                let what = "a patch has both `path` and `patch`";
                return Err(context.fail_with_help(
                    Code::InvalidPatch,
                    arguments.spot,
                    what,
                    "Keep one of them",
                ));
            }
            (None, None) => {
                let what = "a patch has neither `path` nor `patch`";
                return Err(context.fail_with_help(
                    Code::InvalidPatch,
                    arguments.spot,
                    what,
                    "Name a file in `path` or write the patch in `patch`",
                ));
            }
        };
        let mut patches = read(&source, arguments.spot, context)?;
        let permissions =
            Permissions { name: arguments.allow_name_change, kind: arguments.allow_kind_change };
        if let Patches::Merge(patches) = &mut patches
            && (permissions.name || permissions.kind)
        {
            // kustomize writes the permissions into the patch's annotations, which makes them texts.
            patches
                .iter_mut()
                .filter_map(Resource::metadata_mut)
                .for_each(|metadata| stringify(metadata, "annotations"));
        }
        let transformer = Self { patches, target, permissions, spot: arguments.spot };
        match (&transformer.patches, &transformer.target) {
            (Patches::Merge(patches), Some(_)) if patches.len() > 1 => {
                let what = format!("one patch with a `target` holds {} documents", patches.len());
                Err(context.fail_with_help(
                    Code::InvalidPatch,
                    arguments.spot,
                    what,
                    "Write one entry of `patches` for each document, or remove `target`",
                ))
            }
            (Patches::Json(_), None) => {
                let what = "a JSON patch needs a `target`";
                Err(context.fail_with_help(
                    Code::InvalidPatch,
                    arguments.spot,
                    what,
                    "Write `target: {kind: ..., name: ...}`",
                ))
            }
            _ => Ok(transformer),
        }
    }
}

/// A patch that is written in the kustomization file. Its places are not those of a file of its own, so
/// all of it stands where the field stands.
pub(crate) fn inline(patch: &Text) -> Source {
    Source::inline(patch.value.trim(), patch.spot)
}

/// What a text is: strategic merge patches, a JSON patch, or nothing.
fn read(source: &Source, spot: Spot, context: &mut Context<'_>) -> Result<Patches> {
    // Both ways are tried without a trace, then the errors are weighed.
    let mut limits = context.limits;
    let as_objects = objects_of(source, &context.schema, &mut limits);
    let as_json = parse_json_patch(source, &mut limits);
    context.limits = limits;
    match (as_objects, as_json) {
        (Ok(patches), Ok(Ok(Some(json)))) if !patches.is_empty() && !json.operations.is_empty() => {
            let what = "this is a strategic merge patch and a JSON patch at once";
            Err(context.fail_with_help(
                Code::InvalidPatch,
                spot,
                what,
                "Write a map for the one or a list for the other",
            ))
        }
        (Ok(patches), _) if patches.is_empty() => Ok(Patches::None),
        (Ok(patches), _) => Ok(Patches::Merge(patches)),
        (Err(_), Ok(Ok(Some(json)))) => Ok(Patches::Json(json)),
        (Err(objects), json) => Err(explain(source, spot, objects, json, context)),
    }
}

/// Reports why a text is no patch, from the side that it looks like.
fn explain(
    source: &Source,
    spot: Spot,
    objects: crate::resources::NotObjects,
    json: Result<Result<Option<JsonPatch>, NotAPatch>, Fault>,
    context: &mut Context<'_>,
) -> Failed {
    match json {
        Err(fault) => source.report(fault, context),
        Ok(Err(not)) if source.looks_like_a_list() => {
            let spot = if not.spot.is_known() { not.spot } else { spot };
            context.fail_with_help(
                Code::InvalidPatch,
                spot,
                not.what,
                "Operations are `add`, `remove`, `replace`, `move`, `copy` and `test`",
            )
        }
        Ok(_) => objects.report(source, context),
    }
}

/// Reads a JSON patch; `None` for an empty text.
pub(crate) fn parse_json_patch(
    source: &Source,
    limits: &mut Limits,
) -> Result<Result<Option<JsonPatch>, NotAPatch>, Fault> {
    if source.bytes.first() == Some(&b'[') {
        return Ok(from_json(source));
    }
    let (node, _) = first_document(&source.bytes, source.file, Dialect::Yaml11, limits)?;
    let Some(node) = node.filter(|node: &Node| !node.is_null()) else { return Ok(Ok(None)) };
    let node = source.placed(node);
    Ok(JsonPatch::parse(&node).map(Some))
}

/// A text that begins with a bracket must be JSON.
fn from_json(source: &Source) -> Result<Option<JsonPatch>, NotAPatch> {
    let start = Spot { file: source.file, line: 1, column: 1 };
    let value = serde_json::from_slice(&source.bytes).map_err(|error| NotAPatch {
        spot: source.placed(Node::null(start)).spot,
        what: format!("a JSON patch that begins with `[` must be JSON, and this is not: {error}"),
    })?;
    JsonPatch::parse(&source.placed(from_value(value, start))).map(Some)
}

impl Transformer for PatchTransformer {
    fn name(&self) -> &'static str {
        "PatchTransformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn is_independent(&self) -> bool {
        true
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        match &self.patches {
            Patches::None => Ok(()),
            Patches::Json(patch) => self.json(patch, set, context),
            Patches::Merge(patches) => match &self.target {
                Some((_, matcher)) => self.selected(&patches[0], matcher, set, context),
                None => self.by_identity(patches, set, context),
            },
        }
    }
}

impl PatchTransformer {
    fn json(
        &self,
        patch: &JsonPatch,
        set: &mut ResourceSet,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let Some((_, matcher)) = &self.target else { return Ok(()) };
        let mut result = Ok(());
        let list = set.list_mut();
        context.step(SELECT_STEPS * list.len() as u64, self.spot)?;
        for resource in
            list.iter_mut().filter(|resource| !resource.deleted && matcher.selects(resource))
        {
            if context.is_spent {
                break;
            }
            resource.remember_id();
            result = result.and(apply_to(resource, patch, true, self.name(), self.spot, context));
        }
        result
    }

    fn selected(
        &self,
        patch: &Resource,
        matcher: &Matcher,
        set: &mut ResourceSet,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let mut result = Ok(());
        context.step(SELECT_STEPS * set.list().len() as u64, self.spot)?;
        for resource in set
            .list_mut()
            .iter_mut()
            .filter(|resource| !resource.deleted && matcher.selects(resource))
        {
            if context.is_spent {
                break;
            }
            let patch = prepare_for_selected(patch, &resource.id.gvk);
            result = result.and(lay_over(
                resource,
                patch,
                self.permissions,
                self.name(),
                self.spot,
                context,
            ));
        }
        if (self.permissions.name || self.permissions.kind)
            && let Some((first, second)) = set.find_conflict()
        {
            let first = context
                .files
                .position(first.origin)
                .map_or_else(String::new, |position| format!(" at {position}"));
            let what = format!("this patch makes {} the same object as the one{first}", second.id);
            return Err(context.fail_with_help(
                Code::DuplicateObject,
                self.spot,
                what,
                "Give the objects different names",
            ));
        }
        result
    }

    fn by_identity(
        &self,
        patches: &[Resource],
        set: &mut ResourceSet,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let (list, index) = set.by_any_id();
        let mut result = Ok(());
        for patch in patches {
            let Ok(number) = find_one(patch, index, list, context) else {
                result = Err(Failed);
                continue;
            };
            let node = patch.node.clone();
            result = result.and(lay_over(
                &mut list[number],
                node,
                self.permissions,
                self.name(),
                patch.origin,
                context,
            ));
            index.add(number, &list[number]);
        }
        result
    }
}
