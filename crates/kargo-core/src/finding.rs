//! One thing that was found wrong or worth saying, with its place, its cause and its remedy.

use std::fmt;

pub use kargo_api::status::Severity;
use kargo_api::status::{FindingStatus, MAX_FINDINGS};

use crate::object::ObjectId;

/// A place in the repository: file, line and column.
pub use kustomize::Position as Location;

/// What was found, where, why, and what to do. Errors first, then by place: the order of [`Ord`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How serious it is.
    pub severity: Severity,
    /// Where in the repository.
    pub location: Option<Location>,
    /// Which object.
    pub object: Option<ObjectId>,
    /// What happened and why, one sentence each, without the full stop of the last.
    pub what: String,
    /// What to do, a sentence without its full stop.
    pub help: Option<String>,
}

impl Finding {
    /// An error: something will not be deployed.
    pub fn error(what: impl Into<String>) -> Self {
        Self::new(Severity::Error, what)
    }

    /// A warning: deployed, but probably not what was meant.
    pub fn warning(what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, what)
    }

    /// A note: good to know.
    pub fn note(what: impl Into<String>) -> Self {
        Self::new(Severity::Note, what)
    }

    fn new(severity: Severity, what: impl Into<String>) -> Self {
        Self { severity, location: None, object: None, what: what.into(), help: None }
    }

    /// With its place in the repository.
    #[must_use]
    pub fn at(mut self, location: impl Into<Option<Location>>) -> Self {
        self.location = location.into();
        self
    }

    /// With the object it is about.
    #[must_use]
    pub fn about(mut self, object: &ObjectId) -> Self {
        self.object = Some(object.clone());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What and help as sentences, without the place.
    pub fn sentence(&self) -> String {
        match &self.help {
            Some(help) => format!("{} {}", sentence(&self.what), sentence(help)),
            None => sentence(&self.what),
        }
    }

    fn to_status(&self) -> FindingStatus {
        FindingStatus {
            severity: self.severity,
            location: self.location.as_ref().map(ToString::to_string),
            object: self.object.as_ref().map(ObjectId::short),
            message: self.sentence(),
        }
    }
}

/// A whole sentence. Names and values in it come from strangers: control characters could steer a terminal.
fn sentence(text: &str) -> String {
    let mut sentence: String =
        text.chars().map(|letter| if letter.is_control() { '·' } else { letter }).collect();
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

/// `file:line:column: what. help.`, or `Kind/name: what. help.` where no file is known.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.location, &self.object) {
            (Some(location), _) => write!(formatter, "{location}: {}", self.sentence()),
            (None, Some(object)) => write!(formatter, "{}: {}", object.short(), self.sentence()),
            (None, None) => formatter.write_str(&self.sentence()),
        }
    }
}

/// Findings as they go into a status: sorted, without repetition, capped; and how many were left out.
pub fn to_status(findings: &[Finding]) -> (Vec<FindingStatus>, Option<i32>) {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort();
    sorted.dedup();
    let left_out = sorted.len().saturating_sub(MAX_FINDINGS);
    let shown = sorted.iter().take(MAX_FINDINGS).map(|finding| finding.to_status()).collect();
    (shown, i32::try_from(left_out).ok().filter(|count| *count > 0))
}
