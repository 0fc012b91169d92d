//! Job: started is enough, as for kstatus: a Job may run for hours. A failed one is degraded.

use serde_json::Value;

use super::{
    Health,
    read::{condition, count, counted, flag, int, share, text},
};

pub(super) fn health(object: &Value) -> Health {
    let parallelism = int(object, &["spec", "parallelism"]).unwrap_or(1);
    let wanted = int(object, &["spec", "completions"]).unwrap_or(parallelism);
    let succeeded = share(count(object, "succeeded"), wanted, "completion", "done");
    let is = |kind| condition(object, kind).filter(|condition| condition.is_true());
    if is("Complete").is_some() {
        return Health::healthy(format!("it has finished: {succeeded}"));
    }
    if let Some(failed) = is("Failed") {
        let attempts = counted(count(object, "failed"), "failed pod");
        return Health::degraded(format!("it has failed after {attempts}{}", failed.because()));
    }
    if flag(object, &["spec", "suspend"]) && is("Suspended").is_some() {
        return Health::healthy("it is suspended by spec.suspend");
    }
    if text(object, &["status", "startTime"]).is_none() {
        return Health::progressing("it has not started yet");
    }
    Health::healthy(format!("it is running: {succeeded}"))
}
