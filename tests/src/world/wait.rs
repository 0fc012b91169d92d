//! Waiting without fixed sleeps: ask often, and give up at a deadline with a sentence that says
//! what did not happen. Only what must *not* happen takes a fixed time to see.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until there is an answer, and returns it. When there is none before `deadline`, the error
/// has `what` and the last error.
pub async fn until<T>(
    what: &str,
    deadline: Duration,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let last = match ask().await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => String::new(),
            Err(error) => format!("; the last answer was an error: {error:#}"),
        };
        if start.elapsed() > deadline {
            bail!("waited {deadline:?} until {what}{last}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same for tests.
///
/// # Panics
/// When there is no answer before `deadline`.
pub async fn wait_for<T>(
    what: &str,
    deadline: Duration,
    ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> T {
    until(what, deadline, ask).await.unwrap_or_else(|error| panic!("{error:#}"))
}

/// Asks for `period`, and expects *yes* each time.
///
/// # Panics
/// As soon as the answer is *no* or an error.
pub async fn assert_for(what: &str, period: Duration, mut ask: impl AsyncFnMut() -> Result<bool>) {
    let start = Instant::now();
    while start.elapsed() < period {
        match ask().await {
            Ok(true) => tokio::time::sleep(PAUSE).await,
            Ok(false) => panic!("{what} did not hold any more after {:?}", start.elapsed()),
            Err(error) => panic!("{what} cannot be told: {error:#}"),
        }
    }
}
