//! How much a remote may take from us. All limits stand here, with their meaning and their default; the
//! reference documentation is made from them, and an installation sets others by name.

use std::time::Duration;

/// Defines the limits once: the struct, its defaults, how each is set by name, and the table for people.
macro_rules! limits {
    ($($(#[doc = $meaning:literal])+ $name:ident: $kind:ty = $default:expr,)+) => {
        /// Budgets for one [`Store`](crate::Store); every one of them ends in
        /// [`Cause::TooLarge`](crate::Cause) or [`Cause::TimedOut`](crate::Cause), never in a wait without end.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $meaning])+ pub $name: $kind,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Sets one limit, written as `pack-bytes=1Gi` or `fetch-timeout=10m`.
            pub fn set(&mut self, setting: &str) -> Result<(), LimitError> {
                let (name, value) = setting.split_once('=').ok_or(LimitError::Form)?;
                match name.trim().replace('-', "_").as_str() {
                    $(stringify!($name) => {
                        self.$name = Setting::read(value.trim()).ok_or(LimitError::Value)?;
                    })+
                    _ => return Err(LimitError::Name),
                }
                Ok(())
            }

            /// Name, default and meaning of each limit, for the reference documentation.
            pub fn table() -> Vec<[String; 3]> {
                let default = Self::default();
                vec![$([
                    stringify!($name).replace('_', "-"),
                    default.$name.show(),
                    concat!($($meaning),+).trim().to_owned(),
                ]),+]
            }
        }
    };
}

limits! {
    /// To look up the name, connect and greet by TLS.
    connect_timeout: Duration = Duration::from_secs(10),
    /// The longest silence of a server in the middle of an answer.
    idle_timeout: Duration = Duration::from_secs(30),
    /// All of one [`Store::resolve`](crate::Store::resolve), from the moment it is this remote's turn.
    resolve_timeout: Duration = Duration::from_secs(45),
    /// All of one fetch: requests, pack, indexing.
    fetch_timeout: Duration = Duration::from_mins(5),
    /// Bytes of one answer that is not a pack: an advertisement, a list of references.
    answer_bytes: u64 = 16 << 20,
    /// References in one answer.
    references: usize = 100_000,
    /// Bytes of one pack as it comes over the wire.
    pack_bytes: u64 = 512 << 20,
    /// Objects in one pack.
    pack_objects: u32 = 1_000_000,
    /// Bytes of all objects of one pack after decompression and delta resolution.
    inflated_bytes: u64 = 4 << 30,
    /// Bytes of a single object that is stored whole; it is streamed, not held in memory.
    object_bytes: u64 = 1 << 30,
    /// Bytes of a single object that has to be held in memory: a delta's result, a tree, a commit, a file
    /// that is read.
    memory_bytes: u64 = 64 << 20,
    /// The longest chain of deltas.
    delta_depth: u32 = 4096,
    /// Folders between the root of a tree and a file.
    tree_depth: usize = 64,
    /// Files below the app's path that are fetched ahead, in one request, from a server that leaves files out.
    prefetch_files: usize = 5_000,
    /// Requests for further files while one snapshot is read.
    late_fetches: u32 = 64,
    /// Packs in one remote's cache; then it is fetched anew, which leaves out what nobody needs any more.
    cache_packs: u64 = 64,
    /// Bytes of all caches; beyond them, those used longest ago go.
    cache_bytes: u64 = 4 << 30,
    /// Caches that nobody used for this long go.
    cache_age: Duration = Duration::from_hours(7 * 24),
    /// Packs that are inspected and indexed at the same time in this process.
    parallel_indexing: usize = 2,
}

/// A text does not set a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No equals sign.
    #[error("a limit is set as name=value, for example pack-bytes=1Gi")]
    Form,
    /// A name that is none.
    #[error("there is no limit of this name; docs/reference.md lists them")]
    Name,
    /// Not a positive number with a unit that fits.
    #[error(
        "the value must be a number above 0, with Ki, Mi or Gi for counts and bytes, with s, m or h for times"
    )]
    Value,
}

/// A value that people write with a unit.
trait Setting: Sized {
    fn read(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

fn number(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (digits, factor) = unit.unwrap_or((text, 1));
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_plain)?.checked_mul(factor)?;
    Some(number).filter(|number| *number > 0)
}

const POWERS: [(&str, u64); 3] = [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];

const TIMES: [(&str, u64); 3] = [("h", 3600), ("m", 60), ("s", 1)];

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let unit = units.iter().find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor));
    unit.map_or_else(|| number.to_string(), |(unit, factor)| format!("{}{unit}", number / factor))
}

impl Setting for Duration {
    fn read(text: &str) -> Option<Self> {
        // A number without a unit would be read as anything.
        let has_unit = TIMES.iter().any(|(unit, _)| text.ends_with(unit));
        number(text, &TIMES).filter(|_| has_unit).map(Self::from_secs)
    }

    fn show(&self) -> String {
        show(self.as_secs(), &TIMES)
    }
}

macro_rules! counts {
    ($($kind:ty),+) => {
        $(impl Setting for $kind {
            fn read(text: &str) -> Option<Self> {
                number(text, &POWERS)?.try_into().ok()
            }

            fn show(&self) -> String {
                show(u64::try_from(*self).unwrap_or(u64::MAX), &POWERS)
            }
        })+
    };
}

counts!(u64, u32, usize);

#[cfg(test)]
mod tests {
    use super::{LimitError, Limits};
    use std::time::Duration;

    #[test]
    fn limits_are_set_by_name() {
        let mut limits = Limits::default();
        for setting in ["pack-bytes=1Gi", "fetch_timeout = 10m", "references=5", "delta-depth=2Ki"]
        {
            assert_eq!(limits.set(setting), Ok(()), "{setting}");
        }
        let expected = Limits {
            pack_bytes: 1 << 30,
            fetch_timeout: Duration::from_mins(10),
            references: 5,
            delta_depth: 2048,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
        for (setting, error) in [
            ("pack-bytes", LimitError::Form),
            ("packs=1", LimitError::Name),
            ("=1", LimitError::Name),
            ("pack-bytes=", LimitError::Value),
            ("pack-bytes=0", LimitError::Value),
            ("pack-bytes=-1", LimitError::Value),
            ("pack-bytes=+1", LimitError::Value),
            ("pack-bytes=1s", LimitError::Value),
            ("pack-bytes=99999999999Gi", LimitError::Value),
            ("fetch-timeout=10", LimitError::Value),
            ("fetch-timeout=1Gi", LimitError::Value),
            ("pack-objects=8Gi", LimitError::Value),
        ] {
            assert_eq!(limits.set(setting), Err(error), "{setting}");
        }
        assert_eq!(limits, expected, "what is refused changes nothing");
    }

    #[test]
    fn the_table_says_what_the_defaults_are() {
        let table = Limits::table();
        let mut limits = Limits::default();
        for [name, default, meaning] in &table {
            assert!(!meaning.is_empty(), "{name}");
            assert_eq!(limits.set(&format!("{name}={default}")), Ok(()), "{name}={default}");
        }
        assert_eq!(limits, Limits::default());
    }
}
