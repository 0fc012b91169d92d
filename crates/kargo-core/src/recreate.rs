//! Deleting an object to create it again, because a field changed that cannot be changed: only where the object
//! itself says so in git, and never where data would go with it.

use crate::{bands, desired::Desired, object::ObjectId};

/// Permission to delete one object that is desired. Only a desired object whose annotation says so gives it.
#[derive(Debug)]
pub struct RecreatePermit {
    id: ObjectId,
}

impl RecreatePermit {
    /// The permission that an object gives, if it does. What holds data or other objects never does.
    pub fn of(desired: &Desired) -> Option<Self> {
        let allowed =
            desired.policy().recreate && !bands::needs_consent_to_prune(&desired.id().group_kind);
        allowed.then(|| Self { id: desired.id().clone() })
    }

    /// The object.
    pub fn id(&self) -> &ObjectId {
        &self.id
    }

    /// Whether its pods go on without it, until the new one takes them over: each of them has a volume and a name
    /// of its own.
    pub fn keeps_pods(&self) -> bool {
        self.id.group_kind.is("apps", "StatefulSet")
    }
}
