//! Which note becomes an Event of its own, which one only counts in a series, and which is dropped: pure, with the
//! time as a value.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use kargo_api::reasons::EventReason;
use kargo_core::object::AppKey;

/// A series that nothing was added to for so long has ended: the same note is a new Event then.
const ENDS_AFTER: Duration = Duration::from_mins(10);

/// How often a series is written at most.
const WRITTEN_EVERY: Duration = Duration::from_secs(30);

/// How many new Events of one app may come at once, and how long it takes until one more may.
const AT_ONCE: u32 = 20;
const ONE_MORE_EVERY: Duration = Duration::from_secs(15);

/// How many series are remembered; the oldest are forgotten.
const REMEMBERED: usize = 4096;

/// What makes two notes the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub app: AppKey,
    /// The incarnation of the app.
    pub uid: String,
    pub reason: EventReason,
    pub text: String,
}

/// The Event that a series is written into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub name: String,
    pub uid: String,
}

/// What is to be done about a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a new Event.
    New,
    /// It was told before, and is counted.
    Counted,
    /// There have been too many of this app.
    TooMany,
}

/// What has been told lately.
#[derive(Debug, Default)]
pub(super) struct Series {
    entries: HashMap<Key, Entry>,
    order: VecDeque<Key>,
    budgets: HashMap<AppKey, Budget>,
}

#[derive(Debug)]
struct Entry {
    stored: Option<Stored>,
    /// How often it was told, and how often the cluster knows of.
    count: u32,
    written: u32,
    last: Duration,
    write_at: Duration,
}

/// How many Events an app has left, and since when.
#[derive(Debug)]
struct Budget {
    left: u32,
    since: Duration,
}

impl Series {
    /// Takes a note.
    pub(super) fn take(&mut self, key: &Key, now: Duration) -> Verdict {
        if let Some(entry) = self.entries.get_mut(key)
            && now < entry.last + ENDS_AFTER
        {
            entry.count += 1;
            entry.last = now;
            return Verdict::Counted;
        }
        if !self.spend(&key.app, now) {
            return Verdict::TooMany;
        }
        let entry =
            Entry { stored: None, count: 1, written: 1, last: now, write_at: now + WRITTEN_EVERY };
        if self.entries.insert(key.clone(), entry).is_none() {
            self.order.push_back(key.clone());
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        Verdict::New
    }

    /// The Event of a note was stored.
    pub(super) fn stored(&mut self, key: &Key, stored: Stored) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.stored = Some(stored);
        }
    }

    /// The Event is gone, or never was: the next of its notes is a new one.
    pub(super) fn lost(&mut self, key: &Key) {
        self.entries.remove(key);
        self.order.retain(|other| other != key);
    }

    /// The app is gone.
    pub(super) fn forget(&mut self, app: &AppKey) {
        self.entries.retain(|key, _| key.app != *app);
        self.order.retain(|key| key.app != *app);
        self.budgets.remove(app);
    }

    /// When a series is to be written next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.entries
            .values()
            .filter(|entry| entry.count > entry.written && entry.stored.is_some())
            .map(|entry| entry.write_at)
            .min()
    }

    /// The series to be written now, each with its count.
    pub(super) fn due(&mut self, now: Duration) -> Vec<(Key, Stored, u32)> {
        let mut due = Vec::new();
        for (key, entry) in &mut self.entries {
            if entry.count > entry.written
                && entry.write_at <= now
                && let Some(stored) = &entry.stored
            {
                entry.written = entry.count;
                entry.write_at = now + WRITTEN_EVERY;
                due.push((key.clone(), stored.clone(), entry.count));
            }
        }
        due
    }

    fn spend(&mut self, app: &AppKey, now: Duration) -> bool {
        let budget =
            self.budgets.entry(app.clone()).or_insert_with(|| Budget { left: AT_ONCE, since: now });
        while budget.left < AT_ONCE && now >= budget.since + ONE_MORE_EVERY {
            budget.left += 1;
            budget.since += ONE_MORE_EVERY;
        }
        if budget.left == AT_ONCE {
            budget.since = now;
        }
        if budget.left == 0 {
            return false;
        }
        budget.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(app: &str, text: &str) -> Key {
        Key {
            app: AppKey { namespace: "team".to_owned(), name: app.to_owned() },
            uid: "uid".to_owned(),
            reason: EventReason::DriftRepaired,
            text: text.to_owned(),
        }
    }

    fn stored() -> Stored {
        Stored { name: "shop-1".to_owned(), uid: "event".to_owned() }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_told_again_is_counted_and_written_from_time_to_time() {
        let (mut series, web) = (Series::default(), key("shop", "web was changed"));
        assert_eq!(series.take(&web, Duration::ZERO), Verdict::New);
        series.stored(&web, stored());
        assert_eq!(series.next_due(), None, "nothing has to be added");
        for second in 1..=5 {
            assert_eq!(series.take(&web, SECOND * second), Verdict::Counted);
        }
        assert_eq!(series.next_due(), Some(WRITTEN_EVERY));
        assert_eq!(series.due(SECOND * 29), []);
        assert_eq!(series.due(SECOND * 30), [(web.clone(), stored(), 6)]);
        assert_eq!(series.due(SECOND * 90), [], "it is written once");
        series.take(&web, SECOND * 40);
        assert_eq!(series.next_due(), Some(SECOND * 60));
    }

    #[test]
    fn another_text_and_a_series_that_has_ended_are_new() {
        let mut series = Series::default();
        assert_eq!(series.take(&key("shop", "a"), SECOND), Verdict::New);
        assert_eq!(series.take(&key("shop", "b"), SECOND), Verdict::New);
        assert_eq!(series.take(&key("shop", "a"), SECOND + ENDS_AFTER), Verdict::New);
    }

    #[test]
    fn an_event_that_has_expired_is_told_anew() {
        let (mut series, web) = (Series::default(), key("shop", "a"));
        series.take(&web, SECOND);
        series.lost(&web);
        assert_eq!(series.take(&web, SECOND * 2), Verdict::New);
    }

    #[test]
    fn one_app_cannot_flood_and_does_not_silence_another() {
        let mut series = Series::default();
        let told = (0..100).filter(|number| {
            series.take(&key("shop", &number.to_string()), SECOND) == Verdict::New
        });
        assert_eq!(told.count(), 20);
        assert_eq!(series.take(&key("other", "a"), SECOND), Verdict::New);
        assert_eq!(series.take(&key("shop", "later"), SECOND + ONE_MORE_EVERY), Verdict::New);
        assert_eq!(
            series.take(&key("shop", "too soon"), SECOND + ONE_MORE_EVERY),
            Verdict::TooMany
        );
    }
}
