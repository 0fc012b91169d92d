//! Objects that are put back: how often, because of whom, and when somebody fights over a field.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use super::event::Now;
use crate::{live::Live, object::ObjectId};

/// A field that was taken more often than this within [`WINDOW`] is fought over.
const LIMIT: usize = 5;
const WINDOW: Duration = Duration::from_mins(5);

/// First and longest delay before an object is put back over whose field somebody fights. It doubles each time.
const DELAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// What was put back lately, by object.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    objects: HashMap<ObjectId, Repair>,
}

#[derive(Debug, Default)]
struct Repair {
    not_before: Duration,
    /// It was sent and is not answered yet.
    pending: bool,
    /// The incarnation that went before it was put back, if it went.
    gone_uid: Option<String>,
    /// Which field was taken by whom before it was put back, in words.
    taken: Option<String>,
    /// The fields that were taken lately; the empty one stands for a field that is not known.
    fields: BTreeMap<Box<str>, Takes>,
}

/// How often one field was taken.
#[derive(Debug, Default)]
struct Takes {
    /// When, the oldest first; no more than say that it is a fight.
    at: VecDeque<Duration>,
    /// How often since the fight began.
    rounds: u32,
    manager: Option<Box<str>>,
}

/// Somebody changes a field again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fight {
    pub(super) object: ObjectId,
    /// The field in people's words; empty if it is not known.
    pub(super) field: Box<str>,
    pub(super) manager: Option<Box<str>>,
}

impl Fight {
    /// *Deployment/web: spec.replicas is changed again and again by kubectl*.
    pub(super) fn words(&self) -> String {
        let field = if self.field.is_empty() { "a field" } else { &self.field };
        let by = self.manager.as_ref().map(|manager| format!(" by {manager}")).unwrap_or_default();
        format!("{}: {field} is changed again and again{by}", self.object.short())
    }
}

impl Repairs {
    /// Notes which incarnation of a desired object went.
    pub(super) fn note_gone(&mut self, id: &ObjectId, uid: &str) {
        let repair = self.objects.entry(id.clone()).or_default();
        repair.gone_uid = Some(uid.to_owned());
        // A fight over its fields ends with the object.
        repair.not_before = Duration::ZERO;
    }

    /// Counts the times that an object is put back. `live` is what is there before.
    pub(super) fn note(&mut self, id: &ObjectId, live: Option<&Live>, now: Now) {
        let repair = self.objects.entry(id.clone()).or_default();
        repair.pending = true;
        // Who deletes an object does not fight over its fields: it comes back at once, always.
        let Some(live) = live else { return };
        let taken = live.taken();
        repair.taken = taken.map(ToString::to_string);
        let field = taken.map(|taken| taken.field.clone()).unwrap_or_default();
        let takes = repair.fields.entry(field).or_default();
        takes.manager = taken.and_then(|taken| taken.manager.clone());
        takes.at.push_back(now.monotonic);
        takes.forget(now);
        if takes.at.len() > LIMIT {
            let delay = DELAY.0.saturating_mul(1 << takes.rounds.min(16)).min(DELAY.1);
            repair.not_before = now.monotonic + delay;
            takes.rounds += 1;
        }
        repair.fields.retain(|_, takes| !takes.at.is_empty());
    }

    /// What to tell people when an object was put back; `uid` is its incarnation now.
    pub(super) fn answered(&mut self, id: &ObjectId, uid: &str) -> Option<String> {
        let repair = self.objects.get_mut(id).filter(|repair| repair.pending)?;
        repair.pending = false;
        // An object that lost our labels goes from the watch just like a deleted one.
        let was_deleted = repair.gone_uid.take().is_some_and(|gone| gone != uid);
        let taken = repair.taken.take();
        let what = match taken.filter(|_| !was_deleted) {
            Some(taken) => format!("{}: {taken}", id.short()),
            None if was_deleted => format!("{} was deleted by hand", id.short()),
            None => format!("{} was changed by hand", id.short()),
        };
        Some(format!("{what}; it has been put back as git has it."))
    }

    /// Whether an object may be put back now.
    pub(super) fn is_due(&self, id: &ObjectId, now: Now) -> bool {
        self.not_before(id).is_none_or(|at| at <= now.monotonic)
    }

    /// When an object may be put back.
    pub(super) fn not_before(&self, id: &ObjectId) -> Option<Duration> {
        self.objects.get(id).map(|repair| repair.not_before)
    }

    /// The fights of this moment, and when the first of them is over if nothing more happens.
    pub(super) fn fights(&mut self, now: Now) -> (Vec<Fight>, Option<Duration>) {
        let mut fights = Vec::new();
        let mut until: Option<Duration> = None;
        for (id, repair) in &mut self.objects {
            for (field, takes) in &mut repair.fields {
                takes.forget(now);
                if takes.at.len() <= LIMIT {
                    continue;
                }
                let over = takes.at.front().map_or(now.monotonic, |oldest| *oldest + WINDOW);
                until = Some(until.map_or(over, |until| until.min(over)));
                let (object, manager) = (id.clone(), takes.manager.clone());
                fights.push(Fight { object, field: field.clone(), manager });
            }
        }
        fights
            .sort_by(|left, right| (&left.object, &left.field).cmp(&(&right.object, &right.field)));
        (fights, until)
    }
}

impl Takes {
    fn forget(&mut self, now: Now) {
        while self.at.front().is_some_and(|oldest| *oldest + WINDOW <= now.monotonic)
            || self.at.len() > LIMIT + 1
        {
            self.at.pop_front();
        }
        if self.at.len() <= LIMIT {
            self.rounds = 0;
        }
    }
}
