//! Deliveries that were taken, to know them again.

use std::collections::{HashSet, VecDeque};

use super::Desk;
use crate::proof::Fingerprint;

/// The newest deliveries; the oldest is forgotten for each new one beyond [`Desk::REMEMBERED`].
#[derive(Debug, Default)]
pub(super) struct Replays {
    known: HashSet<Fingerprint>,
    order: VecDeque<Fingerprint>,
}

impl Replays {
    /// Remembers it; whether it is new.
    pub(super) fn remember(&mut self, fingerprint: Fingerprint) -> bool {
        if !self.known.insert(fingerprint) {
            return false;
        }
        self.order.push_back(fingerprint);
        if self.order.len() > Desk::REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Desk, Replays};

    fn fingerprint(number: usize) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint[..8].copy_from_slice(&number.to_be_bytes());
        fingerprint
    }

    #[test]
    fn what_was_seen_is_known_again_until_too_many_came_after_it() {
        let mut replays = Replays::default();
        for number in 0..Desk::REMEMBERED {
            assert!(replays.remember(fingerprint(number)));
            assert!(!replays.remember(fingerprint(number)));
        }
        assert!(!replays.remember(fingerprint(0)));
        assert!(replays.remember(fingerprint(Desk::REMEMBERED)));
        assert!(replays.remember(fingerprint(0)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut replays = Replays::default();
        for number in 0..10 * Desk::REMEMBERED {
            replays.remember(fingerprint(number));
        }
        assert_eq!(replays.known.len(), Desk::REMEMBERED);
        assert_eq!(replays.order.len(), Desk::REMEMBERED);
    }
}
