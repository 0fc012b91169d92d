//! What changes objects: one file per transformer, named as in kustomize.

use crate::context::{Context, Result};
use crate::position::Spot;
use crate::resource_set::ResourceSet;

pub(crate) mod annotations;
pub(crate) mod hash;
pub(crate) mod image_tag;
pub(crate) mod label;
pub(crate) mod name_reference;
pub(crate) mod namespace;
pub(crate) mod patch;
pub(crate) mod patch_json6902;
pub(crate) mod patch_strategic_merge;
pub(crate) mod prefix;
pub(crate) mod ref_var;
pub(crate) mod replacement;
pub(crate) mod replica_count;
pub(crate) mod sort_order;
pub(crate) mod suffix;
pub(crate) mod value_add;

/// Something that changes objects, read and checked before any transformer runs.
pub(crate) trait Transformer {
    /// Its name in kustomize, such as `PatchTransformer`.
    fn name(&self) -> &'static str;

    /// Where in the tree it is asked for.
    fn spot(&self) -> Spot;

    /// Does a failure leave the objects in a state that others can still check? Then the errors of
    /// several such transformers are found in one build.
    fn is_independent(&self) -> bool {
        false
    }

    /// Changes the objects; what fails has been reported.
    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()>;
}
