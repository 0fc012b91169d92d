//! One kustomization and all below it: what it loads, makes and changes, in kustomize's order.

use std::sync::Arc;

use crate::absorb::{Generated, absorb};
use crate::arguments::Variable;
use crate::config::{Config, SharedConfig};
use crate::context::{Context, Failed, Result};
use crate::decode::Text;
use crate::error::Code;
use crate::generators::config_map::{self, Kind};
use crate::kustomization::{self, Kustomization};
use crate::metadata::Origin;
use crate::paths::Found;
use crate::plugins;
use crate::position::Spot;
use crate::resource::Resource;
use crate::resource_set::ResourceSet;
use crate::resources::{Source, objects_of};
use crate::schema::Schema;
use crate::selector::SELECT_STEPS;
use crate::transformers::Transformer;
use crate::yaml::Size;
use crate::{configurations, crds, steps};

/// What has been put together so far.
#[derive(Default)]
pub(crate) struct Accumulator {
    pub(crate) set: ResourceSet,
    pub(crate) config: SharedConfig,
    pub(crate) variables: Vec<Variable>,
}

/// A kustomization on the way from the root to where the build is.
pub(crate) struct Target<'k> {
    /// Its folder, links followed.
    pub(crate) root: String,
    pub(crate) kustomization: Kustomization,
    /// Where objects come from, if the root kustomization asks for it.
    pub(crate) origin: Option<Origin>,
    /// Folders of the kustomizations above.
    pub(crate) above: Option<&'k Target<'k>>,
}

