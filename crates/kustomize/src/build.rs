//! A whole build: the root kustomization, then what happens only at the root.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::accumulate::{Accumulator, Target};
use crate::config::FieldSpec;
use crate::context::{Context, Failed, Result};
use crate::error::{Code, Error, Warning};
use crate::identity::Gvk;
use crate::metadata::{self, Origin};
use crate::object::{Object, Places, Provenance, Touch};
use crate::options::{Options, Order};
use crate::paths::Found;
use crate::position::{Position, Spot};
use crate::resource::Resource;
use crate::transformers::Transformer as _;
use crate::transformers::hash::HashTransformer;
use crate::transformers::label::PairsTransformer;
use crate::transformers::sort_order::{LegacyOrder, sort_as_asked, sort_legacy};
use crate::transformers::{name_reference, ref_var};
use crate::tree::Tree;
use crate::yaml::json::into_value;
use crate::{kustomization, openapi};

/// The version of kustomize that builds are equal to.
pub const KUSTOMIZE_VERSION: &str = "v5.8.1";

/// Annotation of objects that serve the build and are not part of it.
const LOCAL: &str = "config.kubernetes.io/local-config";

/// What came of a build.
#[derive(Debug)]
pub struct Outcome {
    /// The objects, or every independent error that was found, sorted by file and line.
    pub result: std::result::Result<Build, Vec<Error>>,
    /// Every path that was read, listed, or looked for and not found. A later tree in which all of
    /// these are the same builds to the same result.
    pub looked_at: BTreeSet<String>,
    /// Deprecated fields and the like, sorted by file and line.
    pub warnings: Vec<Warning>,
}

/// A successful build.
#[derive(Debug, Clone)]
pub struct Build {
    /// The objects in build order.
    pub objects: Vec<Object>,
}

/// Builds the kustomization in the folder `path` of `tree`; the root of the tree is the empty path.
///
/// The result depends on the arguments alone: there is no clock, no environment, no network, no file
/// system and no state between builds. Builds may run in parallel.
///
/// ```
/// use kustomize::{MemoryTree, Options, build};
///
/// let tree = MemoryTree::from_iter([
///     ("k8s/kustomization.yaml", "namePrefix: dev-\nresources: [service.yaml]\n"),
///     ("k8s/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"),
/// ]);
/// let outcome = build(&tree, "k8s", &Options::default());
/// let objects = outcome.result.unwrap().objects;
/// assert_eq!(objects[0].value()["metadata"]["name"], "dev-web");
/// assert_eq!(objects[0].position(&["metadata", "name"]).unwrap().to_string(), "k8s/service.yaml:3:18");
/// ```
pub fn build(tree: &dyn Tree, path: &str, options: &Options) -> Outcome {
    let mut context = Context::new(tree, options);
    let built = run(path, &mut context);
    let result = match built {
        Ok(objects) if context.errors.is_empty() => Ok(Build { objects }),
        _ => Err(sorted_errors(std::mem::take(&mut context.errors))),
    };
    let mut warnings = context.warnings;
    warnings.sort_by(|a, b| a.position.cmp(&b.position));
    warnings.dedup();
    Outcome { result, looked_at: context.looked_at, warnings }
}

/// By file and line, each once: a base under two overlays is looked at twice.
fn sorted_errors(mut errors: Vec<Error>) -> Vec<Error> {
    errors.sort_by(|a, b| (&a.position, a.code, &a.what).cmp(&(&b.position, b.code, &b.what)));
    errors.dedup();
    if errors.is_empty() {
        // Whoever fails reports why; this line speaks up if somebody forgets.
        let what = "the build failed without saying why".to_owned();
        errors.push(Error { code: Code::TreeFailed, position: None, what, help: None });
    }
    errors
}

fn run(path: &str, context: &mut Context<'_>) -> Result<Vec<Object>> {
    let named_at = Spot::of_file(context.files.add(if path.is_empty() { "." } else { path }));
    let root = match context.find("", if path.is_empty() { "." } else { path }, named_at)? {
        Found::Folder(root) => root,
        Found::File(..) => {
            let what = format!("`{path}` is a file, and a build starts at a folder");
            return Err(context.fail_with_help(
                Code::NotAFolder,
                named_at,
                what,
                "Name the folder of the kustomization.yaml",
            ));
        }
        Found::Nothing(missing) => return Err(context.missing("", path, &missing, named_at)),
    };
    context.kustomizations += 1;
    let kustomization = kustomization::load(context, &root, named_at)?;
    openapi::load(&kustomization, &root, context)?;
    let origin = (!kustomization.build_metadata.is_empty()).then(Origin::default);
    let target = Target { root, kustomization, origin, above: None };
    let mut accumulator = Accumulator::default();
    target.accumulate(&mut accumulator, context)?;
    finish(&target, accumulator, context)
}

