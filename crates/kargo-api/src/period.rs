//! A duration as people write it in a `KargoApp`: `30s`, `5m`, `1h30m`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// A length of time, kept as it was written: whole hours, minutes and seconds, each at most once and
/// in that order. The pattern of the schema admits nothing else, so that `kubectl apply` refuses `5` and `1d`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(String);

/// The text is not of the form `1h30m10s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPeriod;

impl fmt::Display for InvalidPeriod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("not a duration; write hours, minutes and seconds like 30s, 5m or 1h30m")
    }
}

impl std::error::Error for InvalidPeriod {}

/// What the schema checks before anything else looks at the text.
pub const PATTERN: &str = "^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$";

impl Period {
    /// A period of whole seconds.
    pub fn seconds(seconds: u64) -> Self {
        Self(format!("{seconds}s"))
    }

    /// Its length. Text that the schema would have refused counts as zero; ask [`Period::parse`] to tell.
    pub fn duration(&self) -> Duration {
        Self::parse(&self.0).unwrap_or_default()
    }

    /// Reads `1h30m10s`.
    pub fn parse(text: &str) -> Result<Duration, InvalidPeriod> {
        let mut rest = text;
        let mut seconds: u64 = 0;
        for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
            let Some((digits, after)) = rest.split_once(unit) else { continue };
            let number: u64 = digits.parse().map_err(|_| InvalidPeriod)?;
            seconds = number
                .checked_mul(factor)
                .and_then(|part| seconds.checked_add(part))
                .ok_or(InvalidPeriod)?;
            rest = after;
        }
        if rest.is_empty() && !text.is_empty() {
            Ok(Duration::from_secs(seconds))
        } else {
            Err(InvalidPeriod)
        }
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        Self::parse(text).map(|_| Self(text.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("30s", Some(30))]
    #[case("5m", Some(300))]
    #[case("1h30m10s", Some(5410))]
    #[case("0s", Some(0))]
    #[case("", None)]
    #[case("5", None)]
    #[case("1d", None)]
    #[case("10s5m", None)]
    #[case("-5s", None)]
    #[case("99999999999999999999h", None)]
    fn a_period_is_hours_minutes_and_seconds(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(Period::parse(text).ok().map(|period| period.as_secs()), seconds);
    }
}
