//! Webhook configurations of `admissionregistration.k8s.io/v1beta1` to `v1`: four defaults changed, two fields became required.

use serde_json::{Value, json};

use super::{
    remarks::Remarks,
    walk::{map_at, maps_in, set_default},
};

pub(super) fn rewrite(object: &mut Value, remarks: &mut Remarks<'_>) {
    let Some(configuration) = map_at(object, &[]) else { return };
    for (index, webhook) in maps_in(configuration, "webhooks") {
        set_default(webhook, "failurePolicy", "Ignore");
        set_default(webhook, "matchPolicy", "Exact");
        set_default(webhook, "timeoutSeconds", 30);
        set_default(webhook, "admissionReviewVersions", json!(["v1beta1"]));
        let place = ["webhooks", &index, "sideEffects"];
        match webhook.get("sideEffects").and_then(Value::as_str) {
            Some("Some") => {
                remarks.refuse(
                    &place,
                    "a webhook with side effects cannot be registered in admissionregistration.k8s.io/v1, \
                     which calls every webhook for dry runs too",
                    "Make the webhook do nothing in dry runs, and write `sideEffects: NoneOnDryRun`",
                );
            }
            Some("None" | "NoneOnDryRun") => {}
            _ => {
                webhook.insert("sideEffects".to_owned(), Value::from("None"));
                remarks.warn(
                    &place,
                    "the webhook does not say whether it has side effects, which v1 requires; `None` was \
                     assumed, and it is called for dry runs too",
                    "Write `sideEffects: None`, or `NoneOnDryRun` if it does nothing in dry runs",
                );
            }
        }
    }
}
