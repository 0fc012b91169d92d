//! The resource and its custom resource definition.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, ValidationRule,
};
use kube_core::CustomResourceExt;

pub use crate::spec::KargoApp;

/// The custom resource definition as it is installed: the schema of the Rust types, plus the rule that a
/// name must fit into a label, because every managed object carries the name of its app as one.
pub fn crd() -> CustomResourceDefinition {
    let mut definition = KargoApp::crd();
    for version in &mut definition.spec.versions {
        let root = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(root) = root {
            root.x_kubernetes_validations.get_or_insert_default().push(ValidationRule {
                rule: "size(self.metadata.name) <= 63".to_owned(),
                message: Some(
                    "the name of a KargoApp must have at most 63 characters; every object it deploys is labelled with it"
                        .to_owned(),
                ),
                ..ValidationRule::default()
            });
        }
    }
    definition
}
