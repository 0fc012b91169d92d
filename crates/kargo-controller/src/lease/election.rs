//! The state machine of one candidate for a lease: what it was told, and what it does next. Pure; the time
//! comes with each call, counted on a monotonic clock from any moment.
//!
//! ```text
//!            released, or unchanged for its duration: take
//!   Waiting -----------------------------------------------> Holding <----+ renewed
//!    |  ^ ^                                                   |  |  +-----+
//!    |  | +--- somebody else has it, or it changed hands -----+  |
//!    |  |                                                        |
//!    |  +-- it went -- Aging ------ its duration has passed -----+ (upwards)
//!    +-- there is none: make it --^
//! ```
//!
//! A holder whose renewals fail may not write once its time has run out, and keeps trying. If it renews the very
//! Lease that it knew, nobody else can have had it in between, and it goes on where it was. If not, its term
//! is over.
//!
//! A Lease that is missing was deleted by somebody, and whoever held it may not have noticed. So one that is made
//! anew ages for a whole duration before its maker writes, and until then it does not say that it was acquired.

use std::time::Duration;

use super::Timing;

/// The state of a Lease object, for the precondition of its next change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The incarnation.
    pub uid: String,
    /// The version of this incarnation.
    pub resource_version: String,
    /// How often its holder has changed.
    pub transitions: i32,
}

/// A Lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who holds it; nobody if it was released.
    pub holder: Option<String>,
    /// Whether it was acquired: not since it was made anew, nor if somebody else made it.
    pub acquired: bool,
    /// The duration that the holder promised.
    pub duration: Duration,
    /// Its version.
    pub version: Version,
}

/// What a candidate does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing before this moment.
    Rest(Duration),
    /// Read the Lease.
    Look,
    /// Make it, and acquire it at once only if it is the first ever.
    Create {
        /// There never was one.
        first: bool,
    },
    /// Become its holder, if it still has this version.
    Take(Version),
    /// Acquire what was made anew, if it still has this version.
    Begin(Version),
    /// Stay its holder, if it still has this version.
    Renew(Version),
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The Lease was read.
    Found(Seen),
    /// There is no Lease.
    Absent,
    /// There is none, and this installation has never run.
    NeverThere,
    /// The Lease was created, taken or renewed.
    Stored(Version),
    /// It does not have the version that was named.
    Conflict,
    /// No answer, or an error; the action may have taken effect or not.
    Failed,
}

/// Whether this candidate may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// Somebody else may.
    No,
    /// It may begin writes before `until`. The number tells one term from the next.
    Yes {
        /// Counts the terms of this candidate.
        term: u64,
        /// A moment that may have passed already.
        until: Duration,
    },
}

/// One candidate.
#[derive(Debug)]
pub struct Election {
    identity: String,
    timing: Timing,
    role: Role,
    plan: Plan,
    terms: u64,
}

#[derive(Debug)]
enum Role {
    Waiting(Option<Watched>),
    Aging { version: Version, until: Duration },
    Holding { version: Version, renewed: Duration, acquired: bool },
}

/// A Lease of somebody else, and since when it has not changed, as far as is known.
#[derive(Debug)]
struct Watched {
    seen: Seen,
    since: Duration,
}

#[derive(Debug)]
enum Plan {
    /// What the role does from time to time.
    At(Duration),
    Now(Action),
}

impl Election {
    /// A candidate that knows nothing yet. No two processes that are alive may have the same identity.
    pub fn new(identity: String, timing: Timing) -> Self {
        let (role, plan) = (Role::Waiting(None), Plan::Now(Action::Look));
        Self { identity, timing, role, plan, terms: 0 }
    }

    /// Whether it may write.
    pub fn holding(&self) -> Holding {
        match &self.role {
            Role::Waiting(_) | Role::Aging { .. } => Holding::No,
            Role::Holding { renewed, .. } => {
                Holding::Yes { term: self.terms, until: *renewed + self.timing.renew_deadline }
            }
        }
    }

    /// Who else holds the lease, as far as is known.
    pub fn other_holder(&self) -> Option<&str> {
        match &self.role {
            Role::Waiting(watched) => watched.as_ref()?.seen.holder.as_deref(),
            Role::Aging { .. } | Role::Holding { .. } => None,
        }
    }

