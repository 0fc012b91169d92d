//! The state of one app.
//!
//! ```text
//!            tip seen              loaded                  all sent              all healthy, or time-out
//! (Waiting) ----------> (Loading) --------> (Applying) ----------------> (Observing) --------> (Pruning) ---> (Settled)
//!     ^                    |  failed: last good state stays  | refused: tried again, no prune      | held: waits for consent
//!     +--------------------+---------------------------------+-------------------------------------+
//! ```
//!
//! Loading runs beside the others: a new commit is loaded while the last one is still being applied, and a
//! drifted object is applied again in every phase. The newest commit always wins.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use kargo_api::{KargoAppSpec, KargoAppStatus, SourceReference, names};

use super::{
    event::{ApplyFailure, Failure, LoadRequest, SeenApp, Subscription},
    gate::{Hold, Waiting},
    repairs::{Fight, Repairs},
};
use crate::{
    desired::{Desired, Rendered},
    finding::Finding,
    finished::Finished,
    object::{AppKey, ObjectId},
    prune::Withdrawals,
};

/// How far the newest rendered set is on its way into the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Objects are still to be sent, or were refused.
    Applying,
    /// All objects stand as rendered; they are not all healthy yet.
    Observing {
        /// When the last object was sent.
        since: Duration,
    },
    /// Healthy, or out of time: what left git is being deleted.
    Pruning,
    /// Nothing is left to do.
    Settled,
}

/// A desired set on its way.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) rendered: Arc<Rendered>,
    pub(super) request: LoadRequest,
    /// The event with which it became the one to be deployed.
    pub(super) adopted_at: u64,
    pub(super) phase: Phase,
    /// It did not become healthy in time; stays until it does.
    pub(super) timed_out: bool,
    /// A former process saw it become healthy, or run out of time.
    pub(super) was_judged: bool,
    /// Objects that do not stand as rendered.
    pub(super) dirty: HashSet<ObjectId>,
    /// Objects that are not healthy.
    pub(super) unhealthy: BTreeSet<ObjectId>,
    /// Where objects answer from outside.
    pub(super) urls: BTreeMap<ObjectId, Vec<String>>,
    /// Objects that the API server did not take.
    pub(super) failures: BTreeMap<ObjectId, ObjectFailure>,
    /// Objects that belong to another app.
    pub(super) refused: BTreeMap<ObjectId, AppKey>,
    /// Deletions that wait for consent.
    pub(super) held: Vec<ObjectId>,
    /// Objects that left git and stay, because nobody consented to delete their kind.
    pub(super) kept: Vec<ObjectId>,
    /// What was put back lately.
    pub(super) repairs: Repairs,
    /// Who fights over what at this moment, and when the first fight is over if nothing more happens.
    pub(super) fights: Vec<Fight>,
    pub(super) fights_until: Option<Duration>,
    /// What came with the answer to an object's apply and is worth knowing.
    pub(super) remarks: BTreeMap<ObjectId, Vec<Finding>>,
    /// Objects that stood as rendered, do not any more, and have not been sent again yet.
    pub(super) drifted: BTreeSet<ObjectId>,
    /// Jobs and bare Pods that came to their end, also if they were cleaned up since.
    pub(super) finished: BTreeMap<ObjectId, Finished>,
}

/// A refusal of the API server, and when to try again.
#[derive(Debug, Clone)]
pub(super) struct ObjectFailure {
    pub(super) failure: ApplyFailure,
    pub(super) attempts: u32,
    pub(super) retry_at: Duration,
}

/// A failure to load, or to prune, and when to try again.
#[derive(Debug, Clone)]
pub(super) struct Retry<T> {
    pub(super) what: T,
    pub(super) attempts: u32,
    pub(super) at: Duration,
}

/// One app.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact about the app, not a state"
)]
pub(super) struct App {
    pub(super) key: AppKey,
    pub(super) uid: String,
    pub(super) generation: i64,
    pub(super) spec: KargoAppSpec,
    pub(super) confirmed_commit: Option<String>,
    /// The value of the annotation that asks for a deployment.
    pub(super) sync_requested: Option<String>,
    /// The value of it that was acted on last.
    pub(super) handled_sync: Option<String>,
    /// Git has not been asked yet since somebody asked for a deployment.
    pub(super) awaits_tip: bool,
    pub(super) deleting: bool,
    pub(super) has_finalizer: bool,
    pub(super) finalizer_in_flight: bool,
    pub(super) finalizer_retry_at: Option<Duration>,
    /// When it is looked at next, if nothing happens.
    pub(super) timer: Option<Duration>,

