//! A value put into fields of many objects (`ValueAddTransformer`).

use crate::arguments::Selector;
use crate::config::{FieldPath, FieldSpec};
use crate::context::{Context, Result};
use crate::decode::{Decoder, Text};
use crate::error::Code;
use crate::field_spec::{Create, Stop, replace_scalar, walk};
use crate::identity::Gvk;
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::selector::Matcher;
use crate::transformers::Transformer;
use crate::transformers::namespace::{NamespaceTransformer, Subjects};
use crate::yaml::load::first_document;
use crate::yaml::{Dialect, Node, Scalar, Tag};

/// Puts a value into fields.
#[derive(Debug)]
pub(crate) struct ValueAddTransformer {
    value: String,
    targets: Vec<(Option<Matcher>, Target)>,
    spot: Spot,
}

#[derive(Debug)]
struct Target {
    selector: Option<Selector>,
    field_path: String,
    position: i64,
    spot: Spot,
}

impl ValueAddTransformer {
    /// Reads the object of `transformers` that describes it. Without a value it is the name of the folder.
    pub(crate) fn new(node: &Node, root: &str, context: &mut Context<'_>) -> Result<Self> {
        let spot = node.spot;
        let (mut value, mut file, mut targets) = (String::new(), None, Vec::new());
        let mut decoder = Decoder::of_plugin(context);
        for (name, _, field) in
            decoder.fields(node, "a ValueAddTransformer", &["value", "targets", "targetFilePath"])
        {
            match name {
                "value" => decoder.text(field, name).value.trim().clone_into(&mut value),
                "targets" => targets = read_targets(&mut decoder, field),
                _ => file = decoder.optional_text(field, name),
            }
        }
        if let Some(path) = file {
            targets.extend(from_file(&path, root, context)?);
        }
        if value.is_empty() {
            root.rsplit('/').next().unwrap_or_default().clone_into(&mut value);
        }
        if targets.is_empty() {
            return Err(context.fail_with_help(
                Code::InvalidValue,
                spot,
                "a ValueAddTransformer without targets",
                "Write `targets: [{fieldPath: ...}]`",
            ));
        }
        let mut checked = Vec::with_capacity(targets.len());
        for target in targets {
            if target.field_path.is_empty() || target.position < 0 {
                let what =
                    "a target needs a `fieldPath`, and `filePathPosition` cannot be negative";
                return Err(context.fail(Code::InvalidValue, target.spot, what));
            }
            let matcher = target
                .selector
                .as_ref()
                .map(|selector| Matcher::new(selector, context))
                .transpose()?;
            checked.push((matcher, target));
        }
        Ok(Self { value, targets: checked, spot })
    }
}

fn read_targets(decoder: &mut Decoder<'_, '_>, node: &Node) -> Vec<Target> {
    let mut targets = Vec::new();
    for node in decoder.list(node, "targets") {
        let mut target =
            Target { selector: None, field_path: String::new(), position: 0, spot: node.spot };
        for (name, _, value) in
            decoder.fields(node, "a target", &["selector", "fieldPath", "filePathPosition"])
        {
            match name {
                "selector" => {
                    target.selector = Some(decoder.selector(value, "the selector of a target"));
                }
                "fieldPath" => target.field_path = decoder.text(value, name).value,
                _ => target.position = decoder.integer(value, name),
            }
        }
        targets.push(target);
    }
    targets
}

fn from_file(path: &Text, root: &str, context: &mut Context<'_>) -> Result<Vec<Target>> {
    let source = context.read_named(root, &path.value, path.spot)?;
    let mut limits = context.limits;
    let loaded = first_document(&source.bytes, source.file, Dialect::Yaml11, &mut limits);
    context.limits = limits;
    let (node, _) = loaded.map_err(|fault| context.fail_in_text(source.file, fault))?;
    let mut decoder = Decoder::lenient(context);
    let mut targets = Vec::new();
    if let Some(node) = node {
        for (name, _, value) in decoder.fields(&node, "a file of targets", &["targets"]) {
            debug_assert_eq!(name, "targets");
            targets = read_targets(&mut decoder, value);
        }
    }
    Ok(targets)
}

impl Transformer for ValueAddTransformer {
    fn name(&self) -> &'static str {
        "ValueAddTransformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        for (matcher, target) in &self.targets {
            let chosen = |resource: &&mut Resource| {
                !resource.deleted
                    && matcher.as_ref().is_none_or(|matcher| matcher.selects(resource))
            };
            for resource in set.list_mut().iter_mut().filter(chosen) {
                self.one(resource, target, context)?;
                resource.refresh(&context.schema);
                resource.touch(self.name(), self.spot);
            }
        }
        Ok(())
    }
}

impl ValueAddTransformer {
    fn one(
        &self,
        resource: &mut Resource,
        target: &Target,
        context: &mut Context<'_>,
    ) -> Result<()> {
        if target.field_path == "metadata/namespace" {
            let namespace = self.value.clone();
            let transformer = NamespaceTransformer {
                namespace,
                fields: Vec::new(),
                unset_only: false,
                subjects: Subjects::default(),
                spot: self.spot,
            };
            return transformer.one(
                resource,
                &FieldSpec::new(Gvk::default(), "metadata/namespace", true),
                context,
            );
        }
        let name = resource.id.to_string();
        let path = FieldPath::new(&target.field_path);
        let create = Create::Scalar(Tag::None);
        let outcome =
            walk(&mut resource.node, &path.parts, create, &mut context.limits, &mut |node| {
                let text = match usize::try_from(target.position) {
                    Ok(0) | Err(_) => self.value.clone(),
                    Ok(position) => insert_part(node.value_text(), position - 1, &self.value),
                };
                replace_scalar(node, Scalar::untagged(text), self.spot)
            });
        outcome.map(drop).map_err(|stop| {
            if let Stop::Spent(spent) = stop {
                return context.spent(spent, target.spot);
            }
            let what = format!("the field `{}` of {name} is not a text", target.field_path);
            context.fail_with_help(
                Code::InvalidFieldPath,
                target.spot,
                what,
                "Correct the `fieldPath`",
            )
        })
    }
}

/// Puts a part into a path at a position.
fn insert_part(path: &str, position: usize, part: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    format!("{}{}", if is_absolute { "/" } else { "" }, parts.join("/"))
}
