//! How many replicas of a workload (`ReplicaCountTransformer`).

use crate::arguments::ReplicaArguments;
use crate::config::FieldSpec;
use crate::context::{Context, Result};
use crate::error::Code;
use crate::field_spec::{Create, apply, replace_scalar};
use crate::identity::Gvk;
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::transformers::Transformer;
use crate::yaml::{Scalar, Tag};

/// Sets the replicas of the workloads that are or were called `name`.
#[derive(Debug)]
pub(crate) struct ReplicaCountTransformer {
    pub(crate) replica: ReplicaArguments,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) spot: Spot,
}

impl Transformer for ReplicaCountTransformer {
    fn name(&self) -> &'static str {
        "ReplicaCountTransformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn is_independent(&self) -> bool {
        true
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        let mut found = false;
        let count = self.replica.count.to_string();
        for resource in set.list_mut().iter_mut().filter(|resource| !resource.deleted) {
            for spec in self
                .fields
                .iter()
                .filter(|spec| self.means(resource, &spec.gvk))
                .collect::<Vec<_>>()
            {
                found = true;
                apply(resource, spec, Create::Scalar(Tag::Int), context, &mut |node| {
                    replace_scalar(node, Scalar::with_tag(count.as_str(), Tag::Int), self.spot)
                })?;
                resource.touch(self.name(), self.spot);
            }
        }
        if found {
            return Ok(());
        }
        let name = &self.replica.name;
        let kinds: Vec<&str> = self.fields.iter().map(|spec| &*spec.gvk.kind).collect();
        let what =
            format!("`replicas` names `{name}`, and there is no {} of that name", kinds.join(", "));
        let names: Vec<&str> = set
            .list()
            .iter()
            .filter(|resource| kinds.contains(&&*resource.id.gvk.kind))
            .map(Resource::original_name)
            .collect();
        let help = nearest(name, &names)
            .unwrap_or_else(|| "Name a workload, or remove the entry".to_owned());
        Err(context.fail_with_help(Code::NoMatch, self.spot, what, help))
    }
}

impl ReplicaCountTransformer {
    fn means(&self, resource: &Resource, selector: &Gvk) -> bool {
        let name = self.replica.name.as_str();
        let mut gvk = resource.id.gvk.clone();
        if &*resource.id.name == name && gvk.is_selected_by(selector) {
            return true;
        }
        resource.previous.iter().any(|previous| {
            gvk.kind.clone_from(&previous.kind);
            &*previous.name == name && gvk.is_selected_by(selector)
        })
    }
}

/// `Did you mean ...?` for a name, if one is near.
pub(crate) fn nearest(name: &str, names: &[&str]) -> Option<String> {
    let similarity = |other: &&&str| strsim::jaro_winkler(name, other);
    let best = names.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(&best) >= 0.75).then(|| format!("Did you mean `{best}`?"))
}
