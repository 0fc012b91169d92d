//! Our own form, for everything that can compute an HMAC.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::PayloadError;
use crate::repository::Repository;

#[derive(Deserialize)]
pub(super) struct Payload {
    /// An address of the repository.
    repository: Option<String>,
    /// A text that no other delivery has. Without it, the second one would look like a replay of the first.
    delivery: Option<String>,
}

pub(super) fn repositories(payload: &Payload) -> Result<BTreeSet<Repository>, PayloadError> {
    if payload.delivery.as_deref().is_none_or(str::is_empty) {
        return Err(PayloadError::Delivery);
    }
    let repository = payload.repository.as_deref().and_then(Repository::at);
    repository.map(|repository| BTreeSet::from([repository])).ok_or(PayloadError::Repository)
}
