//! What is said about one object while it is being changed: each change with its place in the repository.

use serde_json::Value;

use crate::{
    finding::{Finding, Location},
    object::ObjectId,
};

/// Collects the findings of one object.
pub(crate) struct Remarks<'a> {
    locate: &'a dyn Fn(&[&str]) -> Option<Location>,
    object: Option<ObjectId>,
    findings: Vec<Finding>,
    refusal: Option<Box<Finding>>,
}

impl<'a> Remarks<'a> {
    /// For an object as it stands in the repository, before any change.
    pub(crate) fn new(object: &Value, locate: &'a dyn Fn(&[&str]) -> Option<Location>) -> Self {
        Self { locate, object: ObjectId::of(object), findings: Vec::new(), refusal: None }
    }

    /// The object was changed at this path.
    pub(crate) fn warn(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
        let finding = self.placed(Finding::warning(what), path);
        self.findings.push(finding.help(help));
    }

    /// The object cannot be used because of what stands at this path. The first refusal is the one that is said.
    pub(crate) fn refuse(
        &mut self,
        path: &[&str],
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.refusal.is_none() {
            self.refusal = Some(Box::new(self.placed(Finding::error(what), path).help(help)));
        }
    }

    /// What was said of an object that can be used, or why it cannot be.
    pub(crate) fn conclude(self) -> Result<Vec<Finding>, Box<Finding>> {
        match self.refusal {
            None => Ok(self.findings),
            Some(refusal) => Err(refusal),
        }
    }

    /// A path that is not known (a rewrite or a patch made it) is looked up by what it stands in.
    fn placed(&self, finding: Finding, path: &[&str]) -> Finding {
        let place = (0..=path.len()).rev().find_map(|length| (self.locate)(&path[..length]));
        let finding = finding.at(place);
        match &self.object {
            Some(object) => finding.about(object),
            None => finding,
        }
    }
}
