//! A delivery counts once, and a burst of deliveries counts as one.

mod gate;
mod replays;

use std::{collections::BTreeSet, time::Duration};

use self::{gate::Gate, replays::Replays};
use crate::{host::Receiver, proof::Fingerprint};

/// What is remembered of earlier deliveries. Times are those of a clock that only goes forward.
#[derive(Debug, Default)]
pub struct Desk {
    replays: Replays,
    gate: Gate,
}

impl Desk {
    /// A receiver is triggered at most once in this time: at once by the first delivery, and once more at its end
    /// if there were others.
    pub const WINDOW: Duration = Duration::from_secs(2);

    /// How many deliveries are remembered, to know them again.
    pub const REMEMBERED: usize = 4096;

    /// Takes an accepted delivery: whom to trigger now. Nothing if it was taken before.
    pub fn take(
        &mut self,
        fingerprint: Fingerprint,
        receivers: BTreeSet<Receiver>,
        now: Duration,
    ) -> Option<Vec<Receiver>> {
        if !self.replays.remember(fingerprint) {
            return None;
        }
        Some(receivers.into_iter().filter_map(|receiver| self.gate.ask(receiver, now)).collect())
    }

    /// Whom to trigger now, because the end of a window was waited for.
    pub fn due(&mut self, now: Duration) -> Vec<Receiver> {
        self.gate.due(now)
    }

    /// When to ask [`Desk::due`] next; never if nobody waits.
    pub fn next(&self) -> Option<Duration> {
        self.gate.next()
    }
}
