//! The schema that a kustomization brings along (`openapi`): for this build only.

use std::sync::Arc;

use crate::context::{Context, Result};
use crate::error::Code;
use crate::kustomization::Kustomization;
use crate::schema::{CustomSchema, Schema};
use crate::yaml::Dialect;
use crate::yaml::json::{through_json_in, to_value};
use crate::yaml::load::first_document;

/// The only version that kustomize has built in.
const BUILTIN_VERSION: &str = "v1.21.2";

/// Takes the schema of a kustomization, if it names one and none above it does.
pub(crate) fn load(
    kustomization: &Kustomization,
    root: &str,
    context: &mut Context<'_>,
) -> Result<()> {
    let (path, version) = (&kustomization.openapi_path, &kustomization.openapi_version);
    let source = match path {
        Some(path) => Some(context.read_named(root, &path.value, path.spot)?),
        None => None,
    };
    if context.schema_is_set {
        return Ok(());
    }
    if let (Some(_), Some(version)) = (path, version) {
        let what = "`openapi` has both a `path` and a `version`";
        return Err(context.fail_with_help(
            Code::InvalidValue,
            version.spot,
            what,
            "Keep one of them",
        ));
    }
    if let Some(version) = version.as_ref().filter(|version| !version.value.is_empty()) {
        if version.value != BUILTIN_VERSION {
            let what = format!("the OpenAPI version `{}` is not built in", version.value);
            return Err(context.fail_with_help(
                Code::InvalidValue,
                version.spot,
                what,
                format!("Write `{BUILTIN_VERSION}`, or name a file by `path`"),
            ));
        }
        context.schema_is_set = true;
    }
    let Some(source) = source else { return Ok(()) };
    let mut limits = context.limits;
    let loaded = first_document(&source.bytes, source.file, Dialect::Yaml11, &mut limits);
    context.limits = limits;
    let (node, _) = loaded.map_err(|fault| context.fail_in_text(source.file, fault))?;
    let document = match node {
        None => serde_json::Value::Null,
        Some(mut node) => {
            let spot = node.spot;
            let value = through_json_in(&mut node, Dialect::Yaml11).and_then(|()| to_value(&node));
            value.map_err(|fault| context.fail_as_json(fault, spot))?
        }
    };
    context.schema =
        Schema::Custom(Arc::new(CustomSchema::new(document, context.unknown_kind_seen)));
    context.schema_is_set = true;
    Ok(())
}