impl Target<'_> {
    pub(crate) fn file_spot(&self) -> Spot {
        self.kustomization.spot.unwrap_or(Spot::NOWHERE)
    }

    /// Everything that this kustomization does, in order. Loading goes on after errors, to find more of
    /// them; nothing is changed any more.
    pub(crate) fn accumulate(
        &self,
        into: &mut Accumulator,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let kustomization = &self.kustomization;
        for path in &kustomization.resources {
            // The error is in the report.
            let _ = self.resource(path, into, context);
        }
        let tables = configurations::load(&kustomization.configurations, &self.root, context);
        self.merge_config(
            into,
            &tables.unwrap_or_else(|Failed| Config::default_tables()),
            context,
        )?;
        let tables = crds::load(&kustomization.crds, &self.root, context);
        self.merge_tables(into, tables, context)?;
        let generated = self.generate(context);
        if !context.has_failed() {
            for generated in generated {
                absorb(&mut into.set, generated, context)?;
            }
        }
        for path in &kustomization.components {
            let _ = self.component(path, into, context);
        }
        let steps = steps::of(self, &into.config.tables(), context);
        let validators = plugins::transformers(self, &kustomization.validators, context);
        run(steps.unwrap_or_default(), into, self.origin.is_some(), context)?;
        plugins::validate(validators.unwrap_or_default(), into, context)?;
        self.add_variables(into, context)
    }

    fn merge_config(
        &self,
        into: &mut Accumulator,
        tables: &Arc<Config>,
        context: &mut Context<'_>,
    ) -> Result<()> {
        context.step(into.config.cost_of_merging(tables), self.file_spot())?;
        into.config.merge(tables).map_err(|conflict| {
            let what = format!("the field tables disagree on whether to create `{}`", conflict.0);
            context.fail_with_help(
                Code::InvalidValue,
                self.file_spot(),
                what,
                "Use the same `create` everywhere in `configurations`",
            )
        })
    }

    fn merge_tables(
        &self,
        into: &mut Accumulator,
        tables: Result<Option<Config>>,
        context: &mut Context<'_>,
    ) -> Result<()> {
        match tables {
            Ok(Some(tables)) => self.merge_config(into, &Arc::new(tables), context),
            // What failed is in the report.
            Ok(None) | Err(Failed) => Ok(()),
        }
    }

    /// An entry of `resources`: a file or the folder of another kustomization.
    pub(crate) fn resource(
        &self,
        path: &Text,
        into: &mut Accumulator,
        context: &mut Context<'_>,
    ) -> Result<()> {
        match context.find(&self.root, &path.value, path.spot)? {
            Found::File(real, size) => {
                context.check_fence(&self.root, &path.value, &real, path.spot)?;
                let source = Source::file(context.read(&real, size, path.spot)?);
                let mut limits = context.limits;
                let objects = objects_of(&source, &context.schema, &mut limits);
                context.limits = limits;
                let mut objects = objects.map_err(|not| not.report(&source, context))?;
                context.count_objects(objects.len(), path.spot)?;
                context.unknown_kind_seen |= objects.iter().any(|object| {
                    Schema::is_unknown_scope(&object.id.gvk.api_version(), &object.id.gvk.kind)
                });
                if let Some(origin) = &self.origin {
                    let origin = origin.append(&path.value);
                    for object in &mut objects {
                        origin.annotate(object);
                    }
                }
                into.set.append_all(objects, context)
            }
            Found::Folder(root) => {
                let below = self.enter(path, root, context)?;
                if below.kustomization.is_component {
                    let what = format!("`{}` is a Component", path.value);
                    return Err(context.fail_with_help(
                        Code::WrongFileKind,
                        path.spot,
                        what,
                        "Name it under `components` instead",
                    ));
                }
                let mut own = Accumulator::default();
                below.accumulate(&mut own, context)?;
                merge(into, own, path.spot, context)
            }
            Found::Nothing(missing) => {
                Err(context.missing(&self.root, &path.value, &missing, path.spot))
            }
        }
    }

    /// An entry of `components`: it works on everything so far.
    fn component(
        &self,
        path: &Text,
        into: &mut Accumulator,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let root = match context.find(&self.root, &path.value, path.spot)? {
            Found::Folder(root) => root,
            Found::File(..) => {
                let what = format!("`{}` is a file, and a component is a folder", path.value);
                return Err(context.fail_with_help(
                    Code::WrongFileKind,
                    path.spot,
                    what,
                    "Name the file under `resources` instead",
                ));
            }
            Found::Nothing(missing) => {
                return Err(context.missing(&self.root, &path.value, &missing, path.spot));
            }
        };
        let below = self.enter(path, root, context)?;
        if !below.kustomization.is_component {
            let what = format!("`{}` is not a Component", path.value);
            return Err(context.fail_with_help(
                Code::WrongFileKind,
                path.spot,
                what,
                "Name it under `resources` instead, or write `kind: Component` there",
            ));
        }
        let mut own = std::mem::take(into);
        let outcome = below.accumulate(&mut own, context);
        // What a component leaves behind is merged into an accumulator that is empty, as the reference does. That
        // is not the same: the tables are sorted by now, and an entry for one kind hides a later one for all.
        let tables = std::mem::take(&mut own.config).tables();
        *into = own;
        self.merge_config(into, &tables, context)?;
        outcome
    }

    /// Reads the kustomization in a folder that this one names.
    fn enter(&self, path: &Text, root: String, context: &mut Context<'_>) -> Result<Target<'_>> {
        let mut depth = 1;
        let mut target = Some(self);
        while let Some(above) = target {
            let is_cycle = root.is_empty()
                || above.root == root
                || above.root.starts_with(&format!("{root}/"));
            if is_cycle {
                let what = format!(
                    "`{}` is a cycle: it contains {}, which is being built",
                    path.value,
                    shown(&above.root)
                );
                return Err(context.fail_with_help(
                    Code::Cycle,
                    path.spot,
                    what,
                    "Move what both need into a folder of its own",
                ));
            }
            depth += 1;
            target = above.above;
        }
        let budget = context.options.budget;
        if depth > budget.kustomization_depth {
            let what = format!(
                "kustomizations are nested deeper than {} levels",
                budget.kustomization_depth
            );
            return Err(context.fail_with_help(
                Code::Budget,
                path.spot,
                what,
                "Flatten the folders",
            ));
        }
        context.kustomizations += 1;
        if context.kustomizations > budget.kustomizations {
            let what = format!("this build has more than {} kustomizations", budget.kustomizations);
            return Err(context.fail_with_help(
                Code::Budget,
                path.spot,
                what,
                "Split it into several applications",
            ));
        }
        let kustomization = kustomization::load(context, &root, path.spot)?;
        crate::openapi::load(&kustomization, &root, context)?;
        let origin = self.origin.as_ref().map(|origin| origin.append(&path.value));
        Ok(Target { root, kustomization, origin, above: Some(self) })
    }

    /// What all generators make.
    fn generate(&self, context: &mut Context<'_>) -> Vec<Generated> {
        let kustomization = &self.kustomization;
        let mut generated = Vec::new();
        let builtin = [
            (Kind::ConfigMap, &kustomization.config_map_generator),
            (Kind::Secret, &kustomization.secret_generator),
        ];
        for (kind, list) in builtin {
            let origin = self.configured_by(kind.generator());
            for arguments in list {
                if context.is_spent {
                    break;
                }
                let options = kustomization.generator_options.as_ref();
                if let Ok(resource) =
                    config_map::generate(kind, arguments, options, &self.root, context)
                {
                    generated.push(Generated { resource, origin: origin.clone() });
                }
            }
        }
        generated.extend(plugins::generate(self, context).unwrap_or_default());
        generated
    }

    /// The origin of what a field of this kustomization makes or changes.
    pub(crate) fn configured_by(&self, kind: &str) -> Option<Origin> {
        self.origin.as_ref().map(|origin| origin.configured_by(&self.kustomization.file_name, kind))
    }

    fn add_variables(&self, into: &mut Accumulator, context: &mut Context<'_>) -> Result<()> {
        for variable in &self.kustomization.variables {
            mark_source(variable, into, context)?;
        }
        for variable in &self.kustomization.variables {
            add_variable(into, variable.clone(), context)?;
        }
        Ok(())
    }
}

