//! A kustomization file: finding it, reading it, and what it says.

use crate::arguments::{
    GeneratorArguments, GeneratorOptions, ImageArguments, LabelArguments, PatchArguments,
    ReplicaArguments, Variable,
};
use crate::context::{Context, Failed, Result};
use crate::decode::{Decoder, Located, Pairs, Text};
use crate::error::Code;
use crate::files::SourceFile;
use crate::paths::Found;
use crate::position::Spot;
use crate::replacements::ReplacementField;
use crate::transformers::sort_order::{LegacyOrder, SortOptions};
use crate::yaml::load::first_document;
use crate::yaml::{Dialect, Node};

/// The names that a kustomization file may have.
pub(crate) const FILE_NAMES: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a kustomization file says.
#[derive(Debug, Default)]
pub(crate) struct Kustomization {
    /// Name of the file in its folder.
    pub(crate) file_name: String,
    /// The file as a whole, for errors about nothing in it.
    pub(crate) spot: Option<Spot>,
    pub(crate) is_component: bool,
    pub(crate) resources: Vec<Text>,
    pub(crate) components: Vec<Text>,
    pub(crate) configurations: Vec<Text>,
    pub(crate) crds: Vec<Text>,
    pub(crate) generators: Vec<Text>,
    pub(crate) transformers: Vec<Text>,
    pub(crate) validators: Vec<Text>,
    pub(crate) openapi_path: Option<Text>,
    pub(crate) openapi_version: Option<Text>,
    pub(crate) name_prefix: Option<Text>,
    pub(crate) name_suffix: Option<Text>,
    pub(crate) namespace: Option<Text>,
    pub(crate) common_labels: Option<Pairs>,
    pub(crate) labels: Vec<LabelArguments>,
    pub(crate) common_annotations: Option<Pairs>,
    pub(crate) patches_strategic_merge: Vec<Text>,
    pub(crate) patches_json6902: Vec<PatchArguments>,
    pub(crate) patches: Vec<PatchArguments>,
    pub(crate) images: Vec<ImageArguments>,
    pub(crate) replicas: Vec<ReplicaArguments>,
    pub(crate) replacements: Vec<ReplacementField>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) config_map_generator: Vec<GeneratorArguments>,
    pub(crate) secret_generator: Vec<GeneratorArguments>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) build_metadata: Vec<Text>,
}

