//! Names with something behind (`SuffixTransformer`).

use crate::config::FieldSpec;
use crate::position::Spot;
use crate::transformers::prefix::{AffixTransformer, Side};

/// Puts a text behind names.
pub(crate) fn suffix(affix: String, fields: Vec<FieldSpec>, spot: Spot) -> AffixTransformer {
    AffixTransformer { side: Side::Back, affix, fields, spot }
}
