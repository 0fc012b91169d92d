//! What the world is told, and what it wants done.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use kargo_api::{
    KargoApp, KargoAppStatus, SourceReference, names, reasons::EventReason, reasons::Reason,
};

use crate::{
    autoscaling::ReplicasOwner,
    desired::{Desired, Rendered},
    finding::Finding,
    live::Live,
    object::{AppKey, GroupKind, ObjectId},
    prune::{Candidate, PrunePermit},
};

/// The time, passed in with every event.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Time since the start of the process; every delay is counted on it.
    pub monotonic: Duration,
    /// The time of day, for people only.
    pub wall: Timestamp,
}

/// A `KargoApp` as the watch saw it.
#[derive(Debug, Clone)]
pub struct SeenApp {
    /// Namespace and name.
    pub key: AppKey,
    /// The resource.
    pub app: Box<KargoApp>,
}

impl SeenApp {
    /// Takes a `KargoApp` from the API server.
    pub fn of(app: KargoApp) -> Option<Self> {
        let key =
            AppKey { namespace: app.metadata.namespace.clone()?, name: app.metadata.name.clone()? };
        Some(Self { key, app: Box::new(app) })
    }

    /// One of its annotations.
    pub fn annotation(&self, key: &str) -> Option<&String> {
        self.app.metadata.annotations.as_ref().and_then(|annotations| annotations.get(key))
    }

    /// Whether our finalizer is on it.
    pub fn has_finalizer(&self) -> bool {
        self.app.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == names::FINALIZER)
    }
}

/// Why a commit could not be found, fetched or rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The reason of the condition.
    pub reason: Reason,
    /// What happened and what to do, for people.
    pub message: String,
    /// Everything that was found.
    pub findings: Vec<Finding>,
    /// Whether it may go away by itself.
    pub transient: bool,
}

/// What a load depends on besides the commit; a change of any of it asks for a new load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRequest {
    /// The repository.
    pub repo_url: String,
    /// The name of the Secret with what the repository asks for.
    pub secret: Option<String>,
    /// The `ServiceAccount` that the app names. Another one may not read that Secret.
    pub service_account: Option<String>,
    /// The name of the Secret with the keys of those whose signature a commit must carry.
    pub signers: Option<String>,
    /// The commit.
    pub commit: String,
    /// The folder.
    pub path: String,
    /// The namespace that everything goes to.
    pub target_namespace: Option<String>,
    /// Counts the changes of what the API server serves that matter to this app.
    pub kinds_version: u64,
}

/// What of which repository an app follows, and how often it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The repository.
    pub repo_url: String,
    /// The name of the Secret with what the repository asks for.
    pub secret: Option<String>,
    /// The `ServiceAccount` that the app names. Another one may not read that Secret.
    pub service_account: Option<String>,
    /// The branch, tag or commit.
    pub reference: SourceReference,
    /// Time between two requests.
    pub interval: Duration,
}

/// One object to apply.
#[derive(Debug, Clone)]
pub struct ToApply {
    /// What to send.
    pub desired: Arc<Desired>,
    /// The uid of the live object, if there is one that is ours; without it, nobody's object may be overwritten
    /// unseen.
    pub uid: Option<String>,
    /// Who has `spec.replicas` of the live object.
    pub replicas: ReplicasOwner,
}

/// An object that the API server took.
#[derive(Debug)]
pub struct Accepted {
    /// What it stored.
    pub live: Box<Live>,
    /// What people should know of it: an object that was taken over, values that were changed on the way.
    pub remarks: Vec<Finding>,
}

/// What came of one object's apply.
#[derive(Debug)]
pub struct ApplyOutcome {
    /// What was sent.
    pub desired: Arc<Desired>,
    /// The answer.
    pub result: Result<Accepted, ApplyFailure>,
}

/// Why the API server did not take an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyFailure {
    /// What happened and what to do.
    pub finding: Finding,
    /// Whether it may go away by itself soon.
    pub transient: bool,
}

/// What came of one deletion.
#[derive(Debug)]
pub struct PruneOutcome {
    /// The object.
    pub candidate: Candidate,
    /// Whether it is gone or going; the error says why not.
    pub result: Result<Gone, ApplyFailure>,
}

/// How an object went, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// Deleted by this run.
    Deleted,
    /// It was gone already, or is another incarnation, or is not ours any more.
    NotThere,
    /// Not yet: this still uses it.
    InUse(String),
}

