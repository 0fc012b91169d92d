//! The built-in objects of `generators`, `transformers` and `validators`.

use crate::absorb::Generated;
use crate::accumulate::{Accumulator, Step, Target, run};
use crate::arguments::ImageArguments;
use crate::config::FieldSpec;
use crate::context::{Context, Failed, Result};
use crate::decode::{Decoder, Text};
use crate::error::Code;
use crate::generators::config_map::{self, Kind};
use crate::generators::iam_policy;
use crate::metadata::Origin;
use crate::resource::Resource;
use crate::resources::{Source, objects_of};
use crate::transformers::Transformer;
use crate::transformers::annotations::annotations;
use crate::transformers::hash::HashTransformer;
use crate::transformers::image_tag::ImageTagTransformer;
use crate::transformers::label::PairsTransformer;
use crate::transformers::namespace::{NamespaceTransformer, Subjects};
use crate::transformers::patch::PatchTransformer;
use crate::transformers::patch_json6902::PatchJson6902Transformer;
use crate::transformers::patch_strategic_merge::PatchStrategicMergeTransformer;
use crate::transformers::prefix::{AffixTransformer, Side};
use crate::transformers::replacement::ReplacementTransformer;
use crate::transformers::replica_count::ReplicaCountTransformer;
use crate::transformers::suffix::suffix;
use crate::transformers::value_add::ValueAddTransformer;
use crate::yaml::json::to_value;
use crate::yaml::{Data, Node};

/// The label that a validator may set.
const VALIDATED_BY: &str = "validated-by";

/// The objects that entries name: inline, or files and folders. Inline ones come first.
fn objects(
    target: &Target<'_>,
    entries: &[Text],
    context: &mut Context<'_>,
) -> Result<Vec<Resource>> {
    let mut found = Accumulator::default();
    let mut paths = Vec::new();
    for entry in entries {
        let source = Source::inline(&entry.value, entry.spot);
        let mut limits = context.limits;
        let parsed = objects_of(&source, &context.schema, &mut limits);
        context.limits = limits;
        match parsed {
            Ok(mut objects) => {
                if let Some(origin) = &target.origin {
                    let origin = origin.append(&target.kustomization.file_name);
                    for object in &mut objects {
                        origin.annotate(object);
                    }
                }
                found.set.append_all(objects, context)?;
            }
            Err(not) if entry.value.contains('\n') => {
                not.report(&source, context);
            }
            Err(_) => paths.push(entry),
        }
    }
    for path in paths {
        // What failed is in the report.
        let _ = target.resource(path, &mut found, context);
    }
    if context.has_failed() { Err(Failed) } else { Ok(found.set.into_list()) }
}

fn is_builtin(resource: &Resource) -> bool {
    resource.id.gvk.group.is_empty() && &*resource.id.gvk.version == "builtin"
}

fn refuse(resource: &Resource, wanted: &str, context: &mut Context<'_>) -> Failed {
    let kind = &resource.id.gvk.kind;
    let spot = resource.origin;
    if !is_builtin(resource) || &**kind == "HelmChartInflationGenerator" {
        let what = format!("`{kind}` would run an external program, and a build executes nothing");
        let help = "Use a built-in generator or transformer (`apiVersion: builtin`), or commit the result as a resource";
        return context.fail_with_help(Code::Executable, spot, what, help);
    }
    let what = format!("there is no built-in {wanted} `{kind}`");
    context.fail_with_help(
        Code::InvalidValue,
        spot,
        what,
        format!("Correct the kind, or use a kind that is a {wanted}"),
    )
}

/// What the objects of `generators` make.
pub(crate) fn generate(target: &Target<'_>, context: &mut Context<'_>) -> Result<Vec<Generated>> {
    let mut generated = Vec::new();
    for object in objects(target, &target.kustomization.generators, context)? {
        let kind = if is_builtin(&object) { &*object.id.gvk.kind } else { "" };
        let resource = match kind {
            "ConfigMapGenerator" => from_arguments(target, &object, Kind::ConfigMap, context)?,
            "SecretGenerator" => from_arguments(target, &object, Kind::Secret, context)?,
            "IAMPolicyGenerator" => iam_policy::generate(&object.node, context)?,
            _ => return Err(refuse(&object, "generator", context)),
        };
        generated.push(Generated { resource, origin: Origin::configured_by_object(&object) });
    }
    Ok(generated)
}

