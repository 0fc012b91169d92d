//! Watches: what happens in the cluster becomes events of the world, each reduced at once.

pub(crate) mod apps;
pub(crate) mod definitions;
pub(crate) mod objects;

use std::time::Duration;

use kube::runtime::watcher;

/// How long one watch call lasts; a silently dropped connection is noticed a little later.
const WATCH_SECONDS: u32 = 240;

/// First and longest delay before a broken watch is opened again.
const REOPEN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// The delay before the n-th attempt in a row to open a watch again.
fn delay(failures: u32) -> Duration {
    REOPEN.0.saturating_mul(1 << failures.min(10)).min(REOPEN.1)
}

/// A watch error in words that repeat no body.
fn describe(error: &watcher::Error) -> String {
    let inner = match error {
        watcher::Error::InitialListFailed(inner)
        | watcher::Error::WatchStartFailed(inner)
        | watcher::Error::WatchFailed(inner) => inner,
        watcher::Error::WatchError(status) => return format!("{} {}", status.code, status.reason),
        watcher::Error::NoResourceVersion => return "the API server sent no version".to_owned(),
    };
    match inner {
        kube::Error::Api(status) => format!("{} {}", status.code, status.reason),
        _ => "the API server could not be reached".to_owned(),
    }
}

/// Whether the API server refuses the watch, rather than being out of reach.
fn is_refusal(error: &watcher::Error) -> bool {
    matches!(answer(error), Some(401 | 403 | 404 | 405))
}

/// Whether the API server answered at all.
fn is_answer(error: &watcher::Error) -> bool {
    answer(error).is_some()
}

/// The status code of the API server's answer.
fn answer(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}