/// All fields of a kustomization file, for strictness and suggestions.
const FIELDS: [&str; 34] = [
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// Fields that work and that kustomize asks to replace.
const DEPRECATED: [(&str, &str); 6] = [
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("imageTags", "images"),
    ("patchesJson6902", "patches"),
    ("patchesStrategicMerge", "patches"),
    ("vars", "replacements"),
];

/// Reads the kustomization file of the folder `root`. `named_at` is where the folder was named.
pub(crate) fn load(context: &mut Context<'_>, root: &str, named_at: Spot) -> Result<Kustomization> {
    let source = read(context, root, named_at)?;
    let (name, source) = source;
    let mut limits = context.limits;
    let loaded = first_document(&source.bytes, source.file, Dialect::Yaml11, &mut limits);
    context.limits = limits;
    let (node, unread) = loaded.map_err(|fault| context.fail_in_text(source.file, fault))?;
    let file = Spot::of_file(source.file);
    let Some(node) = node.filter(|node| !node.is_null_or_empty()) else {
        return Err(empty(context, root, file));
    };
    for fault in unread {
        let spot = Spot { file: source.file, line: fault.line, column: fault.column };
        context.warn(spot, fault.what, fault.help.unwrap_or_default());
    }
    let errors_before = context.errors.len();
    let mut kustomization =
        Kustomization { file_name: name, spot: Some(file), ..Kustomization::default() };
    let says_something = decode(context, &node, &mut kustomization);
    if context.errors.len() > errors_before {
        return Err(Failed);
    }
    if says_something { Ok(kustomization) } else { Err(empty(context, root, file)) }
}

/// Finds the one kustomization file of a folder.
fn read(context: &mut Context<'_>, root: &str, named_at: Spot) -> Result<(String, SourceFile)> {
    let mut found = Vec::new();
    for name in FILE_NAMES {
        if let Found::File(real, size) = context.find(root, name, named_at)? {
            context.check_fence(root, name, &real, named_at)?;
            found.push((name, real, size));
        }
    }
    let folder = if root.is_empty() { "the root of the tree" } else { root };
    match found.as_slice() {
        [(name, real, size)] => Ok(((*name).to_owned(), context.read(real, *size, named_at)?)),
        [] => {
            let help = suggest_kustomization(context, root);
            let what = format!("no kustomization.yaml in {folder}");
            Err(context.fail_with_help(Code::MissingKustomization, named_at, what, help))
        }
        [(first, ..), (second, ..), ..] => {
            let what = format!("{folder} has both {first} and {second}");
            Err(context.fail_with_help(
                Code::SeveralKustomizations,
                named_at,
                what,
                "Keep one of them",
            ))
        }
    }
}

/// A kustomization file that lists what is in the folder.
fn suggest_kustomization(context: &mut Context<'_>, root: &str) -> String {
    context.looked_at.insert(root.to_owned());
    let mut names = context.tree.list(root).unwrap_or_default();
    names.sort();
    let is_manifest = |name: &String| {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let is_yaml =
            extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml");
        is_yaml && !stem.eq_ignore_ascii_case("kustomization")
    };
    let manifests: Vec<String> = names.into_iter().filter(is_manifest).collect();
    let file = if root.is_empty() {
        "kustomization.yaml".to_owned()
    } else {
        format!("{root}/kustomization.yaml")
    };
    if manifests.is_empty() {
        return format!(
            "Write {file} with a line `resources: [FILE.yaml]`, or name another folder"
        );
    }
    format!("Write {file} with the line `resources: [{}]`", manifests.join(", "))
}

fn empty(context: &mut Context<'_>, root: &str, file: Spot) -> Failed {
    let help = suggest_kustomization(context, root);
    context.fail_with_help(Code::EmptyKustomization, file, "kustomization.yaml is empty", help)
}

/// Fills in all fields; tells whether there were any but apiVersion and kind.
fn decode(context: &mut Context<'_>, node: &Node, into: &mut Kustomization) -> bool {
    let mut decoder = Decoder::strict(context);
    let (mut kind, mut api_version) = (None, None);
    let (mut bases, mut image_tags) = (Vec::new(), Vec::new());
    let mut says_something = false;
    for (name, key, value) in decoder.fields(node, "the kustomization", &FIELDS) {
        says_something |= !matches!(name, "apiVersion" | "kind")
            && value.as_scalar().is_none_or(|scalar| !scalar.text.is_empty());
        if let Some((_, instead)) = DEPRECATED.iter().find(|(deprecated, _)| *deprecated == name) {
            decoder.context.warn(
                key.spot,
                format!("`{name}` is deprecated"),
                format!("Use `{instead}` instead"),
            );
        }
        match name {
            "apiVersion" => api_version = decoder.optional_text(value, name),
            "kind" => kind = decoder.optional_text(value, name),
            "metadata" => {
                decoder.fields(value, "metadata", &["name", "namespace", "labels", "annotations"]);
            }
            "openapi" => {
                let pairs = decoder.fields(value, "openapi", &["path", "version"]);
                for (field, _, value) in pairs {
                    let text = Some(decoder.text(value, field));
                    if field == "path" {
                        into.openapi_path = text;
                    } else {
                        into.openapi_version = text;
                    }
                }
            }
            "namePrefix" => into.name_prefix = decoder.optional_text(value, name),
            "nameSuffix" => into.name_suffix = decoder.optional_text(value, name),
            "namespace" => into.namespace = decoder.optional_text(value, name),
            "commonLabels" => into.common_labels = Some(decoder.pairs(value, name)),
            "labels" => {
                into.labels =
                    decoder.list(value, name).iter().map(|node| decoder.label(node)).collect();
            }
            "commonAnnotations" => into.common_annotations = Some(decoder.pairs(value, name)),
            "patchesStrategicMerge" => into.patches_strategic_merge = decoder.texts(value, name),
            "patchesJson6902" => {
                into.patches_json6902 = decoder
                    .list(value, name)
                    .iter()
                    .map(|node| decoder.patch(node, "a patch"))
                    .collect();
            }
            "patches" => {
                into.patches = decoder
                    .list(value, name)
                    .iter()
                    .map(|node| decoder.patch(node, "a patch"))
                    .collect();
            }
            "images" => {
                into.images =
                    decoder.list(value, name).iter().map(|node| decoder.image(node)).collect();
            }
            "imageTags" => {
                image_tags =
                    decoder.list(value, name).iter().map(|node| decoder.image(node)).collect();
            }
            "replacements" => {
                into.replacements = decoder
                    .list(value, name)
                    .iter()
                    .map(|node| decoder.replacement_field(node))
                    .collect();
            }
            "replicas" => {
                into.replicas =
                    decoder.list(value, name).iter().map(|node| decoder.replica(node)).collect();
            }
            "vars" => {
                into.variables =
                    decoder.list(value, name).iter().map(|node| decoder.variable(node)).collect();
            }
            "sortOptions" => into.sort_options = Some(sort_options(&mut decoder, value)),
            "resources" => into.resources = decoder.texts(value, name),
            "components" => into.components = decoder.texts(value, name),
            "crds" => into.crds = decoder.texts(value, name),
            "bases" => bases = decoder.texts(value, name),
            "configMapGenerator" => {
                let list = decoder.list(value, name);
                into.config_map_generator = list
                    .iter()
                    .map(|node| decoder.generator(node, "a configMapGenerator", false))
                    .collect();
            }
            "secretGenerator" => {
                let list = decoder.list(value, name);
                into.secret_generator = list
                    .iter()
                    .map(|node| decoder.generator(node, "a secretGenerator", true))
                    .collect();
            }
            "helmCharts" | "helmChartInflationGenerator"
                if value.as_list().is_none_or(|list| !list.is_empty()) =>
            {
                decoder.context.fail_with_help(
                    Code::Executable,
                    key.spot,
                    format!("`{name}` would run Helm, and a build executes nothing"),
                    "Render the chart with `helm template` and commit the result as a resource",
                );
            }
            "generatorOptions" => into.generator_options = Some(decoder.generator_options(value)),
            "configurations" => into.configurations = decoder.texts(value, name),
            "generators" => into.generators = decoder.texts(value, name),
            "transformers" => into.transformers = decoder.texts(value, name),
            "validators" => into.validators = decoder.texts(value, name),
            "buildMetadata" => into.build_metadata = decoder.texts(value, name),
            _ => {}
        }
    }
    into.resources.extend(bases);
    into.images.extend(image_tags);
    check_kind(context, kind.as_ref(), api_version.as_ref(), into);
    says_something
}

fn check_kind(
    context: &mut Context<'_>,
    kind: Option<&Text>,
    api_version: Option<&Text>,
    into: &mut Kustomization,
) {
    let kind_text = kind.map_or("Kustomization", |kind| kind.value.as_str());
    into.is_component = kind_text == "Component";
    if let Some(Located { value, spot }) =
        kind.filter(|kind| !matches!(kind.value.as_str(), "Kustomization" | "Component"))
    {
        let what = format!("`kind: {value}` in a kustomization file");
        context.fail_with_help(Code::InvalidValue, *spot, what, "Write `kind: Kustomization` or `kind: Component`, or list this file under `resources` of a kustomization.yaml");
        return;
    }
    let version = if into.is_component {
        "kustomize.config.k8s.io/v1alpha1"
    } else {
        "kustomize.config.k8s.io/v1beta1"
    };
    if let Some(Located { value, spot }) =
        api_version.filter(|api_version| api_version.value != version)
    {
        let what = format!("`apiVersion: {value}` for kind {kind_text}");
        context.fail_with_help(
            Code::InvalidValue,
            *spot,
            what,
            format!("Write `apiVersion: {version}`"),
        );
    }
}

fn sort_options(decoder: &mut Decoder<'_, '_>, node: &Node) -> SortOptions {
    let mut options = SortOptions { spot: Some(node.spot), ..SortOptions::default() };
    for (name, _, value) in decoder.fields(node, "sortOptions", &["order", "legacySortOptions"]) {
        if name == "order" {
            options.order = decoder.text(value, name).value;
            continue;
        }
        let mut legacy = LegacyOrder { first: Vec::new(), last: Vec::new() };
        for (name, _, value) in
            decoder.fields(value, "legacySortOptions", &["orderFirst", "orderLast"])
        {
            let kinds = decoder.texts(value, name).into_iter().map(|kind| kind.value).collect();
            if name == "orderFirst" {
                legacy.first = kinds;
            } else {
                legacy.last = kinds;
            }
        }
        options.legacy = Some(legacy);
    }
    options
}
