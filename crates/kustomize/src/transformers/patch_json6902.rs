//! JSON patches (`PatchJson6902Transformer`), which run late, and how any of them is applied.

use crate::arguments::Selector;
use crate::context::{Context, Result};
use crate::decode::Text;
use crate::error::Code;
use crate::json_patch::JsonPatch;
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::resources::Source;
use crate::selector::{Matcher, SELECT_STEPS};
use crate::transformers::Transformer;
use crate::transformers::patch::{inline, parse_json_patch};
use crate::yaml::Node;

/// One entry of `patchesJson6902`.
#[derive(Debug)]
pub(crate) struct PatchJson6902Transformer {
    patch: JsonPatch,
    target: Matcher,
    spot: Spot,
}

impl PatchJson6902Transformer {
    /// Reads an entry and the file that it names.
    pub(crate) fn new(
        target: Option<&Selector>,
        path: Option<&Text>,
        operations: Option<&Text>,
        root: &str,
        spot: Spot,
        context: &mut Context<'_>,
    ) -> Result<Self> {
        let Some(target) = target.filter(|target| !target.name.is_empty()) else {
            let what = "a JSON patch needs a `target` with a `name`";
            return Err(context.fail_with_help(
                Code::InvalidPatch,
                spot,
                what,
                "Write `target: {version: v1, kind: ..., name: ...}`",
            ));
        };
        let matcher = Matcher::new(target, context)?;
        let source = match (operations, path) {
            (Some(text), None) => inline(text),
            (None, Some(path)) => Source::file(context.read_named(root, &path.value, path.spot)?),
            (Some(_), Some(_)) => {
                return Err(context.fail_with_help(
                    Code::InvalidPatch,
                    spot,
                    "a patch has both `path` and `patch`",
                    "Keep one of them",
                ));
            }
            (None, None) => {
                let what = "a patch has neither `path` nor `patch`";
                return Err(context.fail_with_help(
                    Code::InvalidPatch,
                    spot,
                    what,
                    "Name a file in `path` or write the patch in `patch`",
                ));
            }
        };
        let mut limits = context.limits;
        let parsed = parse_json_patch(&source, &mut limits);
        context.limits = limits;
        let patch = match parsed {
            Err(fault) => return Err(source.report(fault, context)),
            Ok(Err(not)) => {
                let spot = if not.spot.is_known() { not.spot } else { spot };
                return Err(context.fail_with_help(
                    Code::InvalidPatch,
                    spot,
                    not.what,
                    "Write a list of operations",
                ));
            }
            Ok(Ok(patch)) => patch.filter(|patch| !patch.operations.is_empty()),
        };
        match patch {
            Some(patch) => Ok(Self { patch, target: matcher, spot }),
            None => Err(context.fail_with_help(
                Code::InvalidPatch,
                spot,
                "the patch is empty",
                "Write a list of operations",
            )),
        }
    }
}

impl Transformer for PatchJson6902Transformer {
    fn name(&self) -> &'static str {
        "PatchJson6902Transformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn is_independent(&self) -> bool {
        true
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        let mut result = Ok(());
        context.step(SELECT_STEPS * set.list().len() as u64, self.spot)?;
        for resource in set
            .list_mut()
            .iter_mut()
            .filter(|resource| !resource.deleted && self.target.selects(resource))
        {
            if context.is_spent {
                break;
            }
            result =
                result.and(apply_to(resource, &self.patch, false, self.name(), self.spot, context));
        }
        result
    }
}

/// Applies a JSON patch to one object. Where kustomize keeps its marks in annotations, the map for them
/// is there even if the object had none.
pub(crate) fn apply_to(
    resource: &mut Resource,
    patch: &JsonPatch,
    is_marked: bool,
    transformer: &'static str,
    spot: Spot,
    context: &mut Context<'_>,
) -> Result<()> {
    if is_marked || resource.carries_marks() {
        let origin = resource.node.spot;
        if let Some(metadata) = resource.metadata_mut() {
            let annotations =
                metadata.get_or_insert_with("annotations", || Node::empty_map(origin));
            if annotations.is_null() {
                *annotations = Node::empty_map(origin);
            }
        }
    }
    let name = resource.id.to_string();
    patch.apply(&mut resource.node, &name, context)?;
    // The object has been through JSON: nothing is one node in two places any more.
    resource.aliases.clear();
    resource.touch(transformer, spot);
    resource.refresh(&context.schema);
    Ok(())
}
