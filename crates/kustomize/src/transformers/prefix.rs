//! Names with something in front (`PrefixTransformer`) or behind (see `suffix`).

use crate::config::FieldSpec;
use crate::context::{Context, Result};
use crate::field_spec::{Create, apply, replace_scalar};
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::transformers::Transformer;
use crate::yaml::{Scalar, Tag};

/// On which side of a name an affix goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Back,
}

/// Puts a text before or behind names.
#[derive(Debug)]
pub(crate) struct AffixTransformer {
    pub(crate) side: Side,
    pub(crate) affix: String,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) spot: Spot,
}

impl Transformer for AffixTransformer {
    fn name(&self) -> &'static str {
        match self.side {
            Side::Front => "PrefixTransformer",
            Side::Back => "SuffixTransformer",
        }
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        let live = set.list_mut().iter_mut().filter(|resource| !resource.deleted);
        for resource in live {
            self.one(resource, context)?;
        }
        Ok(())
    }
}

impl AffixTransformer {
    fn one(&self, resource: &mut Resource, context: &mut Context<'_>) -> Result<()> {
        let original = resource.original_gvk();
        if is_exempt(&original.group, &original.kind) {
            return Ok(());
        }
        let mut changed = false;
        for spec in self.fields.iter().filter(|spec| original.is_selected_by(&spec.gvk)) {
            if &*spec.path.text == "metadata/name" && !self.affix.is_empty() {
                match self.side {
                    Side::Front => resource.prefixes.push(self.affix.as_str().into()),
                    Side::Back => resource.suffixes.push(self.affix.as_str().into()),
                }
                resource.remember_id();
            }
            changed |= apply(resource, spec, Create::Scalar(Tag::Str), context, &mut |node| {
                let text = match self.side {
                    Side::Front => format!("{}{}", self.affix, node.text()),
                    Side::Back => format!("{}{}", node.text(), self.affix),
                };
                replace_scalar(node, Scalar::untagged(text), node.spot)
            })?;
        }
        if changed {
            resource.touch(self.name(), self.spot);
            resource.refresh(&context.schema);
        }
        Ok(())
    }
}

/// Kinds whose names mean something else than themselves.
fn is_exempt(group: &str, kind: &str) -> bool {
    match kind {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => group == "apiregistration.k8s.io",
        _ => false,
    }
}