fn from_arguments(
    target: &Target<'_>,
    object: &Resource,
    kind: Kind,
    context: &mut Context<'_>,
) -> Result<Resource> {
    let errors = context.errors.len();
    let mut arguments =
        Decoder::of_plugin(context).generator(&object.node, kind.generator(), kind == Kind::Secret);
    if context.errors.len() > errors {
        return Err(Failed);
    }
    if arguments.name.is_empty() {
        arguments.name = object.id.name.to_string();
    }
    if arguments.namespace.is_empty() {
        arguments.namespace = object.id.namespace.to_string();
    }
    config_map::generate(kind, &arguments, None, &target.root, context)
}

/// The transformers that the objects of `transformers` or `validators` describe.
pub(crate) fn transformers(
    target: &Target<'_>,
    entries: &[Text],
    context: &mut Context<'_>,
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for object in objects(target, entries, context)? {
        let origin = Origin::configured_by_object(&object);
        let errors = context.errors.len();
        let described = describe(target, &object, context)?;
        if context.errors.len() > errors {
            return Err(Failed);
        }
        let last = described.len().saturating_sub(1);
        for (number, transformer) in described.into_iter().enumerate() {
            steps.push(Step { transformer, origin: origin.clone().filter(|_| number == last) });
        }
    }
    Ok(steps)
}

/// The fields that many transformer objects share.
#[derive(Default)]
struct Common {
    fields: Vec<FieldSpec>,
    has_fields: bool,
    pairs: Vec<(String, String)>,
    prefix: String,
    suffix: String,
}

fn common(decoder: &mut Decoder<'_, '_>, node: &Node, what: &str) -> Common {
    let mut common = Common::default();
    for (name, _, value) in
        decoder.fields(node, what, &["fieldSpecs", "labels", "annotations", "prefix", "suffix"])
    {
        match name {
            "fieldSpecs" => {
                common.fields = decoder.field_specs(value, name);
                common.has_fields = true;
            }
            "prefix" => common.prefix = decoder.text(value, name).value,
            "suffix" => common.suffix = decoder.text(value, name).value,
            _ => common.pairs = decoder.pairs(value, name).value,
        }
    }
    common
}

fn one(transformer: impl Transformer + 'static) -> Vec<Box<dyn Transformer>> {
    vec![Box::new(transformer)]
}

fn describe(
    target: &Target<'_>,
    object: &Resource,
    context: &mut Context<'_>,
) -> Result<Vec<Box<dyn Transformer>>> {
    let kind = if is_builtin(object) { object.id.gvk.kind.clone() } else { "".into() };
    let (node, spot, root) = (&object.node, object.origin, target.root.as_str());
    let mut decoder = Decoder::of_plugin(context);
    let what = format!("a {kind}");
    Ok(match &*kind {
        "AnnotationsTransformer" => {
            let common = common(&mut decoder, node, &what);
            one(annotations(common.pairs, common.fields, spot))
        }
        "LabelTransformer" => {
            let common = common(&mut decoder, node, &what);
            one(PairsTransformer {
                name: "LabelTransformer",
                pairs: common.pairs,
                fields: common.fields,
                spot,
            })
        }
        "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
            let common = common(&mut decoder, node, &what);
            if !common.has_fields {
                return decoder.fail(
                    Code::InvalidValue,
                    spot,
                    format!("{what} without `fieldSpecs`"),
                    "Write `fieldSpecs: [{path: metadata/name}]`",
                );
            }
            let mut affixes: Vec<Box<dyn Transformer>> = Vec::new();
            if &*kind != "SuffixTransformer" {
                affixes.push(Box::new(AffixTransformer {
                    side: Side::Front,
                    affix: common.prefix,
                    fields: common.fields.clone(),
                    spot,
                }));
            }
            if &*kind != "PrefixTransformer" {
                affixes.push(Box::new(suffix(common.suffix, common.fields, spot)));
            }
            affixes
        }
        "NamespaceTransformer" => one(namespace(&mut decoder, object, &what)?),
        "HashTransformer" => one(HashTransformer),
        "ImageTagTransformer" => {
            let (mut image, mut fields) = (ImageArguments::default(), Vec::new());
            for (name, _, value) in decoder.fields(node, &what, &["imageTag", "fieldSpecs"]) {
                match name {
                    "imageTag" => image = decoder.image(value),
                    _ => fields = decoder.field_specs(value, name),
                }
            }
            one(ImageTagTransformer { image, fields, spot })
        }
        "ReplicaCountTransformer" => {
            let (mut replica, mut fields) =
                (crate::arguments::ReplicaArguments::default(), Vec::new());
            for (name, _, value) in decoder.fields(node, &what, &["replica", "fieldSpecs"]) {
                match name {
                    "replica" => replica = decoder.replica(value),
                    _ => fields = decoder.field_specs(value, name),
                }
            }
            one(ReplicaCountTransformer { replica, fields, spot })
        }
        "PatchTransformer" => {
            let arguments = decoder.patch(node, &what);
            one(PatchTransformer::new(&arguments, root, context)?)
        }
        "PatchJson6902Transformer" => {
            let (mut selector, mut path, mut operations) = (None, None, None);
            for (name, _, value) in decoder.fields(node, &what, &["target", "path", "jsonOp"]) {
                match name {
                    "target" => selector = Some(decoder.selector(value, "the target of a patch")),
                    "path" => path = decoder.optional_text(value, name),
                    _ => operations = decoder.optional_text(value, name),
                }
            }
            one(PatchJson6902Transformer::new(
                selector.as_ref(),
                path.as_ref(),
                operations.as_ref(),
                root,
                spot,
                context,
            )?)
        }
        "PatchStrategicMergeTransformer" => {
            let (mut paths, mut patches) = (Vec::new(), None);
            for (name, _, value) in decoder.fields(node, &what, &["paths", "patches"]) {
                match name {
                    "paths" => paths = decoder.texts(value, name),
                    _ => patches = decoder.optional_text(value, name),
                }
            }
            one(PatchStrategicMergeTransformer::new(&paths, patches.as_ref(), root, spot, context)?)
        }
        "ReplacementTransformer" => {
            let mut replacements = Vec::new();
            for (name, _, value) in decoder.fields(node, &what, &["replacements"]) {
                replacements = decoder
                    .list(value, name)
                    .iter()
                    .map(|node| decoder.replacement_field(node))
                    .collect();
            }
            one(ReplacementTransformer::new(&replacements, root, spot, context)?)
        }
        "ValueAddTransformer" => one(ValueAddTransformer::new(node, root, context)?),
        _ => return Err(refuse(object, "transformer", context)),
    })
}

