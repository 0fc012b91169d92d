//! `CertificateSigningRequest` of `certificates.k8s.io/v1beta1` to `v1`: who signs must be said, and what for.

use serde_json::{Value, json};

use super::{
    remarks::Remarks,
    walk::{map_at, set_default},
};

pub(super) fn rewrite(object: &mut Value, remarks: &mut Remarks<'_>) {
    let Some(spec) = map_at(object, &["spec"]) else { return };
    let signer = spec.get("signerName").and_then(Value::as_str).unwrap_or(LEGACY);
    if signer == LEGACY {
        remarks.refuse(
            &["spec", "signerName"],
            "certificates.k8s.io/v1 requires `spec.signerName`, and only you know who is to sign",
            "Write the signer, for example `signerName: kubernetes.io/kube-apiserver-client`",
        );
    }
    set_default(spec, "usages", json!(["digital signature", "key encipherment"]));
}

/// What v1beta1 assumed where nothing was said; v1 refuses it.
const LEGACY: &str = "kubernetes.io/legacy-unknown";