    pub(super) subscribed: Option<Subscription>,
    pub(super) tip: Option<String>,
    /// The event with which git answered last.
    pub(super) tip_seen_at: Option<u64>,
    /// Another app waits for git's answer before it deletes anything.
    pub(super) is_consulted: bool,
    pub(super) source_failure: Option<Failure>,
    pub(super) loading: Option<LoadRequest>,
    pub(super) load_failure: Option<Retry<(LoadRequest, Failure)>>,
    /// The load that is under way is of the commit that was deployed when a former process ended.
    pub(super) loads_what_stood: bool,
    /// When that commit may be loaded, if the newest one cannot be deployed.
    pub(super) what_stood_at: Duration,
    /// Counts the changes of what the API server serves that this app has to look at.
    pub(super) kinds_version: u64,
    /// Whether it has rendered or failed to since the start of the process.
    pub(super) spoken: bool,

    /// A rendered set that something holds, and what.
    pub(super) waiting: Option<Waiting>,
    pub(super) hold: Option<Hold>,
    pub(super) deployment: Option<Deployment>,
    /// What of the repository the deployment came from.
    pub(super) deployed_reference: Option<SourceReference>,
    /// The number of the apply that is under way.
    pub(super) applying: Option<u64>,
    /// By it, what a newer commit wants is taken back from the prune that is under way.
    pub(super) pruning: Option<Withdrawals>,
    pub(super) prune_failure: Option<Retry<Vec<Finding>>>,

    /// The status as it is stored.
    pub(super) stored: KargoAppStatus,
    pub(super) writing: Option<Box<KargoAppStatus>>,
    /// Since when a verdict that is only progress has not been written.
    pub(super) verdict_waits_since: Option<Duration>,
    pub(super) status_retry_at: Option<Duration>,
    pub(super) status_attempts: u32,
    /// Of what people have been told already.
    pub(super) told: super::verdict::Told,
}

impl App {
    pub(super) fn new(seen: &SeenApp) -> Self {
        let stored = seen.app.status.clone().unwrap_or_default();
        let mut app = Self {
            key: seen.key.clone(),
            uid: String::new(),
            generation: 0,
            spec: seen.app.spec.clone(),
            confirmed_commit: None,
            sync_requested: None,
            handled_sync: stored.last_handled_sync.clone(),
            awaits_tip: false,
            deleting: false,
            has_finalizer: false,
            finalizer_in_flight: false,
            finalizer_retry_at: None,
            timer: None,
            subscribed: None,
            tip: None,
            tip_seen_at: None,
            is_consulted: false,
            source_failure: None,
            loading: None,
            load_failure: None,
            loads_what_stood: false,
            what_stood_at: Duration::ZERO,
            kinds_version: 0,
            spoken: false,
            waiting: None,
            hold: None,
            deployment: None,
            deployed_reference: None,
            applying: None,
            pruning: None,
            prune_failure: None,
            told: super::verdict::Told::from_status(&stored),
            stored,
            writing: None,
            verdict_waits_since: None,
            status_retry_at: None,
            status_attempts: 0,
        };
        app.take(seen);
        app
    }

    /// Takes what a watch event says. The answer is whether people asked for an attempt now.
    pub(super) fn take(&mut self, seen: &SeenApp) -> bool {
        self.uid = seen.app.metadata.uid.clone().unwrap_or_default();
        self.generation = seen.app.metadata.generation.unwrap_or_default();
        self.spec = seen.app.spec.clone();
        self.confirmed_commit = seen.annotation(names::CONFIRM_PRUNE_ANNOTATION).cloned();
        self.deleting = seen.app.metadata.deletion_timestamp.is_some();
        self.has_finalizer = seen.has_finalizer();
        let requested = seen.annotation(Self::REQUEST).cloned();
        let is_new = requested != self.sync_requested;
        self.sync_requested = requested;
        let asked = is_new && self.has_request();
        self.awaits_tip |= asked;
        asked
    }

