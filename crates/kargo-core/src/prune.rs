//! What may be deleted, and the proofs without which nothing is.
//!
//! Every mass deletion on record is one sentence: an error was read as an empty desired set. So a delete
//! takes a [`PrunePermit`]; a permit takes an [`Applied`], the proof that every object of one [`Rendered`]
//! stands in the cluster as it was rendered; and a [`Rendered`] takes a render that succeeded whole.

use std::{collections::HashSet, sync::Arc};

use crate::{
    bands,
    desired::Rendered,
    live::{Live, PruneConsent},
    marks::Mark,
    object::{AppKey, ObjectId},
};

/// Proof that all of a desired set is applied: every object stands in the cluster, is ours, carries the
/// rendered digest, and nobody took a field from us.
#[derive(Debug)]
pub struct Applied {
    rendered: Arc<Rendered>,
}

impl Applied {
    /// Looks at every object; the error is the first that is not as it was rendered.
    pub fn verify<'a>(
        app: &AppKey,
        rendered: &Arc<Rendered>,
        live: impl Fn(&ObjectId) -> Option<&'a Live>,
    ) -> Result<Self, ObjectId> {
        for desired in rendered.objects() {
            let intact = live(desired.id())
                .is_some_and(|live| live.mark == Mark::Ours(app.clone()) && live.is_intact(desired));
            if !intact {
                return Err(desired.id().clone());
            }
        }
        Ok(Self { rendered: Arc::clone(rendered) })
    }

    /// Permission to delete what this app has in the cluster and the applied set does not want.
    pub fn permit(self, app: &AppKey) -> PrunePermit {
        PrunePermit { app: app.clone(), reason: Permission::LeftGit(self.rendered) }
    }
}

/// Permission to delete objects of one app. Not `Clone`: each run needs its own.
#[derive(Debug)]
pub struct PrunePermit {
    app: AppKey,
    reason: Permission,
}

#[derive(Debug)]
enum Permission {
    LeftGit(Arc<Rendered>),
    AppDeleted,
}

impl PrunePermit {
    /// The user deleted the `KargoApp` and chose `deletionPolicy: Delete`.
    pub fn for_deleted_app(app: &AppKey) -> Self {
        Self { app: app.clone(), reason: Permission::AppDeleted }
    }

    /// Whose objects may be deleted.
    pub fn app(&self) -> &AppKey {
        &self.app
    }

    /// Why, for logs and Events.
    pub fn reason(&self) -> String {
        match &self.reason {
            Permission::LeftGit(rendered) => format!("it left git with commit {}", rendered.revision()),
            Permission::AppDeleted => format!("KargoApp {} was deleted with deletionPolicy Delete", self.app),
        }
    }

    /// Whether the object may be deleted: never one that is desired.
    pub fn covers(&self, id: &ObjectId) -> bool {
        match &self.reason {
            Permission::LeftGit(rendered) => rendered.get(id).is_none(),
            Permission::AppDeleted => true,
        }
    }
}

/// An object to delete. It goes only if a look at the live object finds this uid, and the marks in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who it is.
    pub id: ObjectId,
    /// The incarnation that was seen.
    pub uid: String,
}

/// What is to become of an app's objects that are not desired.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// To be deleted.
    pub delete: Vec<Candidate>,
    /// Too many to be deleted without being asked; nothing is deleted.
    pub held: Vec<ObjectId>,
    /// Of a kind that is never deleted without consent; the others may go.
    pub kept: Vec<ObjectId>,
}

/// How many objects may always be deleted, however few there are.
const ALWAYS_ALLOWED: usize = 3;

/// Selects what to delete of `live`, all objects in the cluster that carry the marks of the app.
///
/// `elsewhere` tells of objects that another app wants: they are handed over, not deleted. `confirmed`
/// says that the user confirmed the deletions of this very commit.
pub fn select<'a>(
    rendered: &Rendered,
    live: impl Iterator<Item = &'a Live> + Clone,
    elsewhere: impl Fn(&ObjectId) -> bool,
    confirmed: bool,
) -> Selection {
    // The same object can be served under two groups; it is one as long as its uid is.
    let wanted: HashSet<&str> =
        live.clone().filter(|live| rendered.get(&live.id).is_some()).map(|live| live.uid.as_str()).collect();
    let total = live.clone().count();
    let mut selection = Selection::default();
    let leaving = live.filter(|live| {
        rendered.get(&live.id).is_none()
            && !wanted.contains(live.uid.as_str())
            && !live.deleting
            && live.prune != PruneConsent::Disabled
            && !elsewhere(&live.id)
    });
    for live in leaving {
        if may_go(live, confirmed) {
            selection.delete.push(Candidate { id: live.id.clone(), uid: live.uid.clone() });
        } else {
            selection.kept.push(live.id.clone());
        }
    }
    if !confirmed && selection.delete.len() > ALWAYS_ALLOWED && selection.delete.len() * 2 > total {
        selection.held = selection.delete.drain(..).map(|candidate| candidate.id).collect();
        selection.held.append(&mut selection.kept);
    }
    selection.delete.sort_by(|left, right| left.id.cmp(&right.id));
    selection.held.sort();
    selection.kept.sort();
    selection
}

/// Selects what goes with a deleted app: everything but what holds data or other objects without its own
/// consent, and what another app wants.
pub fn select_for_deleted_app<'a>(
    live: impl Iterator<Item = &'a Live>,
    elsewhere: impl Fn(&ObjectId) -> bool,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = live
        .filter(|live| !live.deleting && live.prune != PruneConsent::Disabled && !elsewhere(&live.id) && may_go(live, false))
        .map(|live| Candidate { id: live.id.clone(), uid: live.uid.clone() })
        .collect();
    candidates.sort_by(|left, right| left.id.cmp(&right.id));
    candidates
}

fn may_go(live: &Live, confirmed: bool) -> bool {
    confirmed || live.prune == PruneConsent::Allowed || !bands::needs_consent_to_prune(&live.id.group_kind)
}
