//! Annotations on objects and pod templates (`AnnotationsTransformer`).

use crate::config::FieldSpec;
use crate::position::Spot;
use crate::transformers::label::PairsTransformer;

/// Sets annotations in the given fields.
pub(crate) fn annotations(
    pairs: Vec<(String, String)>,
    fields: Vec<FieldSpec>,
    spot: Spot,
) -> PairsTransformer {
    PairsTransformer { name: "AnnotationsTransformer", pairs, fields, spot }
}
