//! What was asked of the API server as Kargo, by its audit log.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;
use kargo_tests::cluster::audit::AuditEvent;

use crate::stage::Stage;

/// A moment, to the microsecond as in the audit log.
pub(crate) struct Moment(String);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(format!("{:.6}", Timestamp::now()))
    }
}

/// What was asked since then, but for the Lease.
pub(crate) fn since(stage: &Stage, moment: &Moment) -> Result<Vec<AuditEvent>> {
    let (cluster, user) = stage.audit();
    let mut calls = cluster.audit_of(user)?;
    calls.retain(|call| {
        call.request_received_timestamp > moment.0 && call.object().resource != "leases"
    });
    Ok(calls)
}

/// How many of them wrote something.
pub(crate) fn writes(calls: &[AuditEvent]) -> usize {
    calls.iter().filter(|call| call.is_write()).count()
}

/// How many of them listed something; a watch that begins with a list is one too.
pub(crate) fn lists(calls: &[AuditEvent]) -> usize {
    let lists = |call: &&AuditEvent| {
        call.verb == "list"
            || (call.request_uri.contains("sendInitialEvents=true")
                && call.stage == "ResponseStarted")
    };
    calls.iter().filter(lists).count()
}

/// Waits until nothing has been written for a while.
pub(crate) async fn until_quiet(stage: &Stage, quiet: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        let moment = Moment::now();
        tokio::time::sleep(quiet).await;
        let calls = since(stage, &moment)?;
        let Some(last) = calls.iter().rfind(|call| call.is_write()) else { return Ok(()) };
        if begun.elapsed() > Duration::from_mins(5) {
            bail!("Kargo does not stop writing: {} {}", last.verb, last.request_uri);
        }
    }
}
