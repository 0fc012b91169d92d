//! `SubjectAccessReview` and `LocalSubjectAccessReview` of `authorization.k8s.io/v1beta1` to `v1`: `group` became `groups`.

use serde_json::Value;

use super::{
    remarks::Remarks,
    walk::{map_at, rename},
};

pub(super) fn rewrite(object: &mut Value, _: &mut Remarks<'_>) {
    if let Some(spec) = map_at(object, &["spec"]) {
        rename(spec, "group", "groups");
    }
}