pub(crate) fn shown(root: &str) -> &str {
    if root.is_empty() { "the root of the tree" } else { root }
}

/// Puts one accumulator into another.
pub(crate) fn merge(
    into: &mut Accumulator,
    own: Accumulator,
    spot: Spot,
    context: &mut Context<'_>,
) -> Result<()> {
    into.set.append_all(own.set.into_list(), context)?;
    if let Some(tables) = own.config.shared() {
        context.step(into.config.cost_of_merging(tables), spot)?;
    }
    into.config.merge_other(&own.config).map_err(|conflict| {
        let what = format!("the field tables disagree on whether to create `{}`", conflict.0);
        context.fail_with_help(
            Code::InvalidValue,
            spot,
            what,
            "Use the same `create` everywhere in `configurations`",
        )
    })?;
    own.variables.into_iter().try_for_each(|variable| add_variable(into, variable, context))
}

fn add_variable(
    into: &mut Accumulator,
    variable: Variable,
    context: &mut Context<'_>,
) -> Result<()> {
    if let Some(known) = into.variables.iter().find(|known| known.name.value == variable.name.value)
    {
        let first = context
            .files
            .position(known.name.spot)
            .map_or_else(String::new, |position| format!(" at {position}"));
        let what = format!("the variable `{}` is already defined{first}", variable.name.value);
        return Err(context.fail_with_help(
            Code::InvalidVariable,
            variable.name.spot,
            what,
            "Give it another name",
        ));
    }
    into.variables.push(variable);
    Ok(())
}

/// Remembers which object a variable takes its value from.
fn mark_source(
    variable: &Variable,
    into: &mut Accumulator,
    context: &mut Context<'_>,
) -> Result<()> {
    let target = &variable.target;
    let cluster_scoped =
        context.schema.is_cluster_scoped(&target.gvk.api_version(), &target.gvk.kind);
    let any_namespace = target.namespace.is_empty() && !cluster_scoped;
    let mut wanted = target.clone();
    wanted.cluster_scoped = cluster_scoped;
    let fits = |resource: &Resource| {
        let gvk = &resource.id.gvk;
        let fits = |kind: &str, name: &str, namespace: &str| {
            *gvk.group == *target.gvk.group
                && *gvk.version == *target.gvk.version
                && *target.gvk.kind == *kind
                && *target.name == *name
                && (any_namespace || namespace == wanted.effective_namespace())
        };
        fits(&gvk.kind, &resource.id.name, resource.id.effective_namespace())
            || resource.previous.iter().any(|previous| {
                fits(
                    &previous.kind,
                    &previous.name,
                    crate::identity::effective(&previous.namespace),
                )
            })
    };
    context.step(SELECT_STEPS * into.set.list().len() as u64, variable.name.spot)?;
    let mut found =
        into.set.list_mut().iter_mut().filter(|resource| !resource.deleted && fits(resource));
    let Some(resource) = found.next() else { return Ok(()) };
    if found.next().is_some() {
        let what = format!("several objects match the variable `{}`", variable.name.value);
        return Err(context.fail_with_help(
            Code::InvalidVariable,
            variable.name.spot,
            what,
            "Name the namespace in `objref`",
        ));
    }
    resource.variables.push(variable.name.value.as_str().into());
    Ok(())
}

/// Runs transformers in order.
pub(crate) fn run(
    steps: Vec<Step>,
    into: &mut Accumulator,
    annotates: bool,
    context: &mut Context<'_>,
) -> Result<()> {
    if context.has_failed() {
        return Err(Failed);
    }
    for step in steps {
        // What an independent transformer leaves behind can still be checked by others of its kind.
        if context.is_spent || (context.has_failed() && !step.transformer.is_independent()) {
            break;
        }
        context.step(into.set.list().len() as u64, step.transformer.spot())?;
        let spot = step.transformer.spot();
        let outcome = step.transformer.transform(&mut into.set, context);
        // Patterns run up a bill.
        context.step(0, spot)?;
        if outcome.is_err() && !step.transformer.is_independent() {
            break;
        }
        if let Some(origin) = step.origin.filter(|_| annotates && !context.has_failed()) {
            for resource in into.set.list_mut().iter_mut().filter(|resource| !resource.deleted) {
                let size = origin.annotate_change(resource);
                context.make(Size { nodes: 0, text: size, depth: 0 }, resource.origin)?;
            }
        }
    }
    into.set.drop_deleted();
    if context.has_failed() { Err(Failed) } else { Ok(()) }
}

/// A transformer and what to write about it into annotations, if that is asked for.
pub(crate) struct Step {
    pub(crate) transformer: Box<dyn Transformer>,
    pub(crate) origin: Option<Origin>,
}
