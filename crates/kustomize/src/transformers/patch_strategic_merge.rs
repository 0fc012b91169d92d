//! Strategic merge patches (`PatchStrategicMergeTransformer`), and how any of them is laid over an object.

use crate::context::{Context, Failed, Result};
use crate::decode::Text;
use crate::error::Code;
use crate::identity::Gvk;
use crate::merge::merge;
use crate::position::Spot;
use crate::resource::{Resource, set_text};
use crate::resource_set::{AnyId, ResourceSet};
use crate::resources::{Source, objects_of};
use crate::transformers::Transformer;
use crate::transformers::replica_count::nearest;
use crate::yaml::{Data, Map, Node, Scalar};

/// All entries of `patchesStrategicMerge`.
#[derive(Debug)]
pub(crate) struct PatchStrategicMergeTransformer {
    patches: Vec<Resource>,
    spot: Spot,
}

/// What a patch may change of an object's identity.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Permissions {
    pub(crate) name: bool,
    pub(crate) kind: bool,
}

impl PatchStrategicMergeTransformer {
    /// Reads all entries: each is a patch, or else the path of a file.
    pub(crate) fn new(
        entries: &[Text],
        inline: Option<&Text>,
        root: &str,
        spot: Spot,
        context: &mut Context<'_>,
    ) -> Result<Self> {
        let mut patches = Vec::new();
        let mut result = Ok(());
        for entry in entries {
            match read_entry(entry, root, context) {
                Ok(found) => patches.extend(found),
                Err(Failed) => result = Err(Failed),
            }
        }
        if let Some(text) = inline {
            let source = Source::inline(&text.value, text.spot);
            patches.extend(load(&source, context)?);
        }
        result?;
        if patches.is_empty() {
            let what = "the patch is empty";
            return Err(context.fail_with_help(
                Code::InvalidPatch,
                spot,
                what,
                "Write apiVersion, kind, metadata.name and what is to change",
            ));
        }
        Ok(Self { patches, spot })
    }
}

fn read_entry(entry: &Text, root: &str, context: &mut Context<'_>) -> Result<Vec<Resource>> {
    let inline = Source::inline(&entry.value, entry.spot);
    let mut limits = context.limits;
    if let Ok(patches) = objects_of(&inline, &context.schema, &mut limits) {
        context.limits = limits;
        return Ok(patches);
    }
    if entry.value.contains('\n') {
        return load(&inline, context);
    }
    let source = Source::file(context.read_named(root, &entry.value, entry.spot)?);
    load(&source, context)
}

fn load(source: &Source, context: &mut Context<'_>) -> Result<Vec<Resource>> {
    let mut limits = context.limits;
    let loaded = objects_of(source, &context.schema, &mut limits);
    context.limits = limits;
    loaded.map_err(|not| not.report(source, context))
}

impl Transformer for PatchStrategicMergeTransformer {
    fn name(&self) -> &'static str {
        "PatchStrategicMergeTransformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn is_independent(&self) -> bool {
        true
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        let (list, index) = set.by_any_id();
        let mut result = Ok(());
        for patch in &self.patches {
            let Ok(number) = find_one(patch, index, list, context) else {
                result = Err(Failed);
                continue;
            };
            let resource = &mut list[number];
            let node = prepare_for_selected(patch, &resource.id.gvk);
            result = result.and(lay_over(
                resource,
                node,
                Permissions::default(),
                self.name(),
                patch.origin,
                context,
            ));
            index.add(number, resource);
        }
        result
    }
}

/// The one object that a patch without target means: by its first identity.
pub(crate) fn find_one(
    patch: &Resource,
    index: &AnyId,
    list: &[Resource],
    context: &mut Context<'_>,
) -> Result<usize> {
    let found = index.find(&patch.id, list);
    match found.as_slice() {
        [number] => Ok(*number),
        [] => {
            let what = format!("no object matches the patch for {}", patch.id);
            let help = no_match_help(patch, list);
            Err(context.fail_with_help(Code::NoMatch, patch.origin, what, help))
        }
        several => {
            let what = format!("{} objects match the patch for {}", several.len(), patch.id);
            Err(context.fail_with_help(
                Code::SeveralMatches,
                patch.origin,
                what,
                "Use `patches` with a `target` that selects one",
            ))
        }
    }
}

