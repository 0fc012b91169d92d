//! Which repositories a payload speaks of. Everything else in it is left unread.
//!
//! The shapes are those of the documentation of each forge; any event that names its repository will do, as it is
//! only a hint. Unknown members are skipped, and those that are missing are not missed.

mod bitbucket;
mod generic;
mod github;
mod gitlab;

use std::{borrow::Cow, collections::BTreeSet};

use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::{provider::Provider, repository::Repository};

/// Why a payload cannot be read. It repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON, or JSON of another shape.
    #[error(
        "the body is not JSON as this provider sends it (line {line}, column {column}); check that the path of the webhook names the right provider"
    )]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A form without a payload.
    #[error(
        "the body is a form without a field `payload`; set the content type of the webhook to application/json"
    )]
    Form,
    /// The generic payload lacks what makes a delivery unlike all others.
    #[error(
        r#"the body needs a text that is new each time, such as the id of the commit: {{"repository": "https://…", "delivery": "…"}}"#
    )]
    Delivery,
    /// The generic payload names no repository.
    #[error(
        r#"the body names no repository by an address that Kargo can use: {{"repository": "https://…", "delivery": "…"}}"#
    )]
    Repository,
}

/// Reads the repositories that a payload speaks of: one, under all addresses that it gives for it. None for events
/// that are not about a repository.
pub fn repositories(provider: Provider, body: &[u8]) -> Result<BTreeSet<Repository>, PayloadError> {
    let body = unwrap_form(provider, body)?;
    let addresses = match provider {
        Provider::Github | Provider::Gitea => parse::<github::Payload>(&body)?.addresses(),
        Provider::Gitlab => parse::<gitlab::Payload>(&body)?.addresses(),
        Provider::Bitbucket => parse::<bitbucket::Payload>(&body)?.addresses(),
        Provider::Generic => return generic::repositories(&parse(&body)?),
    };
    Ok(addresses.iter().filter_map(|address| Repository::at(address)).collect())
}

/// GitHub and Gitea send JSON, or a form with JSON in its field `payload`, as they are told.
fn unwrap_form(provider: Provider, body: &[u8]) -> Result<Cow<'_, [u8]>, PayloadError> {
    let may_be_form = matches!(provider, Provider::Github | Provider::Gitea);
    // JSON begins with a bracket; what begins with a letter is a form.
    if !may_be_form || !body.first().is_some_and(u8::is_ascii_alphabetic) {
        return Ok(Cow::Borrowed(body));
    }
    form_urlencoded::parse(body)
        .find(|(name, _)| name == "payload")
        .map(|(_, payload)| Cow::Owned(payload.into_owned().into_bytes()))
        .ok_or(PayloadError::Form)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, PayloadError> {
    serde_json::from_slice(body)
        .map_err(|error| PayloadError::Json { line: error.line(), column: error.column() })
}
