//! Names and commits in sentences.

use crate::{object::ObjectId, world::app::App};

/// How many names a message lists before it counts the rest.
pub(super) const NAMES_IN_A_MESSAGE: usize = 5;

pub(super) fn names(ids: &[ObjectId]) -> String {
    let shown: Vec<String> = ids.iter().take(NAMES_IN_A_MESSAGE * 4).map(ObjectId::short).collect();
    match ids.len().checked_sub(shown.len()).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

/// The command that gives consent.
pub(super) fn how_to_confirm(app: &App, revision: &str) -> String {
    let annotation = kargo_api::names::CONFIRM_PRUNE_ANNOTATION;
    format!(
        "To delete them: kubectl annotate kargoapp {} -n {} --overwrite {annotation}={revision}",
        app.key.name, app.key.namespace
    )
}

/// The command that asks for a deployment.
pub(in crate::world) fn how_to_request(app: &App, purpose: &str) -> String {
    format!(
        "To {purpose}: kubectl annotate kargoapp {} -n {} --overwrite {}=\"$(date)\"",
        app.key.name,
        app.key.namespace,
        App::REQUEST
    )
}

/// A commit id as people read it.
pub(in crate::world) fn short(revision: &str) -> String {
    revision.chars().take(8).collect()
}

pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
