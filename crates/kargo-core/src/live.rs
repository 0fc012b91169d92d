//! What is kept of a live object: each watch event and each answer to an apply is reduced to this at once,
//! and the rest is dropped.

use kargo_api::{names, status::HealthSummary};
use serde_json::Value;

use crate::{
    addresses,
    desired::Desired,
    health,
    marks::{self, Mark},
    object::ObjectId,
    ownership::Entry,
};

/// A live object, reduced.
#[derive(Debug, Clone)]
pub struct Live {
    /// Who it is.
    pub id: ObjectId,
    /// The incarnation: a recreated object has another one.
    pub uid: String,
    /// The version of the object, as the API server counts; 0 if it cannot be read as a number.
    pub resource_version: u64,
    /// Whose it is.
    pub mark: Mark,
    /// What people said about pruning it, in the manifest that was applied.
    pub prune: PruneConsent,
    /// Whether somebody deleted it and it is still going.
    pub deleting: bool,
    /// Whether it is up.
    pub health: HealthSummary,
    /// Why it is not up, in one sentence.
    pub message: String,
    /// Where it answers from outside the cluster.
    pub urls: Vec<String>,
    /// The digest of what was applied, as recorded on the object.
    digest: Option<String>,
    entry: Option<KeptEntry>,
}

/// The value of the prune annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneConsent {
    /// Nothing was said.
    Default,
    /// It may be pruned although its kind is not.
    Allowed,
    /// It stays when it leaves git.
    Disabled,
}

/// Our entry, as small as it can be kept.
#[derive(Debug, Clone)]
struct KeptEntry {
    api_version: Box<str>,
    hash: u64,
    coverage: Coverage,
}

#[derive(Debug, Clone)]
enum Coverage {
    /// Not compared yet: what is desired is not known. The fields are needed for it.
    Unknown(Box<str>),
    /// Whether it covers the desired object of this digest.
    Known { digest: Box<str>, covers: bool },
}

impl Live {
    /// Reduces an object as the API server sent it. `None` if it is no object with name and uid.
    pub fn observe(object: &Value, installation: &str) -> Option<Self> {
        let id = ObjectId::of(object)?;
        let metadata = object.get("metadata")?;
        let annotation = |key: &str| metadata.get("annotations").and_then(|map| map.get(key)?.as_str());
        let entry = Entry::of(object);
        let mark = marks::read(object, installation, &id, entry.as_ref());
        let health = health::health(object);
        Some(Self {
            uid: metadata.get("uid")?.as_str()?.to_owned(),
            resource_version: metadata
                .get("resourceVersion")
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            mark,
            prune: match annotation(names::PRUNE_ANNOTATION) {
                Some("allowed") => PruneConsent::Allowed,
                Some("disabled") => PruneConsent::Disabled,
                _ => PruneConsent::Default,
            },
            deleting: metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null()),
            health: health.summary,
            message: health.message,
            urls: addresses::urls(object),
            digest: annotation(names::DIGEST_ANNOTATION).map(str::to_owned),
            entry: entry.map(|entry| KeptEntry {
                hash: entry.hash(),
                coverage: Coverage::Unknown(entry.compact().into_boxed_str()),
                api_version: entry.api_version.into_boxed_str(),
            }),
            id,
        })
    }

    /// Whether the object is what was applied for `desired`: the recorded digest is the same and our
    /// ownership is whole. Only then there is nothing to send.
    pub fn is_intact(&self, desired: &Desired) -> bool {
        !self.deleting
            && self.digest.as_deref() == Some(desired.digest())
            && self.entry.as_ref().is_some_and(|entry| entry.covers(desired))
    }

    /// Compares with what is desired once, and keeps only the outcome. `previous` is what was known of
    /// the object before: an entry that did not change needs no second walk.
    pub fn settle(&mut self, desired: &Desired, previous: Option<&Self>) {
        let known = previous.and_then(|live| live.entry.as_ref());
        let Some(entry) = self.entry.as_mut() else { return };
        if let Some(known) = known.filter(|known| known.hash == entry.hash)
            && matches!(&known.coverage, Coverage::Known { digest, .. } if **digest == *desired.digest())
        {
            entry.coverage = known.coverage.clone();
            return;
        }
        let covers = entry.covers(desired);
        entry.coverage = Coverage::Known { digest: desired.digest().into(), covers };
    }

    /// Takes the answer to an apply as the measure: what the API server made of `desired` is what it can
    /// be, also where it keeps less than was sent (a custom resource's schema dropped a field). Later
    /// events are compared with this entry, so nothing is sent for ever.
    pub fn settle_applied(&mut self, desired: &Desired) {
        if let Some(entry) = self.entry.as_mut() {
            entry.coverage = Coverage::Known { digest: desired.digest().into(), covers: true };
        }
    }
}

impl KeptEntry {
    fn covers(&self, desired: &Desired) -> bool {
        match &self.coverage {
            Coverage::Unknown(fields) => Entry::parse(&self.api_version, fields)
                .is_some_and(|entry| entry.covers(desired.manifest())),
            Coverage::Known { digest, covers } => *covers && **digest == *desired.digest(),
        }
    }
}
