//! `CustomResourceDefinition` of `apiextensions.k8s.io/v1beta1` to `v1`: what was said once for all versions is said in each of them, and
//! each needs a structural schema, which only its author can write.

use serde_json::{Value, json};

use super::{
    remarks::Remarks,
    structural,
    walk::{Object, map_at, maps_in, rename, set_default, take},
};

pub(super) fn rewrite(object: &mut Value, remarks: &mut Remarks<'_>) {
    let Some(spec) = map_at(object, &["spec"]) else { return };
    set_default(spec, "scope", "Namespaced");
    list_versions(spec);
    rewrite_conversion(spec);
    // Unless told otherwise, v1beta1 keeps fields that the schema does not know.
    let keep_unknown = take(spec, "preserveUnknownFields").is_none_or(|keep| keep == true);
    let shared_schema = take(spec, "validation");
    let shared: Vec<(&str, Value)> =
        ["subresources", "additionalPrinterColumns", "selectableFields"]
            .into_iter()
            .filter_map(|field| Some((field, take(spec, field)?)))
            .collect();
    for (index, version) in maps_in(spec, "versions") {
        let place = ["spec", "versions", &index];
        if let Some(schema) = &shared_schema {
            set_default(version, "schema", schema.clone());
        }
        for (field, value) in &shared {
            set_default(version, field, value.clone());
        }
        for (_, column) in maps_in(version, "additionalPrinterColumns") {
            rename(column, "JSONPath", "jsonPath");
        }
        check_schema(version, &place, remarks);
        let schema = version.get_mut("schema").and_then(|schema| schema.get_mut("openAPIV3Schema"));
        if let Some(schema) = schema.filter(|_| keep_unknown) {
            structural::keep_unknown_fields(schema);
        }
    }
}

/// `version` is the old way to say that there is one.
fn list_versions(spec: &mut Object) {
    let single = take(spec, "version");
    let listed =
        spec.get("versions").and_then(Value::as_array).is_some_and(|versions| !versions.is_empty());
    if let Some(name) = single.filter(|_| !listed) {
        spec.insert(
            "versions".to_owned(),
            json!([{"name": name, "served": true, "storage": true}]),
        );
    }
}

fn rewrite_conversion(spec: &mut Object) {
    let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) else {
        return;
    };
    let client = take(conversion, "webhookClientConfig");
    let reviews = take(conversion, "conversionReviewVersions");
    if conversion.get("strategy").is_some_and(|strategy| strategy == "Webhook") {
        set_default(conversion, "webhook", json!({}));
        let Some(webhook) = conversion.get_mut("webhook").and_then(Value::as_object_mut) else {
            return;
        };
        if let Some(client) = client {
            set_default(webhook, "clientConfig", client);
        }
        set_default(
            webhook,
            "conversionReviewVersions",
            reviews.unwrap_or_else(|| json!(["v1beta1"])),
        );
    }
}

fn check_schema(version: &Object, place: &[&str], remarks: &mut Remarks<'_>) {
    let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
    let schema = version.get("schema").and_then(|schema| schema.get("openAPIV3Schema"));
    let why = match schema.filter(|schema| schema.is_object()) {
        None => "there is none".to_owned(),
        Some(schema) => match structural::first_violation(schema) {
            None => return,
            Some(violation) => violation,
        },
    };
    remarks.refuse(
        place,
        format!("apiextensions.k8s.io/v1 requires a structural schema for version {name}: {why}"),
        "Install the v1 form of this CustomResourceDefinition that its authors publish, or write \
         `schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}`",
    );
}
