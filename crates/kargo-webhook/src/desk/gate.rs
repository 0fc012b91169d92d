//! How often a receiver is triggered.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use super::Desk;
use crate::host::Receiver;

/// One window for each receiver that was triggered lately. Only receivers that the host knows get here, so there are
/// never more than those.
#[derive(Debug, Default)]
pub(super) struct Gate {
    windows: BTreeMap<Receiver, Window>,
}

#[derive(Debug)]
struct Window {
    end: Duration,
    /// Somebody asked within it.
    asked: bool,
}

impl Gate {
    /// Asks for a trigger: now, or at the end of the window.
    pub(super) fn ask(&mut self, receiver: Receiver, now: Duration) -> Option<Receiver> {
        let fresh = Window { end: now + Desk::WINDOW, asked: false };
        match self.windows.entry(receiver.clone()) {
            Entry::Occupied(mut window) if now < window.get().end => {
                window.get_mut().asked = true;
                None
            }
            // One that has ended and was asked within is due: this trigger serves both.
            Entry::Occupied(mut window) => {
                window.insert(fresh);
                Some(receiver)
            }
            Entry::Vacant(place) => {
                place.insert(fresh);
                Some(receiver)
            }
        }
    }

    /// Ends the windows that are over: whom to trigger, which opens their next windows.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Receiver> {
        let mut due = Vec::new();
        self.windows.retain(|receiver, window| {
            if now < window.end {
                return true;
            }
            if !window.asked {
                return false;
            }
            *window = Window { end: now + Desk::WINDOW, asked: false };
            due.push(receiver.clone());
            true
        });
        due
    }

    /// The end of the first window.
    pub(super) fn next(&self) -> Option<Duration> {
        self.windows.values().map(|window| window.end).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Desk, Gate, Receiver};
    use crate::{host::SecretName, repository::Repository};

    fn receiver(name: &str) -> Receiver {
        let repository = Repository::at(&format!("https://git.example/{name}")).unwrap();
        Receiver { repository, secret: SecretName::Installation }
    }

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_storm_is_one_trigger_at_once_and_one_in_each_window() {
        let mut gate = Gate::default();
        let mut triggers = Vec::new();
        // A thousand a second, for ten seconds.
        for tick in 0..10_000 {
            let now = MILLISECOND * tick;
            triggers.extend(gate.due(now).iter().map(|_| now));
            triggers.extend(gate.ask(receiver("a"), now).map(|_| now));
        }
        let windows: Vec<Duration> = (0..5).map(|number| Desk::WINDOW * number).collect();
        assert_eq!(triggers, windows);
    }

    #[test]
    fn what_came_last_is_never_lost() {
        let mut gate = Gate::default();
        assert!(gate.ask(receiver("a"), Duration::ZERO).is_some());
        assert!(gate.ask(receiver("a"), MILLISECOND).is_none());
        assert_eq!(gate.next(), Some(Desk::WINDOW));
        assert_eq!(gate.due(Desk::WINDOW.saturating_sub(MILLISECOND)), []);
        assert_eq!(gate.due(Desk::WINDOW), [receiver("a")]);
        assert_eq!(gate.due(Desk::WINDOW * 2), []);
        assert_eq!(gate.next(), None, "and then nothing is remembered");
    }

    #[test]
    fn a_late_look_at_the_clock_triggers_once() {
        let mut gate = Gate::default();
        gate.ask(receiver("a"), Duration::ZERO);
        gate.ask(receiver("a"), MILLISECOND);
        assert!(gate.ask(receiver("a"), Desk::WINDOW * 3).is_some());
        assert_eq!(gate.due(Desk::WINDOW * 3), []);
    }

    #[test]
    fn a_storm_for_one_does_not_delay_another() {
        let mut gate = Gate::default();
        for _ in 0..1000 {
            gate.ask(receiver("a"), Duration::ZERO);
        }
        assert_eq!(gate.ask(receiver("b"), Duration::ZERO), Some(receiver("b")));
    }
}