/// What the world is told.
#[derive(Debug)]
pub enum Event {
    /// All `KargoApps` of one namespace, or of all if `None`, after a list.
    AppsListed(Option<String>, Vec<SeenApp>),
    /// A `KargoApp` is new or has changed.
    AppSeen(SeenApp),
    /// A `KargoApp` is there and cannot be read. What is its own stays its own; a list may leave it out.
    AppUnreadable(AppKey),
    /// A `KargoApp` is gone.
    AppGone(AppKey),
    /// All objects of a kind that carry our labels, after a list.
    LiveListed(GroupKind, Vec<Live>),
    /// A kind cannot be listed; the finding says why.
    LiveUnavailable(GroupKind, Finding),
    /// An object that carries our labels is new or has changed.
    LiveSeen(Box<Live>),
    /// An object is gone, or carries our labels no longer.
    LiveGone {
        /// Who it was.
        id: ObjectId,
        /// The incarnation that went.
        uid: String,
    },
    /// What the API server serves has changed.
    KindsChanged {
        /// Kinds in a version that is not served any more.
        lost: BTreeSet<(GroupKind, String)>,
    },
    /// Git was asked for the commit of an app's branch or tag.
    TipSeen {
        /// The app.
        app: AppKey,
        /// What was asked.
        subscription: Subscription,
        /// The commit, or why it is not known.
        tip: Result<String, Failure>,
    },
    /// A commit was fetched, rendered and prepared, or not.
    Loaded {
        /// The app.
        app: AppKey,
        /// What was asked.
        request: LoadRequest,
        /// What came of it.
        result: Result<Arc<Rendered>, Failure>,
    },
    /// One object of an apply was answered.
    ObjectApplied {
        /// The app.
        app: AppKey,
        /// The answer.
        outcome: ApplyOutcome,
    },
    /// All objects of an apply were answered.
    ApplyEnded {
        /// The app.
        app: AppKey,
        /// The number of the apply.
        run: u64,
    },
    /// A prune ended.
    Pruned {
        /// The app.
        app: AppKey,
        /// What came of each object.
        outcomes: Vec<PruneOutcome>,
    },
    /// A status was written, or not.
    StatusWritten {
        /// The app.
        app: AppKey,
        /// Whether it is stored.
        stored: bool,
    },
    /// The finalizer was set or taken off, or not.
    FinalizerWritten {
        /// The app.
        app: AppKey,
        /// Whether it was to be there.
        present: bool,
        /// Whether it is stored.
        stored: bool,
    },
    /// Nothing but time has passed.
    Tick,
}

/// What the world wants done. Each is answered by an event; the world does not wait for it.
#[derive(Debug)]
pub enum Command {
    /// Follow a branch or a tag; answered by [`Event::TipSeen`], again and again.
    Subscribe(AppKey, Subscription),
    /// Do not follow anything for this app any more.
    Unsubscribe(AppKey),
    /// Ask git now.
    Refresh(AppKey),
    /// Fetch, render and prepare; answered by [`Event::Loaded`].
    Load {
        /// The app.
        app: AppKey,
        /// What to load.
        request: LoadRequest,
        /// The last good result, which is kept if nothing that was read has changed.
        previous: Option<Arc<Rendered>>,
    },
    /// Record that this installation uses a kind, then list and watch it; answered by [`Event::LiveListed`].
    Track(GroupKind),
    /// Look at what the API server serves again; answered by [`Event::KindsChanged`] if it has changed.
    Discover,
    /// Apply objects in bands; answered by [`Event::ObjectApplied`] for each and [`Event::ApplyEnded`].
    Apply {
        /// The app.
        app: AppKey,
        /// The number of the apply.
        run: u64,
        /// The commit that is applied.
        revision: String,
        /// What to send.
        objects: Vec<ToApply>,
        /// Namespaces to create first if nobody has.
        namespaces: Vec<String>,
    },
    /// Delete objects; answered by [`Event::Pruned`].
    Prune {
        /// Without it nothing is deleted.
        permit: PrunePermit,
        /// What to delete.
        candidates: Vec<Candidate>,
    },
    /// Take our marks off an object whose app is gone, so that nobody takes it for managed. Best effort; if
    /// it succeeds, the object goes from the watch.
    Unmark {
        /// The app that is gone.
        app: AppKey,
        /// The object.
        id: ObjectId,
        /// The incarnation that was seen.
        uid: String,
    },
    /// Write a status; answered by [`Event::StatusWritten`].
    WriteStatus {
        /// The app.
        app: AppKey,
        /// The incarnation of the `KargoApp` that the status is about.
        uid: String,
        /// The whole status.
        status: Box<KargoAppStatus>,
    },
    /// Set or take off the finalizer; answered by [`Event::FinalizerWritten`].
    WriteFinalizer {
        /// The app.
        app: AppKey,
        /// The incarnation of the `KargoApp`.
        uid: String,
        /// Whether it is to be there.
        present: bool,
    },
    /// Tell people by an Event on the `KargoApp`.
    Tell {
        /// The app.
        app: AppKey,
        /// The reason.
        reason: EventReason,
        /// What happened.
        note: String,
    },
}