fn namespace(
    decoder: &mut Decoder<'_, '_>,
    object: &Resource,
    what: &str,
) -> Result<NamespaceTransformer> {
    let mut transformer = NamespaceTransformer {
        namespace: object.id.namespace.to_string(),
        fields: Vec::new(),
        unset_only: false,
        subjects: Subjects::default(),
        spot: object.origin,
    };
    for (name, _, value) in
        decoder.fields(&object.node, what, &["fieldSpecs", "unsetOnly", "setRoleBindingSubjects"])
    {
        match name {
            "fieldSpecs" => transformer.fields = decoder.field_specs(value, name),
            "unsetOnly" => transformer.unset_only = decoder.boolean(value, name),
            _ => {
                let mode = decoder.text(value, name);
                transformer.subjects = match mode.value.as_str() {
                    "" | "defaultOnly" => Subjects::DefaultOnly,
                    "allServiceAccounts" => Subjects::AllServiceAccounts,
                    "none" => Subjects::None,
                    other => {
                        let what = format!("`setRoleBindingSubjects: {other}` is not known");
                        return decoder.fail(
                            Code::InvalidValue,
                            mode.spot,
                            what,
                            "Write `defaultOnly`, `allServiceAccounts` or `none`",
                        );
                    }
                };
            }
        }
    }
    Ok(transformer)
}

/// Runs validators, which may set a label of theirs and nothing else.
pub(crate) fn validate(
    validators: Vec<Step>,
    into: &mut Accumulator,
    context: &mut Context<'_>,
) -> Result<()> {
    for validator in validators {
        let (spot, name) = (validator.transformer.spot(), validator.transformer.name());
        let nodes: usize = into.set.list().iter().map(|resource| resource.node.size().nodes).sum();
        context.step(4 * nodes as u64, spot)?;
        let before = snapshot(into);
        run(vec![Step { transformer: validator.transformer, origin: None }], into, false, context)?;
        if before != snapshot(into) {
            let what = format!("the validator {name} changes objects");
            return Err(context.fail_with_help(
                Code::ValidatorChanged,
                spot,
                what,
                "Name it under `transformers` if that is what it should do",
            ));
        }
    }
    Ok(())
}

/// All objects as values, without the label of validators.
fn snapshot(accumulator: &Accumulator) -> Vec<Option<serde_json::Value>> {
    let without_label = |resource: &Resource| {
        let mut node = resource.node.clone();
        if let Some(Data::Map(labels)) = node
            .get_mut("metadata")
            .and_then(|metadata| metadata.get_mut("labels"))
            .map(|labels| &mut labels.data)
        {
            labels.remove(VALIDATED_BY);
        }
        to_value(&node).ok()
    };
    accumulator.set.list().iter().map(without_label).collect()
}
