//! How long everything about a lease may take.

use std::time::Duration;

/// The times of a lease. All are parts of its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A lease that nobody has renewed for so long may be taken over.
    pub duration: Duration,
    /// Time between two renewals.
    pub renew_every: Duration,
    /// Without a renewal for so long, the holder begins no write any more.
    pub renew_deadline: Duration,
    /// How long one write may take.
    pub write_deadline: Duration,
    /// By how much two clocks may differ after one duration.
    pub skew: Duration,
    /// How long one call about the lease may take.
    pub call_deadline: Duration,
    /// The pause after a call about the lease that failed.
    pub retry_every: Duration,
}

/// The shortest lease that leaves time for calls over a network.
const SHORTEST: Duration = Duration::from_secs(5);

/// The longest: nobody works for so long after the holder's node is lost.
const LONGEST: Duration = Duration::from_mins(10);

/// The duration of a lease is not between the shortest and the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lease lasts between {} s and {} s", SHORTEST.as_secs(), LONGEST.as_secs())]
pub struct Unsafe;

impl Timing {
    /// The times of a lease of this duration. Slow admission webhooks take ten seconds by default, which is why
    /// half of it belongs to a write.
    pub const fn of(duration: Duration) -> Result<Self, Unsafe> {
        let timing = Self {
            duration,
            renew_every: percent(duration, 10),
            renew_deadline: percent(duration, 40),
            write_deadline: percent(duration, 50),
            skew: percent(duration, 5),
            call_deadline: percent(duration, 15),
            retry_every: percent(duration, 3),
        };
        let millis = duration.as_millis();
        if millis < SHORTEST.as_millis() || millis > LONGEST.as_millis() || !timing.is_safe() {
            return Err(Unsafe);
        }
        Ok(timing)
    }

    /// Whether the last write of a former holder has ended before anybody else may begin, and whether one failed
    /// renewal leaves time for another.
    pub const fn is_safe(&self) -> bool {
        let (renew, write) = (self.renew_deadline.as_millis(), self.write_deadline.as_millis());
        let attempt = self.call_deadline.as_millis() + self.retry_every.as_millis();
        renew + write + self.skew.as_millis() < self.duration.as_millis()
            && self.renew_every.as_millis() + attempt < renew
    }
}

/// Of whole seconds, as the Lease has them.
const fn percent(duration: Duration, percent: u64) -> Duration {
    Duration::from_millis(duration.as_secs().saturating_mul(10 * percent))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::too_short(4, false)]
    #[case::shortest(5, true)]
    #[case::default(30, true)]
    #[case::longest(600, true)]
    #[case::too_long(601, false)]
    fn only_a_safe_duration_makes_a_timing(#[case] seconds: u64, #[case] accepted: bool) {
        let timing = Timing::of(Duration::from_secs(seconds));
        assert_eq!(timing.is_ok_and(|timing| timing.is_safe()), accepted);
    }

    #[test]
    fn a_write_that_could_outlast_the_lease_is_not_safe() {
        let timing = Timing::of(Duration::from_secs(30)).expect("it is safe");
        assert!(!Timing { write_deadline: Duration::from_secs(17), ..timing }.is_safe());
        assert!(!Timing { renew_deadline: Duration::from_secs(14), ..timing }.is_safe());
        assert!(!Timing { skew: Duration::from_secs(3), ..timing }.is_safe());
        assert!(!Timing { call_deadline: Duration::from_secs(9), ..timing }.is_safe());
    }
}
