//! New names, tags and digests for container images (`ImageTagTransformer`).

use crate::arguments::ImageArguments;
use crate::config::FieldSpec;
use crate::context::{Context, Result};
use crate::error::Code;
use crate::field_spec::{Create, Stop, apply_all};
use crate::pattern::Pattern;
use crate::position::Spot;
use crate::resource::{Resource, set_scalar};
use crate::resource_set::ResourceSet;
use crate::transformers::Transformer;
use crate::yaml::limits::{Limits, Spent};
use crate::yaml::{Data, Node, Scalar};

/// Changes the images that a pattern matches.
#[derive(Debug)]
pub(crate) struct ImageTagTransformer {
    pub(crate) image: ImageArguments,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) spot: Spot,
}

impl Transformer for ImageTagTransformer {
    fn name(&self) -> &'static str {
        "ImageTagTransformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn is_independent(&self) -> bool {
        true
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        let pattern =
            format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", self.image.name);
        let Some(regex) = context.pattern(&pattern) else {
            let what = format!("the image name `{}` is not a valid pattern", self.image.name);
            return Err(context.fail_with_help(
                Code::InvalidSelector,
                self.spot,
                what,
                "Write the name of the image without its tag",
            ));
        };
        for resource in set.list_mut().iter_mut().filter(|resource| !resource.deleted) {
            if &*resource.id.gvk.kind != "CustomResourceDefinition" {
                self.one(resource, &regex, context)?;
            }
        }
        Ok(())
    }
}

impl ImageTagTransformer {
    /// First every list called `containers` or `initContainers`, at any depth, then the field table: what
    /// both find is changed twice, which shows with `tagSuffix`.
    fn one(
        &self,
        resource: &mut Resource,
        regex: &Pattern,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let in_containers = self.in_containers(&mut resource.node, regex, &mut context.limits);
        let mut changed = in_containers.map_err(|spent| context.spent(spent, resource.origin))?;
        changed |= apply_all(resource, &self.fields, Create::Never, context, &mut |node| {
            if node.as_scalar().is_none() {
                return Err(Stop::Refused(
                    node.spot,
                    format!("{} stands where an image is expected", node.kind_name()),
                ));
            }
            Ok(self.update(node, regex))
        })?;
        if changed {
            resource.touch(self.name(), self.spot);
        }
        Ok(())
    }

    fn in_containers(
        &self,
        node: &mut Node,
        regex: &Pattern,
        limits: &mut Limits,
    ) -> Result<bool, Spent> {
        let mut changed = false;
        limits.step(1)?;
        match &mut node.data {
            Data::Scalar(_) => {}
            Data::List(list) => {
                for element in list {
                    changed |= self.in_containers(element, regex, limits)?;
                }
            }
            Data::Map(map) => {
                for (key, value) in &mut map.entries {
                    changed |= self.in_containers(value, regex, limits)?;
                    if !matches!(&*key.text, "containers" | "initContainers") {
                        continue;
                    }
                    let Data::List(list) = &mut value.data else { continue };
                    for image in list.iter_mut().filter_map(|container| container.get_mut("image"))
                    {
                        let before = image.shallow_size();
                        if image.as_scalar().is_some() && self.update(image, regex) {
                            changed = true;
                            limits.make(image.shallow_size().since(before))?;
                        }
                    }
                }
            }
        }
        Ok(changed)
    }

    fn update(&self, node: &mut Node, regex: &Pattern) -> bool {
        let old = node.text();
        if !regex.is_match(old) {
            return false;
        }
        let new = self.changed(old);
        set_scalar(node, Scalar::untagged(new), self.spot);
        true
    }

    /// The new reference for an image.
    fn changed(&self, old: &str) -> String {
        let (name, tag, digest) = split(old);
        let image = &self.image;
        let name = if image.new_name.is_empty() { name } else { &image.new_name };
        let (tag, digest) =
            match (image.new_tag.as_str(), image.digest.as_str(), image.tag_suffix.as_str()) {
                ("", "", "") => (tag.to_owned(), digest),
                ("", "", suffix) => (format!("{tag}{suffix}"), ""),
                ("", digest, _) => (String::new(), digest),
                (tag, digest, _) => (tag.to_owned(), digest),
            };
        let mut new = name.to_owned();
        if !tag.is_empty() {
            new.push(':');
            new.push_str(&tag);
        }
        if !digest.is_empty() {
            new.push('@');
            new.push_str(digest);
        }
        new
    }
}

/// Name, tag and digest of an image reference.
fn split(image: &str) -> (&str, &str, &str) {
    let start = image.find('/').unwrap_or(0);
    let after = &image[start..];
    let at = after.find('@').map(|at| at + start);
    let colon = after.find(':').map(|colon| colon + start);
    match (at, colon) {
        (None, None) => (image, "", ""),
        (Some(at), colon) if colon.is_none_or(|colon| at < colon) => {
            (&image[..at], "", &image[at + 1..])
        }
        (Some(at), Some(colon)) => (&image[..colon], &image[colon + 1..at], &image[at + 1..]),
        (_, Some(colon)) => (&image[..colon], &image[colon + 1..], ""),
        (Some(at), None) => (&image[..at], "", &image[at + 1..]),
    }
}