/// What of the patch's identity is wrong.
fn no_match_help(patch: &Resource, list: &[Resource]) -> String {
    let id = &patch.id;
    let live = || list.iter().filter(|resource| !resource.deleted);
    let same_kind = || live().filter(|resource| resource.id.gvk.kind == id.gvk.kind);
    if let Some(other) = same_kind().find(|resource| resource.original_name() == &*id.name) {
        if other.id.gvk != id.gvk {
            return format!(
                "There is one with apiVersion `{}`; write the same in the patch",
                other.id.gvk.api_version()
            );
        }
        return format!(
            "There is one in the namespace `{}`; write the same namespace in the patch",
            other.original_namespace()
        );
    }
    let names: Vec<&str> = same_kind().map(Resource::original_name).collect();
    nearest(&id.name, &names).unwrap_or_else(|| {
        "Name the kind and name of an object that is among the resources".to_owned()
    })
}

/// A copy of a patch for an object that was selected: the kind of the object is taken over, labels and
/// annotations become texts.
pub(crate) fn prepare_for_selected(patch: &Resource, gvk: &Gvk) -> Node {
    let mut node = patch.node.clone();
    let kind = patch.id.gvk.kind.clone();
    let spot = patch.origin;
    if let Some(Data::Map(metadata)) = node.get_mut("metadata").map(|metadata| &mut metadata.data) {
        for field in ["labels", "annotations"] {
            stringify(metadata, field);
        }
        if metadata.get("namespace").is_some_and(Node::is_null_or_empty) {
            metadata.remove("namespace");
        }
    }
    if let Data::Map(map) = &mut node.data {
        set_text(map, "apiVersion", &gvk.api_version(), spot);
        set_text(map, "kind", &kind, spot);
    }
    node
}

/// All values of a map become texts; an empty map goes.
pub(crate) fn stringify(metadata: &mut Map, field: &str) {
    let Some(node) = metadata.get_mut(field) else { return };
    let Data::Map(map) = &mut node.data else {
        metadata.remove(field);
        return;
    };
    if map.entries.is_empty() {
        metadata.remove(field);
        return;
    }
    for (_, value) in &mut map.entries {
        *value = Node::scalar(Scalar::string(value.text()), value.spot);
    }
}

/// Merges a patch into an object and restores of its identity what the patch may not change.
pub(crate) fn lay_over(
    resource: &mut Resource,
    patch: Node,
    permissions: Permissions,
    transformer: &'static str,
    spot: Spot,
    context: &mut Context<'_>,
) -> Result<()> {
    context.copy(patch.size(), 0, spot)?;
    if permissions.name || permissions.kind {
        resource.remember_id();
    }
    if removes_annotations(&patch) {
        resource.forget_marks();
    }
    let origin = resource.node.spot;
    let node = std::mem::replace(&mut resource.node, Node::empty_map(origin));
    let schema = context.schema.clone();
    let Some(merged) = merge(node, patch, &resource.id.to_string(), &schema, context)? else {
        resource.deleted = true;
        return Ok(());
    };
    resource.node = merged;
    resource.follow_aliases();
    let (kind, name, namespace) =
        (resource.id.gvk.kind.clone(), resource.id.name.clone(), resource.id.namespace.clone());
    if !permissions.kind {
        resource.set_kind(&kind, Spot::NOWHERE);
    }
    if !permissions.name {
        resource.set_name(&name, Spot::NOWHERE);
    }
    resource.set_namespace(&namespace, Spot::NOWHERE);
    resource.touch(transformer, spot);
    resource.refresh(&context.schema);
    Ok(())
}

/// kustomize keeps an object's history in annotations: a patch that removes them all removes it too.
fn removes_annotations(patch: &Node) -> bool {
    let Some(metadata) = patch.get("metadata") else { return false };
    let replaces = |node: &Node| {
        node.get("$patch").is_some_and(|directive| matches!(directive.text(), "replace" | "delete"))
    };
    let annotations = metadata.get("annotations");
    replaces(patch)
        || replaces(metadata)
        || annotations.is_some_and(|annotations| annotations.is_null() || replaces(annotations))
}
