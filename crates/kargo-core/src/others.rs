//! What others own of an object of ours: who took a field from us, and what people set beside us.

use std::fmt;

use serde_json::Value;

use crate::{
    fields::{self, FieldPath, Step},
    left_out::Pointer,
    managers,
    ownership::{Entry, Missing},
};

/// An entry in `managedFields` that is not ours.
#[derive(Debug, Clone)]
pub struct Other {
    manager: Box<str>,
    subresource: Option<Box<str>>,
    is_apply: bool,
    fields: Value,
}

impl Other {
    /// All of them but those of the status, which is nobody's to take.
    pub fn all_of(object: &Value) -> Box<[Self]> {
        let entries = object["metadata"]["managedFields"].as_array();
        let others = entries.into_iter().flatten().filter_map(|entry| {
            let manager = entry["manager"].as_str()?;
            let subresource = entry["subresource"].as_str().filter(|name| !name.is_empty());
            let is_apply = entry["operation"] == "Apply";
            let is_ours = manager == kargo_api::names::FIELD_MANAGER && is_apply;
            (subresource != Some("status") && !is_ours).then(|| Self {
                manager: manager.into(),
                subresource: subresource.map(Into::into),
                is_apply,
                fields: entry["fieldsV1"].clone(),
            })
        });
        others.collect()
    }

    /// Whether what it sets is somebody's wish: of a person with a tool, or of another program that deploys.
    fn is_a_wish(&self) -> bool {
        let is_deployed = self.is_apply && managers::is_deployer(&self.manager);
        self.subresource.is_none() && (managers::is_tool(&self.manager) || is_deployed)
    }
}

/// A field that we applied and do not own any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The field in people's words, the first of them.
    pub field: Box<str>,
    /// How many more there are.
    pub more: u32,
    /// The manager that has it now; `None` if it was removed.
    pub manager: Option<Box<str>>,
    /// Through which subresource it was taken.
    pub subresource: Option<Box<str>>,
}

impl Taken {
    pub(crate) fn of(missing: &Missing, others: &[Other]) -> Option<Self> {
        let path = missing.first.as_ref()?;
        let taker = others.iter().find(|other| path.is_owned_by(&other.fields));
        Some(Self {
            field: path.words().into(),
            more: missing.count.saturating_sub(1),
            manager: taker.map(|other| other.manager.clone()),
            subresource: taker.and_then(|other| other.subresource.clone()),
        })
    }
}

/// *spec.replicas was changed by kubectl (scale)*.
impl fmt::Display for Taken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.field)?;
        match self.more {
            0 => {}
            1 => formatter.write_str(" and 1 more field")?,
            more => write!(formatter, " and {more} more fields")?,
        }
        let verb = if self.more == 0 { "was" } else { "were" };
        match (&self.manager, &self.subresource) {
            (None, _) => write!(formatter, " {verb} removed"),
            (Some(manager), None) => write!(formatter, " {verb} changed by {manager}"),
            (Some(manager), Some(subresource)) => {
                write!(formatter, " {verb} changed by {manager} ({subresource})")
            }
        }
    }
}

/// A field that is not in git, and who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The field in people's words.
    pub field: Box<str>,
    /// The manager that has it.
    pub manager: Box<str>,
}

impl ByHand {
    /// How many are kept of one object.
    pub const MOST: usize = 5;

    /// What others wish beside our entry and beside what is in git. What git leaves to them is no news.
    pub(crate) fn beside(
        ours: &Entry,
        others: &[Other],
        manifest: &Value,
        left_out: &[Pointer],
    ) -> Box<[Self]> {
        let left: Vec<FieldPath> =
            left_out.iter().filter_map(|pointer| pointer.path(manifest)).collect();
        let mut found: Vec<Self> = others
            .iter()
            .filter(|other| other.is_a_wish())
            .flat_map(|other| {
                fields::beside(&other.fields, ours.fields())
                    .into_iter()
                    .filter(|path| !is_kubectls_own(path) && !path.is_in(manifest))
                    .filter(|path| !left.iter().any(|left| path.0.starts_with(&left.0)))
                    .map(|path| Self { field: path.words().into(), manager: other.manager.clone() })
            })
            .collect();
        found.truncate(Self::MOST);
        found.into_boxed_slice()
    }
}

/// *env B of container c, by kubectl-set*.
impl fmt::Display for ByHand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, by {}", self.field, self.manager)
    }
}

/// Annotations by which kubectl remembers what it did.
fn is_kubectls_own(path: &FieldPath) -> bool {
    matches!(&path.0[..], [.., Step::Field(map), Step::Field(key)]
        if map == "annotations" && key.starts_with("kubectl.kubernetes.io/"))
}
