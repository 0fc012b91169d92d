//! Labels on objects, selectors and pod templates (`LabelTransformer`).

use std::collections::HashMap;

use crate::arguments::LabelArguments;
use crate::config::{Config, Conflict, FieldSpec, merge_all, merge_one};
use crate::context::{Context, Result};
use crate::field_spec::{Create, Stop, apply_all};
use crate::identity::Gvk;
use crate::position::Spot;
use crate::resource::{Resource, set_scalar};
use crate::resource_set::ResourceSet;
use crate::transformers::Transformer;
use crate::yaml::{Data, Key, Map, Node, Scalar};

/// Sets pairs of texts in maps: labels or annotations.
#[derive(Debug)]
pub(crate) struct PairsTransformer {
    pub(crate) name: &'static str,
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) spot: Spot,
}

impl Transformer for PairsTransformer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        if self.pairs.is_empty() {
            return Ok(());
        }
        set.list_mut()
            .iter_mut()
            .filter(|resource| !resource.deleted)
            .try_for_each(|resource| self.one(resource, context))
    }
}

impl PairsTransformer {
    fn one(&self, resource: &mut Resource, context: &mut Context<'_>) -> Result<()> {
        let first = context.new_aliases(self.pairs.len());
        let mut added = vec![0; self.pairs.len()];
        let mut changed_alias = false;
        let changed = apply_all(resource, &self.fields, Create::Map, context, &mut |node| {
            self.set(node, first, &mut added, &mut changed_alias)
        })?;
        for (number, (_, text)) in
            self.pairs.iter().enumerate().filter(|(number, _)| added[*number] > 1)
        {
            let alias = first + u32::try_from(number).unwrap_or_default();
            resource.aliases.insert(alias, Scalar { alias, ..Scalar::string(text.as_str()) });
        }
        if changed_alias {
            resource.follow_aliases();
        }
        if changed {
            resource.touch(self.name, self.spot);
        }
        Ok(())
    }

    /// Sets all pairs in one map. New values get the aliases from `first` on and are counted in `added`.
    fn set(
        &self,
        node: &mut Node,
        first: u32,
        added: &mut [usize],
        changed_alias: &mut bool,
    ) -> Result<bool, Stop> {
        let (spot, found) = (node.spot, node.kind_name());
        if node.is_null() {
            return Ok(false);
        }
        let Data::Map(map) = &mut node.data else {
            return Err(Stop::Refused(
                spot,
                format!("{found} stands where a map of texts is expected"),
            ));
        };
        let index = (self.pairs.len() > MANY).then(|| index_of(map));
        for (number, (key, text)) in self.pairs.iter().enumerate() {
            let known = match &index {
                Some(index) => index.get(key.as_str()).copied(),
                None => map.index_of(key),
            };
            if let Some((_, value)) = known.and_then(|at| map.entries.get_mut(at)) {
                *changed_alias |= value.as_scalar().is_some_and(|scalar| scalar.alias != 0);
                set_scalar(value, Scalar::string(text.as_str()), self.spot);
                continue;
            }
            added[number] += 1;
            let alias = first + u32::try_from(number).unwrap_or_default();
            let scalar = Scalar { alias, ..Scalar::string(text.as_str()) };
            map.entries.push((Key::new(key), Node::scalar(scalar, self.spot)));
        }
        Ok(true)
    }
}

/// More pairs than this are looked up in an index.
const MANY: usize = 16;

fn index_of(map: &Map) -> HashMap<Box<str>, usize> {
    map.entries.iter().enumerate().map(|(at, (key, _))| (key.text.clone(), at)).collect()
}

/// `metadata/labels` of every kind.
pub(crate) fn metadata_labels() -> FieldSpec {
    FieldSpec::new(Gvk::default(), "metadata/labels", true)
}

/// The fields that an entry of `labels` sets.
pub(crate) fn fields(label: &LabelArguments, config: &Config) -> Result<Vec<FieldSpec>, Conflict> {
    let mut fields = label.fields.clone();
    merge_all(&mut fields, &config.labels)?;
    if label.include_selectors {
        merge_all(&mut fields, &config.common_labels)?;
        return Ok(fields);
    }
    if label.include_templates {
        merge_all(&mut fields, &config.template_labels)?;
    }
    merge_one(&mut fields, &metadata_labels())?;
    Ok(fields)
}
