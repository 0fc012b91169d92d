//! `PriorityLevelConfiguration` of `flowcontrol.apiserver.k8s.io/v1beta1` to `v1beta3`: the shares have another name since `v1beta3`,
//! and a zero meant *not said* (30) before `v1`.

use serde_json::Value;

use super::{
    remarks::Remarks,
    walk::{map_at, rename},
};

pub(super) fn rewrite(object: &mut Value, _: &mut Remarks<'_>) {
    let keep_zero = map_at(object, &["metadata", "annotations"])
        .is_some_and(|annotations| annotations.shift_remove(KEEP_ZERO).is_some());
    let Some(limited) = map_at(object, &["spec", "limited"]) else { return };
    rename(limited, "assuredConcurrencyShares", "nominalConcurrencyShares");
    let zero =
        limited.get("nominalConcurrencyShares").is_some_and(|shares| shares.as_i64() == Some(0));
    if zero && !keep_zero {
        limited.shift_remove("nominalConcurrencyShares");
    }
}

/// With this annotation a zero of `v1beta3` was meant as one.
const KEEP_ZERO: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";
