//! Which calls go wrong, and how.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::Call;

/// Which calls a fault meets.
#[derive(Debug, Clone)]
pub struct Rule {
    verb: String,
    target: String,
    name: Option<String>,
    skip: u32,
    times: u32,
    every: u32,
}

/// Calls with this verb to this resource. The verb is one of [`Call::verb`], `write` for all that
/// change something, or `*` for all requests; the target is as [`Call::target`], or `*`.
pub fn on(verb: &str, target: &str) -> Rule {
    Rule {
        verb: verb.to_owned(),
        target: target.to_owned(),
        name: None,
        skip: 0,
        times: u32::MAX,
        every: 1,
    }
}

impl Rule {
    /// Only for the object of this name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Only the first so many of them.
    #[must_use]
    pub fn first(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Only the n-th of them, counted from 1.
    #[must_use]
    pub fn nth(mut self, number: u32) -> Self {
        self.skip = number.saturating_sub(1);
        self.times = 1;
        self
    }

    /// Only every n-th of them, beginning with the first.
    #[must_use]
    pub fn every(mut self, number: u32) -> Self {
        self.every = number.max(1);
        self
    }

    /// Whether it is about this call at all.
    pub(super) fn is_about(&self, call: &Call) -> bool {
        let verb = match self.verb.as_str() {
            "*" => call.verb != "event",
            "write" => call.is_write(),
            verb => verb == call.verb,
        };
        verb && (self.target == "*" || self.target == call.target)
            && self.name.as_ref().is_none_or(|name| *name == call.name)
    }

    /// Whether it meets the call that is the `number`-th of those it is about, counted from 0.
    pub(super) fn meets(&self, number: u32) -> bool {
        number >= self.skip
            && (number - self.skip) / self.every < self.times
            && (number - self.skip).is_multiple_of(self.every)
    }
}

/// What goes wrong. Before: the API server never sees the call. After: it took effect.
#[derive(Clone)]
pub enum Fault {
    /// Answered with this status instead; before.
    Refuse(u16),
    /// Answered with 429 and this `Retry-After` in seconds; before.
    TooMany(u32),
    /// Answered with this status instead of the real answer; after.
    RefuseAfter(u16),
    /// Answered late.
    Delay(Duration),
    /// The connection is cut without an answer; before.
    Cut,
    /// The connection is cut without an answer; after.
    CutAfter,
    /// The connection is cut after so many bytes of the answer's body; after.
    CutBody(usize),
    /// Never answered; before.
    Swallow,
    /// Never answered; after.
    SwallowAfter,
    /// Held until the gate opens, then goes on as if nothing had been. For an event of a watch,
    /// those behind it wait too.
    Hold(Gate),
    /// Answered with 200 and this instead; before. For an event of a watch: this is sent instead.
    Answer(Value),
    /// The real answer, or event, changed.
    Edit(Arc<dyn Fn(&mut Value) + Send + Sync>),
    /// Goes on with this parameter of the query, as `limit=2` for a list that is cut into pages
    /// or `timeoutSeconds=3` for a watch that ends soon.
    Query(&'static str, u32),
    /// The real answer, held until the gate opens: by then it is an old one.
    HoldAnswer(Gate),
    /// An event of a watch that never arrives. A request is met as by [`Fault::Swallow`].
    Drop,
}

impl Fault {
    /// The real answer, changed.
    pub fn edit(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Edit(Arc::new(change))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refuse(code) | Self::RefuseAfter(code) => return write!(formatter, "{code}"),
            Self::TooMany(_) => "429",
            Self::Delay(_) => "delay",
            Self::Cut | Self::CutAfter | Self::CutBody(_) => "cut",
            Self::Swallow | Self::SwallowAfter => "no answer",
            Self::Hold(_) => "hold",
            Self::Answer(_) => "false answer",
            Self::Edit(_) => "edited answer",
            Self::HoldAnswer(_) => "old answer",
            Self::Query(..) => "query",
            Self::Drop => "drop",
        })
    }
}

/// Holds calls back until it is opened.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed one.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything pass from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub(super) async fn pass(&self) {
        // Fails only when the sender is gone, which this value holds.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_counts_the_calls_that_it_is_about() {
        let met = |rule: &Rule| (0..6).filter(|number| rule.meets(*number)).collect::<Vec<_>>();
        assert_eq!(met(&on("*", "*")), [0, 1, 2, 3, 4, 5]);
        assert_eq!(met(&on("*", "*").first(2)), [0, 1]);
        assert_eq!(met(&on("*", "*").nth(3)), [2]);
        assert_eq!(met(&on("*", "*").every(2)), [0, 2, 4]);
        assert_eq!(met(&on("*", "*").every(2).first(2)), [0, 2]);
    }

    #[test]
    fn a_rule_is_about_verb_target_and_name() {
        let call = Call {
            verb: "patch".into(),
            target: "kargoapps/status".into(),
            namespace: "a".into(),
            name: "shop".into(),
        };
        for (rule, expected) in [
            (on("patch", "kargoapps/status"), true),
            (on("write", "*"), true),
            (on("*", "*").named("shop"), true),
            (on("patch", "kargoapps"), false),
            (on("get", "*"), false),
            (on("*", "*").named("other"), false),
        ] {
            assert_eq!(rule.is_about(&call), expected, "{rule:?}");
        }
    }
}