    fn secret(&self) -> Option<String> {
        self.spec.source.secret_ref.as_ref().map(|secret| secret.name.clone())
    }

    /// What is followed for this spec.
    pub(super) fn subscription(&self) -> Subscription {
        Subscription {
            repo_url: self.spec.source.repo_url.clone(),
            secret: self.secret(),
            service_account: self.spec.service_account_name.clone(),
            reference: self.spec.source.reference(),
            interval: self.spec.source.interval.duration(),
        }
    }

    /// What should be loaded, as far as the commit is known.
    pub(super) fn wanted_load(&self) -> Option<LoadRequest> {
        self.tip.clone().map(|commit| self.load_of(commit))
    }

    /// What the spec asks for at a commit.
    pub(super) fn load_of(&self, commit: String) -> LoadRequest {
        LoadRequest {
            repo_url: self.spec.source.repo_url.clone(),
            secret: self.secret(),
            service_account: self.spec.service_account_name.clone(),
            signers: self.spec.source.verify.as_ref().map(|verify| verify.secret_ref.name.clone()),
            commit,
            path: self.spec.source.path.clone(),
            target_namespace: self.spec.target_namespace.clone(),
            kinds_version: self.kinds_version,
        }
    }

    /// Whether this is what waits to be deployed.
    pub(super) fn is_waiting(&self, request: &LoadRequest) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.request == *request)
    }

    /// The newest set that was rendered.
    pub(super) fn newest(&self) -> Option<&Arc<Rendered>> {
        let waiting = self.waiting.as_ref().map(|waiting| &waiting.rendered);
        waiting.or(self.deployment.as_ref().map(|deployment| &deployment.rendered))
    }

    /// Whether a deployment, or a failure, is about what the spec asks for now; the commit may be an older one.
    pub(super) fn is_about_the_spec(&self, deployment: &Deployment) -> bool {
        if self.source_failure.is_some() {
            return true;
        }
        let Some(wanted) = self.wanted_load() else { return false };
        let failed = self.load_failure.as_ref().is_some_and(|retry| retry.what.0 == wanted);
        let (commit, kinds_version) = (wanted.commit.clone(), wanted.kinds_version);
        let same = LoadRequest { commit, kinds_version, ..deployment.request.clone() } == wanted;
        failed
            || self.is_waiting(&wanted)
            || (same && self.deployed_reference == Some(self.spec.source.reference()))
    }

    /// Whether a commit is known that is neither deployed nor failed to load.
    pub(super) fn has_news(&self, deployment: Option<&Deployment>) -> bool {
        self.wanted_load().is_some_and(|wanted| {
            let loaded = deployment.is_some_and(|deployment| deployment.request == wanted);
            let failed = self.load_failure.as_ref().is_some_and(|retry| retry.what.0 == wanted);
            !loaded && !failed && !self.is_waiting(&wanted)
        })
    }

    /// Forgets every delay: people asked, or something new came.
    pub(super) fn retry_now(&mut self) {
        if let Some(retry) = &mut self.load_failure {
            retry.at = Duration::ZERO;
        }
        if let Some(retry) = &mut self.prune_failure {
            retry.at = Duration::ZERO;
        }
        for failure in
            self.deployment.iter_mut().flat_map(|deployment| deployment.failures.values_mut())
        {
            failure.retry_at = Duration::ZERO;
        }
    }

    /// The desired object of this identity.
    pub(super) fn desired(&self, id: &ObjectId) -> Option<Arc<Desired>> {
        self.deployment.as_ref().and_then(|deployment| deployment.rendered.get(id)).cloned()
    }

    /// Whether the deletions of this commit are confirmed.
    pub(super) fn confirms(&self, revision: &str) -> bool {
        self.confirmed_commit
            .as_deref()
            .is_some_and(|commit| commit.len() >= 7 && revision.starts_with(commit))
    }
}

/// A delay that doubles with each attempt up to a cap, spread by up to a quarter so that many apps do not
/// come back at the same moment. The spread is a function of the app: decisions know no chance.
pub(super) fn backoff(key: &AppKey, attempts: u32, first: Duration, cap: Duration) -> Duration {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (key, attempts).hash(&mut hasher);
    let delay = first.saturating_mul(1 << attempts.min(16)).min(cap);
    let spread = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    delay + delay.mul_f64(f64::from(spread) / 4000.0)
}
