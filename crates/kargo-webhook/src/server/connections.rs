//! How many connections there are at once.
//!
//! When all places are taken, the oldest connection makes room for the new one: whoever is slow on purpose loses,
//! and a forge, which needs its connection for a moment, never waits behind a thousand that say nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// The open connections, by age.
#[derive(Debug)]
pub(super) struct Connections {
    places: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_age: BTreeMap<u64, CancellationToken>,
}

/// The place of one connection, free again when this goes.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    taken: CancellationToken,
    connections: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, open: Mutex::default() })
    }

    /// A place for one more connection.
    pub(super) fn open(self: &Arc<Self>) -> Place {
        let taken = CancellationToken::new();
        let mut open = self.lock();
        if open.by_age.len() >= self.places
            && let Some((_, oldest)) = open.by_age.pop_first()
        {
            oldest.cancel();
        }
        let number = open.next;
        open.next += 1;
        open.by_age.insert(number, taken.clone());
        Place { number, taken, connections: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until a newer connection needs the place.
    pub(super) async fn taken(&self) {
        self.taken.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().by_age.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;

    #[test]
    fn the_oldest_makes_room() {
        let connections = Connections::new(2);
        let [first, second, third] = std::array::from_fn(|_| connections.open());
        let cut = |place: &super::Place| place.taken.is_cancelled();
        assert_eq!([cut(&first), cut(&second), cut(&third)], [true, false, false]);
        drop(second);
        let fourth = connections.open();
        assert_eq!([cut(&third), cut(&fourth)], [false, false]);
    }

    #[test]
    fn places_are_given_back() {
        let connections = Connections::new(2);
        for _ in 0..10 {
            let place = connections.open();
            assert!(!place.taken.is_cancelled());
        }
        assert!(connections.lock().by_age.is_empty());
    }
}