    /// The version to release, if the lease is held. One that was made anew has to age all the same.
    pub fn releasable(&self) -> Option<&Version> {
        match &self.role {
            Role::Holding { version, acquired: true, .. } => Some(version),
            _ => None,
        }
    }

    /// What to do now.
    pub fn next(&self, now: Duration) -> Action {
        match &self.plan {
            Plan::Now(action) => action.clone(),
            Plan::At(at) if *at > now => Action::Rest(*at),
            Plan::At(_) => match &self.role {
                Role::Waiting(_) => Action::Look,
                Role::Aging { version, until } if *until <= now => Action::Begin(version.clone()),
                Role::Holding { version, acquired: false, .. } => Action::Begin(version.clone()),
                Role::Aging { version, .. } | Role::Holding { version, .. } => {
                    Action::Renew(version.clone())
                }
            },
        }
    }

    /// Takes the answer to an action that was sent at `asked` and answered at `now`.
    pub fn answered(&mut self, action: &Action, answer: Answer, asked: Duration, now: Duration) {
        match answer {
            Answer::Stored(version) => self.stored(action, version, asked, now),
            Answer::Found(seen) => self.found(seen, now),
            Answer::NeverThere if matches!(self.role, Role::Waiting(_)) => {
                self.plan = Plan::Now(Action::Create { first: true });
            }
            Answer::Absent | Answer::NeverThere => self.absent(now),
            Answer::Conflict => self.plan = Plan::Now(Action::Look),
            Answer::Failed => self.plan = Plan::At(now + self.timing.retry_every),
        }
    }

    fn stored(&mut self, action: &Action, version: Version, asked: Duration, now: Duration) {
        self.plan = Plan::At(asked + self.timing.renew_every);
        let begins = match action {
            Action::Take(_) | Action::Begin(_) | Action::Create { first: true } => true,
            Action::Create { first: false } | Action::Renew(_) => false,
            Action::Rest(_) | Action::Look => return,
        };
        let is_held = matches!(self.role, Role::Holding { .. });
        self.terms += u64::from(begins && !is_held);
        self.role = match &self.role {
            // What a holder makes anew it has never let go of.
            Role::Holding { acquired, .. } => {
                let is_renewal = matches!(action, Action::Renew(_));
                let acquired = begins || (is_renewal && *acquired);
                Role::Holding { version, renewed: asked, acquired }
            }
            _ if begins => Role::Holding { version, renewed: asked, acquired: true },
            Role::Aging { until, .. } if matches!(action, Action::Renew(_)) => {
                Role::Aging { version, until: *until }
            }
            _ => Role::Aging { version, until: now + self.timing.duration },
        };
    }

    fn found(&mut self, seen: Seen, now: Duration) {
        let is_mine = seen.holder.as_deref() == Some(&self.identity);
        if let Role::Aging { version, .. } | Role::Holding { version, .. } = &mut self.role {
            let is_the_same = (&version.uid, version.transitions)
                == (&seen.version.uid, seen.version.transitions);
            if is_mine && is_the_same {
                // A renewal whose answer was lost, or somebody touched the object.
                *version = seen.version;
                self.plan = Plan::At(now);
                return;
            }
            self.role = Role::Waiting(None);
        }
        if seen.acquired && (seen.holder.is_none() || is_mine) {
            // Released; or of a former process of this identity, which is gone.
            self.plan = Plan::Now(Action::Take(seen.version));
            return;
        }
        let version = seen.version.clone();
        let duration = seen.duration.max(self.timing.duration);
        let expiry = self.watch(seen, now) + duration;
        self.plan = if now >= expiry {
            Plan::Now(Action::Take(version))
        } else {
            Plan::At(expiry.min(now + self.timing.renew_every))
        };
    }

    fn absent(&mut self, now: Duration) {
        let still_holds = matches!(self.holding(), Holding::Yes { until, .. } if now < until);
        if !still_holds {
            self.role = Role::Waiting(None);
        }
        self.plan = Plan::Now(Action::Create { first: false });
    }

    /// Notes what others did; since when it is so.
    fn watch(&mut self, seen: Seen, now: Duration) -> Duration {
        match &self.role {
            Role::Waiting(Some(watched)) if watched.seen == seen => watched.since,
            _ => {
                self.role = Role::Waiting(Some(Watched { seen, since: now }));
                now
            }
        }
    }
}

#[cfg(test)]
mod tests;
