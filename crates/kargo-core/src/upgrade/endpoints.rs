//! `EndpointSlice` of `discovery.k8s.io/v1beta1` to `v1`: `topology` became `nodeName` and `zone`.

use serde_json::Value;

use super::{
    remarks::Remarks,
    walk::{map_at, maps_in, set_default, take},
};

pub(super) fn rewrite(object: &mut Value, remarks: &mut Remarks<'_>) {
    let Some(slice) = map_at(object, &[]) else { return };
    for (index, endpoint) in maps_in(slice, "endpoints") {
        let Some(Value::Object(mut topology)) = take(endpoint, "topology") else { continue };
        for (label, field) in
            [("kubernetes.io/hostname", "nodeName"), ("topology.kubernetes.io/zone", "zone")]
        {
            if let Some(value) = take(&mut topology, label) {
                set_default(endpoint, field, value);
            }
        }
        if !topology.is_empty() {
            let labels: Vec<String> = topology.keys().map(|label| format!("`{label}`")).collect();
            remarks.warn(
                &["endpoints", &index, "topology"],
                format!("v1 has no place for {} in `topology`; it is left out", labels.join(", ")),
                "Delete `topology` and write `nodeName` and `zone`",
            );
        }
    }
}
