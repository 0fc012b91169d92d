//! `ConfigMapGenerator` and `SecretGenerator`.

use base64::Engine as _;

use crate::arguments::{GeneratorArguments, GeneratorOptions};
use crate::context::{Context, Result};
use crate::error::Code;
use crate::generators::key_values::{Pair, load};
use crate::position::Spot;
use crate::resource::{Behavior, Resource};
use crate::yaml::{Data, Key, Map, Node, Scalar, Style, Tag};

/// Which kind is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    pub(crate) fn generator(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMapGenerator",
            Self::Secret => "SecretGenerator",
        }
    }
}

/// Makes the object that a generator describes.
pub(crate) fn generate(
    kind: Kind,
    arguments: &GeneratorArguments,
    global: Option<&GeneratorOptions>,
    root: &str,
    context: &mut Context<'_>,
) -> Result<Resource> {
    let spot = arguments.spot;
    let behavior = match arguments.behavior.as_str() {
        "merge" => Behavior::Merge,
        "replace" => Behavior::Replace,
        "create" => Behavior::Create,
        _ => Behavior::Unspecified,
    };
    if arguments.name.is_empty() {
        context.fail_with_help(
            Code::InvalidGenerator,
            spot,
            "a generator has no `name`",
            "Add `name: ...`",
        );
    }
    let pairs = load(arguments, root, context)?;
    if arguments.name.is_empty() {
        return Err(crate::context::Failed);
    }
    let pairs_of = |options: Option<&GeneratorOptions>| {
        options.map_or(0, |options| options.labels.len() + options.annotations.len())
    };
    let of_options = (pairs_of(arguments.options.as_ref()) + pairs_of(global)) as u64;
    context.step(of_options * of_options, spot)?;
    let options = merged_options(arguments.options.as_ref(), global);
    let mut object = Map::default();
    object.set("apiVersion", Node::string("v1", spot));
    object
        .set("kind", Node::string(if kind == Kind::Secret { "Secret" } else { "ConfigMap" }, spot));
    object.set("metadata", metadata(arguments, &options));
    if kind == Kind::Secret {
        let secret_type = if arguments.kind.is_empty() { "Opaque" } else { &arguments.kind };
        object.set("type", Node::string(secret_type, spot));
        let mut data = Map { entries: Vec::with_capacity(pairs.len()) };
        data.entries
            .extend(pairs.into_iter().map(|pair| entry(&pair.key, encode(&pair.value), pair.spot)));
        object.set("data", Node::new(Data::Map(data), spot));
    } else {
        config_map_data(&mut object, pairs, spot);
    }
    if options.immutable {
        object.set("immutable", Node::scalar(Scalar::with_tag("true", Tag::Bool), spot));
    }
    let mut resource = Resource::new(Node::new(Data::Map(object), spot), 0, &context.schema);
    resource.behavior = behavior;
    resource.needs_hash = !options.disable_name_suffix_hash;
    resource.generator = Some(kind.generator());
    context.make(resource.node.size(), spot)?;
    context.count_objects(1, spot)?;
    Ok(resource)
}

fn metadata(arguments: &GeneratorArguments, options: &GeneratorOptions) -> Node {
    let spot = arguments.spot;
    let mut metadata = Map::default();
    metadata.set("name", Node::untagged(arguments.name.as_str(), spot));
    if !arguments.namespace.is_empty() {
        metadata.set("namespace", Node::untagged(arguments.namespace.as_str(), spot));
    }
    for (field, pairs) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if pairs.is_empty() {
            continue;
        }
        let mut map = Map::default();
        for (key, value) in pairs {
            map.set(key, Node::string(value.as_str(), spot));
        }
        metadata.set(field, Node::new(Data::Map(map), spot));
    }
    Node::new(Data::Map(metadata), spot)
}

fn config_map_data(object: &mut Map, pairs: Vec<Pair>, spot: Spot) {
    let (mut data, mut binary) = (Map::default(), Map::default());
    for pair in pairs {
        match String::from_utf8(pair.value) {
            Ok(text) => data.entries.push(entry(&pair.key, text, pair.spot)),
            Err(error) => {
                binary.entries.push(entry(&pair.key, encode(error.as_bytes()), pair.spot));
            }
        }
    }
    for (field, map) in [("data", data), ("binaryData", binary)] {
        if !map.entries.is_empty() {
            object.set(field, Node::new(Data::Map(map), spot));
        }
    }
}

fn entry(key: &str, text: String, spot: Spot) -> (Key, Node) {
    let style = if text.contains('\n') { Style::Block } else { Style::Plain };
    let key = Key { spot, ..Key::new(key) };
    (
        key,
        Node::scalar(
            Scalar { text: text.into(), tag: Tag::Str, style, tagged: false, alias: 0 },
            spot,
        ),
    )
}

/// Base64 in lines of 70 characters, if there are more than that: the line breaks are part of the value.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    if encoded.len() < LINE {
        return encoded;
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / LINE + 1);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines
}

/// The options of one generator, filled up by those for all.
fn merged_options(
    own: Option<&GeneratorOptions>,
    global: Option<&GeneratorOptions>,
) -> GeneratorOptions {
    let mut options = own.cloned().unwrap_or_default();
    let Some(global) = global else { return options };
    let fill = |own: &mut Vec<(String, String)>, global: &[(String, String)]| {
        for pair in global {
            if !own.iter().any(|(key, _)| *key == pair.0) {
                own.push(pair.clone());
            }
        }
        own.sort();
    };
    fill(&mut options.labels, &global.labels);
    fill(&mut options.annotations, &global.annotations);
    options.disable_name_suffix_hash |= global.disable_name_suffix_hash;
    options.immutable |= global.immutable;
    options
}