/// What happens only at the root, in order.
fn finish(
    target: &Target<'_>,
    mut accumulator: Accumulator,
    context: &mut Context<'_>,
) -> Result<Vec<Object>> {
    HashTransformer.transform(&mut accumulator.set, context)?;
    name_reference::fix(&mut accumulator.set, &accumulator.config.tables(), context)?;
    ref_var::resolve_all(&mut accumulator, context)?;
    refuse_nameless(accumulator.set.list(), context)?;
    accumulator
        .set
        .list_mut()
        .retain(|resource| resource.annotation(LOCAL).is_none_or(|value| value == "false"));
    sort(target, &mut accumulator, context)?;
    let asked =
        |option: &str| target.kustomization.build_metadata.iter().any(|own| own.value == option);
    if context.options.managed_by_label || asked("managedByLabel") {
        let pairs = vec![(
            "app.kubernetes.io/managed-by".to_owned(),
            format!("kustomize-{KUSTOMIZE_VERSION}"),
        )];
        let fields = vec![FieldSpec::new(Gvk::default(), "metadata/labels", true)];
        let label =
            PairsTransformer { name: "LabelTransformer", pairs, fields, spot: target.file_spot() };
        label.transform(&mut accumulator.set, context)?;
    }
    let (origins, transformations) = (asked("originAnnotations"), asked("transformerAnnotations"));
    let mut list = accumulator.set.into_list();
    for resource in &mut list {
        metadata::finish(resource, origins, transformations);
    }
    objects(list, context)
}

fn sort(
    target: &Target<'_>,
    accumulator: &mut Accumulator,
    context: &mut Context<'_>,
) -> Result<()> {
    match (&target.kustomization.sort_options, context.options.order) {
        (Some(options), _) => sort_as_asked(accumulator.set.list_mut(), options, context)?,
        (None, Order::Fifo) => return Ok(()),
        (None, Order::Legacy) => sort_legacy(accumulator.set.list_mut(), &LegacyOrder::default()),
    }
    let Some((first, second)) = accumulator.set.find_conflict() else { return Ok(()) };
    let first = context
        .files
        .position(first.origin)
        .map_or_else(String::new, |position| format!(" at {position}"));
    let what = format!("{} has become the same object as the one{first}", second.id);
    Err(context.fail_with_help(Code::DuplicateObject, second.origin, what, "Rename one of the two"))
}

/// A patch may have removed what every object needs.
fn refuse_nameless(list: &[Resource], context: &mut Context<'_>) -> Result<()> {
    let mut result = Ok(());
    for resource in list.iter().filter(|resource| !resource.deleted) {
        let (kind, name) = (&*resource.id.gvk.kind, &*resource.id.name);
        if !kind.is_empty() && (!name.is_empty() || kind.ends_with("List")) {
            continue;
        }
        let (code, field) = if kind.is_empty() {
            (Code::MissingKind, "kind")
        } else {
            (Code::MissingName, "metadata.name")
        };
        let what = format!(
            "a patch has taken away the `{field}` of this object, {}",
            resource.original_name()
        );
        result = Err(context.fail_with_help(code, resource.origin, what, "Correct the patch"));
    }
    result
}

/// The finished values with their places.
fn objects(list: Vec<Resource>, context: &mut Context<'_>) -> Result<Vec<Object>> {
    let files = Arc::new(context.files.clone());
    let mut objects = Vec::with_capacity(list.len());
    let mut result = Ok(());
    for resource in list {
        let position = |spot: Spot| files.position(spot).unwrap_or_else(|| Position::of_file(""));
        let touched_by = resource
            .touched
            .iter()
            .map(|(transformer, spot)| Touch {
                transformer: Arc::from(*transformer),
                position: position(*spot),
            })
            .collect();
        let provenance = Provenance {
            origin: position(resource.origin),
            document: resource.document,
            generator: resource.generator.map(Arc::from),
            touched_by,
        };
        let mut nodes = Vec::new();
        match into_value(resource.node, &mut nodes) {
            Ok(value) => {
                let places = Places { files: files.clone(), nodes: nodes.into_boxed_slice() };
                objects.push(Object::new(value, provenance, places));
            }
            Err(fault) => {
                context.fail_as_json(fault, resource.origin);
                result = Err(Failed);
            }
        }
    }
    result.map(|()| objects)
}

/// The objects as one YAML text, in the form of `kustomize build`.
pub fn to_yaml<'o>(objects: impl IntoIterator<Item = &'o Object>) -> String {
    let mut text = String::new();
    for (number, object) in objects.into_iter().enumerate() {
        if number > 0 {
            text.push_str("---\n");
        }
        text.push_str(&crate::yaml::emit::document(object.value()));
    }
    text
}
