//! One namespace for all objects (`NamespaceTransformer`).

use crate::config::FieldSpec;
use crate::context::{Context, Result};
use crate::error::Code;
use crate::field_spec::{Create, Stop, apply, replace_scalar, walk};
use crate::identity::Gvk;
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::transformers::Transformer;
use crate::yaml::{Data, Node, Scalar, Tag};

/// Which subjects of role bindings get the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Subjects {
    /// Those named `default`, whatever their kind.
    #[default]
    DefaultOnly,
    /// All service accounts.
    AllServiceAccounts,
    None,
}

/// Sets the namespace of all objects that may have one.
#[derive(Debug)]
pub(crate) struct NamespaceTransformer {
    pub(crate) namespace: String,
    pub(crate) fields: Vec<FieldSpec>,
    /// Leave namespaces that are set as they are.
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
    pub(crate) spot: Spot,
}

impl Transformer for NamespaceTransformer {
    fn name(&self) -> &'static str {
        "NamespaceTransformer"
    }

    fn spot(&self) -> Spot {
        self.spot
    }

    fn transform(&self, set: &mut ResourceSet, context: &mut Context<'_>) -> Result<()> {
        if self.namespace.is_empty() {
            return Ok(());
        }
        let metadata = FieldSpec::new(Gvk::default(), "metadata/namespace", true);
        for resource in set.list_mut().iter_mut().filter(|resource| !resource.deleted) {
            resource.remember_id();
            self.one(resource, &metadata, context)?;
            resource.refresh(&context.schema);
        }
        let Some((first, second)) = set.find_conflict() else { return Ok(()) };
        let first_place = context
            .files
            .position(first.origin)
            .map_or_else(String::new, |position| format!(" at {position}"));
        let what = format!(
            "in the namespace `{}` {} is the same object as the one{first_place}",
            self.namespace, second.id
        );
        Err(context.fail_with_help(
            Code::DuplicateObject,
            second.origin,
            what,
            "Rename one of the two",
        ))
    }
}

impl NamespaceTransformer {
    pub(crate) fn one(
        &self,
        resource: &mut Resource,
        metadata: &FieldSpec,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let create = Create::Scalar(Tag::Str);
        let mut changed = false;
        if !resource.id.cluster_scoped {
            changed |= apply(resource, metadata, create, context, &mut |node| self.set(node))?;
        }
        let kind = &*resource.id.gvk.kind;
        let is_binding = is_binding(kind);
        if is_binding {
            changed |= self.subjects(resource, context)?;
        }
        let api_version = resource.id.gvk.api_version();
        for spec in &self.fields {
            let unneeded = match &*spec.path.text {
                "metadata/namespace" => true,
                "metadata/name" => api_version != "v1",
                "subjects/namespace" => is_binding && self::is_binding(&spec.gvk.kind),
                _ => false,
            };
            if !unneeded {
                changed |= apply(resource, spec, create, context, &mut |node| self.set(node))?;
            }
        }
        if changed {
            resource.touch(self.name(), self.spot);
        }
        Ok(())
    }

    fn set(&self, node: &mut Node) -> Result<bool, Stop> {
        if self.unset_only && !node.value_text().is_empty() {
            return Ok(false);
        }
        replace_scalar(node, Scalar::string(self.namespace.as_str()), self.spot)
    }

    fn subjects(&self, resource: &mut Resource, context: &mut Context<'_>) -> Result<bool> {
        let (field, wanted) = match self.subjects {
            Subjects::None => return Ok(false),
            Subjects::DefaultOnly => ("name", "default"),
            Subjects::AllServiceAccounts => ("kind", "ServiceAccount"),
        };
        let name = resource.id.to_string();
        let Some(subjects) =
            resource.node.get_mut("subjects").filter(|subjects| !subjects.is_null())
        else {
            return Ok(false);
        };
        let (spot, found) = (subjects.spot, subjects.kind_name());
        let Data::List(list) = &mut subjects.data else {
            let what = format!("`subjects` of {name} is {found}, and must be a list");
            return Err(context.fail_with_help(
                Code::InvalidFieldPath,
                spot,
                what,
                "Begin each subject with `- `",
            ));
        };
        let mut changed = false;
        for subject in list.iter_mut() {
            if subject.get(field).is_some_and(|value| value.value_text() == wanted) {
                let path = [crate::config::Part { name: "namespace".into(), is_list: false }];
                let limits = &mut context.limits;
                let create = Create::Scalar(Tag::Str);
                changed |= match walk(subject, &path, create, limits, &mut |node| self.set(node)) {
                    Ok(changed) => changed,
                    Err(Stop::Spent(spent)) => return Err(context.spent(spent, spot)),
                    Err(_) => false,
                };
            }
        }
        Ok(changed)
    }
}

fn is_binding(kind: &str) -> bool {
    matches!(kind, "RoleBinding" | "ClusterRoleBinding")
}
