//! The transformers of one kustomization, in the order in which kustomize runs them.

use crate::accumulate::{Step, Target};
use crate::config::Config;
use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::plugins;
use crate::position::Spot;
use crate::transformers::Transformer;
use crate::transformers::annotations::annotations;
use crate::transformers::image_tag::ImageTagTransformer;
use crate::transformers::label::{self, PairsTransformer};
use crate::transformers::namespace::{NamespaceTransformer, Subjects};
use crate::transformers::patch::PatchTransformer;
use crate::transformers::patch_json6902::PatchJson6902Transformer;
use crate::transformers::patch_strategic_merge::PatchStrategicMergeTransformer;
use crate::transformers::prefix::{AffixTransformer, Side};
use crate::transformers::replacement::ReplacementTransformer;
use crate::transformers::replica_count::ReplicaCountTransformer;
use crate::transformers::suffix::suffix;

/// All steps, with the files that they need read. Goes on after errors, to find more of them.
pub(crate) fn of(
    target: &Target<'_>,
    config: &Config,
    context: &mut Context<'_>,
) -> Result<Vec<Step>> {
    let kustomization = &target.kustomization;
    let root = target.root.as_str();
    let file = target.file_spot();
    let mut steps = Steps { target, list: Vec::new(), failed: false };

    if let Some(first) = kustomization.patches_strategic_merge.first() {
        let entries = &kustomization.patches_strategic_merge;
        steps.add(PatchStrategicMergeTransformer::new(entries, None, root, first.spot, context));
    }
    for patch in &kustomization.patches {
        steps.add(PatchTransformer::new(patch, root, context));
    }
    if let Some((namespace, spot)) = namespace(target, context) {
        let fields = config.namespace.clone();
        steps.add(Ok(NamespaceTransformer {
            namespace,
            fields,
            unset_only: false,
            subjects: Subjects::default(),
            spot,
        }));
    }
    if let Some(prefix) = &kustomization.name_prefix {
        let fields = config.name_prefix.clone();
        steps.add(Ok(AffixTransformer {
            side: Side::Front,
            affix: prefix.value.clone(),
            fields,
            spot: prefix.spot,
        }));
    }
    if let Some(affix) = &kustomization.name_suffix {
        steps.add(Ok(suffix(affix.value.clone(), config.name_suffix.clone(), affix.spot)));
    }
    for labels in &kustomization.labels {
        let fields = label::fields(labels, config).map_err(|conflict| {
            let what = format!("the field tables disagree on whether to create `{}`", conflict.0);
            context.fail_with_help(
                Code::InvalidValue,
                labels.spot,
                what,
                "Use the same `create` as the other table",
            )
        });
        let pairs = labels.pairs.value.clone();
        steps.add(fields.map(|fields| PairsTransformer {
            name: "LabelTransformer",
            pairs,
            fields,
            spot: labels.spot,
        }));
    }
    if let Some(labels) = &kustomization.common_labels {
        let (pairs, fields) = (labels.value.clone(), config.common_labels.clone());
        steps.add(Ok(PairsTransformer {
            name: "LabelTransformer",
            pairs,
            fields,
            spot: labels.spot,
        }));
    } else if !kustomization.labels.is_empty() {
        // kustomize always runs this one when there are labels; without pairs it only leaves its mark.
        let pairs = Vec::new();
        steps.add(Ok(PairsTransformer {
            name: "LabelTransformer",
            pairs,
            fields: Vec::new(),
            spot: file,
        }));
    }
    if let Some(pairs) =
        kustomization.common_annotations.as_ref().filter(|pairs| !pairs.value.is_empty())
    {
        steps.add(Ok(annotations(
            pairs.value.clone(),
            config.common_annotations.clone(),
            pairs.spot,
        )));
    }
    for patch in &kustomization.patches_json6902 {
        let (path, text) = (patch.path.as_ref(), patch.patch.as_ref());
        steps.add(PatchJson6902Transformer::new(
            patch.target.as_ref(),
            path,
            text,
            root,
            patch.spot,
            context,
        ));
    }
    for replica in &kustomization.replicas {
        let (replica, fields) = (replica.clone(), config.replicas.clone());
        let spot = replica.spot.unwrap_or(file);
        steps.add(Ok(ReplicaCountTransformer { replica, fields, spot }));
    }
    for image in &kustomization.images {
        let (image, fields) = (image.clone(), config.images.clone());
        let spot = image.spot.unwrap_or(file);
        steps.add(Ok(ImageTagTransformer { image, fields, spot }));
    }
    if !kustomization.replacements.is_empty() {
        steps.add(ReplacementTransformer::new(&kustomization.replacements, root, file, context));
    }
    match plugins::transformers(target, &kustomization.transformers, context) {
        Ok(plugins) => steps.list.extend(plugins),
        Err(Failed) => steps.failed = true,
    }
    if steps.failed { Err(Failed) } else { Ok(steps.list) }
}

/// The namespace of this kustomization; that of the options for the root.
fn namespace(target: &Target<'_>, context: &Context<'_>) -> Option<(String, Spot)> {
    let own = target.kustomization.namespace.as_ref();
    let from_outside = context
        .options
        .namespace
        .as_ref()
        .filter(|namespace| target.above.is_none() && !namespace.is_empty());
    match from_outside {
        Some(namespace) => {
            Some((namespace.clone(), own.map_or(target.file_spot(), |own| own.spot)))
        }
        None => own.map(|own| (own.value.clone(), own.spot)),
    }
}

struct Steps<'t, 'k> {
    target: &'t Target<'k>,
    list: Vec<Step>,
    failed: bool,
}

impl Steps<'_, '_> {
    fn add<T: Transformer + 'static>(&mut self, transformer: Result<T>) {
        match transformer {
            Ok(transformer) => {
                let origin = self.target.configured_by(transformer.name());
                self.list.push(Step { transformer: Box::new(transformer), origin });
            }
            Err(Failed) => self.failed = true,
        }
    }
}
