//! Names that were changed are changed where they are referred to as well (`nameReference`).

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use crate::config::{Config, FieldSpec};
use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::field_spec::{Create, Stop, walk};
use crate::identity::{Gvk, NO_NAMESPACE};
use crate::position::Spot;
use crate::resource::{Resource, set_scalar};
use crate::resource_set::ResourceSet;
use crate::yaml::limits::Spent;
use crate::yaml::{Data, Node, Scalar, Tag};

/// An object whose name or namespace changed, as far as references to it matter.
struct Candidate {
    name: Box<str>,
    namespace: Box<str>,
    effective_namespace: Box<str>,
    original_namespace: Box<str>,
    cluster_scoped: bool,
    kind: Box<str>,
    group: Box<str>,
    version: Box<str>,
    previous: Vec<(Box<str>, Box<str>)>,
    prefixes: Vec<Box<str>>,
    suffixes: Vec<Box<str>>,
    shown: String,
}

/// All candidates, by the names they had.
struct Candidates {
    list: Vec<Candidate>,
    by_previous_name: HashMap<Box<str>, Vec<usize>>,
    /// For every namespace in which objects began: where those are now.
    began_in: HashMap<Box<str>, HashSet<Dwelling>>,
}

/// Effective namespace, namespace as written, and whether the kind has none.
type Dwelling = (Box<str>, Box<str>, bool);

/// What of the referring object matters.
struct Referrer {
    effective_namespace: Box<str>,
    cluster_scoped: bool,
    prefixes: Vec<Box<str>>,
    suffixes: Vec<Box<str>>,
    /// Namespaces of the service accounts that a role binding names.
    subject_namespaces: HashSet<String>,
    role: Option<Gvk>,
}

/// Updates all references. Free of cost where no name has changed.
pub(crate) fn fix(set: &mut ResourceSet, config: &Config, context: &mut Context<'_>) -> Result<()> {
    let mut result = refuse_blank_namespaces(set.list(), context);
    let candidates = Candidates::new(set.list());
    if candidates.list.is_empty() {
        return result;
    }
    for resource in set.list_mut() {
        if fix_one(resource, config, &candidates, context).is_err() {
            result = Err(Failed);
        }
    }
    result
}

/// A service account in a role binding that names its namespace must name it by a text.
fn refuse_blank_namespaces(list: &[Resource], context: &mut Context<'_>) -> Result<()> {
    let mut result = Ok(());
    for resource in list.iter().filter(|resource| &*resource.id.gvk.kind == "RoleBinding") {
        for subject in resource.node.get("subjects").and_then(Node::as_list).unwrap_or_default() {
            let is_account =
                subject.get("kind").is_some_and(|kind| kind.text() == "ServiceAccount");
            let Some(namespace) = subject.get("namespace").filter(|_| is_account) else { continue };
            let is_text = namespace.as_scalar().is_some_and(|scalar| {
                matches!(scalar.tag, Tag::Str | Tag::None | Tag::Timestamp | Tag::Custom)
            });
            if !is_text {
                let spot = if namespace.spot.is_known() { namespace.spot } else { resource.origin };
                let what = format!(
                    "the namespace of a ServiceAccount in {} is {}",
                    resource.id,
                    namespace.kind_name()
                );
                result = Err(context.fail_with_help(
                    Code::WrongType,
                    spot,
                    what,
                    "Write the namespace, or remove the field",
                ));
            }
        }
    }
    result
}

fn fix_one(
    resource: &mut Resource,
    config: &Config,
    candidates: &Candidates,
    context: &mut Context<'_>,
) -> Result<()> {
    let original = resource.original_gvk();
    let mut referrer = None;
    for reference in &config.name_reference {
        context.step(reference.referrers.len() as u64 / 4 + 1, resource.origin)?;
        for spec in reference.referrers.iter().filter(|spec| original.is_selected_by(&spec.gvk)) {
            let referrer = referrer.get_or_insert_with(|| Referrer::new(resource));
            let left = Cell::new(context.limits.steps);
            let fix = Fix { candidates, referrer, target: &reference.target, spec, left: &left };
            let walked = walk(
                &mut resource.node,
                &spec.path.parts,
                Create::Never,
                &mut context.limits,
                &mut |node| fix.node(node),
            );
            context.limits.steps = context.limits.steps.min(left.get());
            match walked {
                Ok(true) => resource.touch("NameReferenceTransformer", resource.origin),
                Ok(false) => {}
                Err(stop) => return Err(explain(resource, spec, stop, context)),
            }
        }
    }
    if referrer.is_some() {
        resource.refresh(&context.schema);
    }
    Ok(())
}

fn explain(resource: &Resource, spec: &FieldSpec, stop: Stop, context: &mut Context<'_>) -> Failed {
    let path = &spec.path.text;
    let (code, spot, what, help) = match stop {
        Stop::Spent(spent) => return context.spent(spent, resource.origin),
        Stop::EmptyPart => (
            Code::InvalidFieldPath,
            resource.origin,
            format!("the field path `{path}` has an empty part"),
            "Correct the `nameReference` configuration",
        ),
        Stop::NotAMap(spot, found) => (
            Code::InvalidFieldPath,
            spot,
            format!(
                "the field `{path}` of {} leads to {found}, where a map or list is expected",
                resource.id
            ),
            "Compare the object with the documentation of its kind",
        ),
        Stop::Refused(spot, what) => (
            Code::SeveralMatches,
            spot,
            format!("the field `{path}` of {}: {what}", resource.id),
            "Give the objects different names",
        ),
    };
    let spot = if spot.is_known() { spot } else { resource.origin };
    context.fail_with_help(code, spot, what, help)
}

impl Candidates {
    fn new(resources: &[Resource]) -> Self {
        let mut candidates =
            Self { list: Vec::new(), by_previous_name: HashMap::new(), began_in: HashMap::new() };
        for resource in resources.iter().filter(|resource| !resource.deleted) {
            let id = &resource.id;
            let dwelling =
                (id.effective_namespace().into(), id.namespace.clone(), id.cluster_scoped);
            candidates
                .began_in
                .entry(resource.original_namespace().into())
                .or_default()
                .insert(dwelling);
        }
        for resource in
            resources.iter().filter(|resource| !resource.previous.is_empty() && !resource.deleted)
        {
            let number = candidates.list.len();
            for previous in &resource.previous {
                let numbers = candidates.by_previous_name.entry(previous.name.clone()).or_default();
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
            let id = &resource.id;
            candidates.list.push(Candidate {
                name: id.name.clone(),
                namespace: id.namespace.clone(),
                effective_namespace: id.effective_namespace().into(),
                original_namespace: resource.original_namespace().into(),
                cluster_scoped: id.cluster_scoped,
                kind: id.gvk.kind.clone(),
                group: id.gvk.group.clone(),
                version: id.gvk.version.clone(),
                previous: resource
                    .previous
                    .iter()
                    .map(|previous| (previous.name.clone(), previous.kind.clone()))
                    .collect(),
                prefixes: resource.prefixes.clone(),
                suffixes: resource.suffixes.clone(),
                shown: id.to_string(),
            });
        }
        candidates
    }
}

impl Candidate {
    /// Was it ever of this kind?
    fn was(&self, gvk: &Gvk) -> bool {
        (gvk.group.is_empty() || gvk.group == self.group)
            && (gvk.version.is_empty() || gvk.version == self.version)
            && (gvk.kind.is_empty() || self.previous.iter().any(|(_, kind)| *kind == gvk.kind))
    }

    /// Was it renamed in the same kustomizations as the referrer, seen from the root?
    fn shares_affixes(&self, referrer: &Referrer, allow_empty: bool) -> bool {
        let share = |a: &[Box<str>], b: &[Box<str>]| {
            (allow_empty && (a.is_empty() || b.is_empty())) || same_ending(a, b)
        };
        share(&self.prefixes, &referrer.prefixes) && share(&self.suffixes, &referrer.suffixes)
    }
}

/// Are the lists equal, or is one the end of the other?
fn same_ending(a: &[Box<str>], b: &[Box<str>]) -> bool {
    let (shorter, longer) = if a.len() < b.len() { (a, b) } else { (b, a) };
    longer.ends_with(shorter) && (!shorter.is_empty() || longer.is_empty())
}

impl Referrer {
    fn new(resource: &Resource) -> Self {
        let mut subject_namespaces = HashSet::new();
        if &*resource.id.gvk.kind == "RoleBinding" {
            let subjects =
                resource.node.get("subjects").and_then(Node::as_list).unwrap_or_default();
            let accounts = subjects.iter().filter(|subject| {
                subject.get("kind").is_some_and(|kind| kind.text() == "ServiceAccount")
            });
            subject_namespaces.extend(
                accounts
                    .filter_map(|subject| subject.get("namespace"))
                    .map(|namespace| namespace.text().to_owned()),
            );
        }
        let role = resource.node.get("roleRef").and_then(|role| {
            Some(Gvk::new(role.get("apiGroup")?.text(), "", role.get("kind")?.text()))
        });
        Self {
            effective_namespace: resource.id.effective_namespace().into(),
            cluster_scoped: resource.id.cluster_scoped,
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            subject_namespaces,
            role,
        }
    }

    /// May it refer to the candidate at all?
    fn may_see(&self, effective_namespace: &str, namespace: &str, cluster_scoped: bool) -> bool {
        self.cluster_scoped
            || cluster_scoped
            || *effective_namespace == *self.effective_namespace
            || self.subject_namespaces.contains(namespace)
    }

    /// Does the candidate live where references lead? Service accounts may be anywhere.
    fn lives_near(&self, candidate: &Candidate) -> bool {
        self.cluster_scoped
            || candidate.cluster_scoped
            || &*candidate.kind == "ServiceAccount"
            || candidate.effective_namespace == self.effective_namespace
    }
}

/// The shape of a reference.
#[derive(Clone, Copy)]
enum Reference<'r> {
    /// Just a name.
    Name,
    /// A map with a name and perhaps a namespace.
    Map(Option<&'r str>),
}

/// One field of one referrer.
struct Fix<'f> {
    candidates: &'f Candidates,
    referrer: &'f Referrer,
    target: &'f Gvk,
    spec: &'f FieldSpec,
    /// Steps that may still be taken.
    left: &'f Cell<u64>,
}

/// Steps to judge one object that a name may mean.
const CANDIDATE_STEPS: u64 = 8;

impl Fix<'_> {
    fn node(&self, node: &mut Node) -> Result<bool, Stop> {
        if node.is_null() {
            return Ok(false);
        }
        match &mut node.data {
            Data::Scalar(_) => self.scalar(node),
            Data::Map(_) => self.map(node),
            Data::List(list) => {
                let mut changed = false;
                for element in list.iter_mut().filter(|element| !element.is_null()) {
                    changed |= match &element.data {
                        Data::Scalar(_) => self.scalar(element)?,
                        Data::Map(_) => self.map(element)?,
                        Data::List(_) => {
                            return Err(Stop::NotAMap(element.spot, element.kind_name()));
                        }
                    };
                }
                Ok(changed)
            }
        }
    }

    fn scalar(&self, node: &mut Node) -> Result<bool, Stop> {
        let Some(referral) = self.select(node.text(), Reference::Name, node.spot)? else {
            return Ok(false);
        };
        if &*referral.name == node.text() {
            return Ok(false);
        }
        set_scalar(node, Scalar::untagged(referral.name.clone()), node.spot);
        Ok(true)
    }

    /// A map with `name` and perhaps `namespace`.
    fn map(&self, node: &mut Node) -> Result<bool, Stop> {
        let spot = node.spot;
        let Some(name) = node.get("name") else {
            return Err(Stop::NotAMap(spot, "a map without `name`"));
        };
        let namespace = node.get("namespace").map(|namespace| namespace.text().to_owned());
        let Some(referral) =
            self.select(name.text(), Reference::Map(namespace.as_deref()), spot)?
        else {
            return Ok(false);
        };
        let mut changed = false;
        if let Some(name) = node.get_mut("name")
            && (*name.text() != *referral.name || !referral.namespace.is_empty())
        {
            changed |= *name.text() != *referral.name;
            set_scalar(name, Scalar::untagged(referral.name.clone()), name.spot);
        }
        if !referral.namespace.is_empty()
            && let Data::Map(map) = &mut node.data
        {
            changed |= map
                .get("namespace")
                .is_none_or(|namespace| *namespace.text() != *referral.namespace);
            crate::resource::set_text(map, "namespace", &referral.namespace, Spot::NOWHERE);
        }
        Ok(changed)
    }

    /// The one object that a name refers to.
    fn select(
        &self,
        old_name: &str,
        reference: Reference<'_>,
        spot: Spot,
    ) -> Result<Option<&Candidate>, Stop> {
        let Some(numbers) = self.candidates.by_previous_name.get(old_name) else { return Ok(None) };
        let cost = CANDIDATE_STEPS * numbers.len() as u64;
        self.left.set(self.left.get().checked_sub(cost).ok_or(Stop::Spent(Spent::Steps))?);
        let mut found: Vec<&Candidate> = numbers
            .iter()
            .map(|&number| &self.candidates.list[number])
            .filter(|other| {
                self.referrer.may_see(
                    &other.effective_namespace,
                    &other.namespace,
                    other.cluster_scoped,
                )
            })
            .collect();
        if let Reference::Map(Some(namespace)) = reference {
            found = self.in_namespace(found, namespace);
        }
        found.retain(|candidate| candidate.was(self.target));
        if self.spec.path.text.ends_with("roleRef/name")
            && let Some(role) = &self.referrer.role
        {
            found.retain(|candidate| candidate.was(role));
        }
        found.retain(|candidate| self.referrer.lives_near(candidate));
        if found.len() == 1 {
            return Ok(found.pop());
        }
        found.retain(|candidate| candidate.shares_affixes(self.referrer, true));
        if found.len() > 1 {
            found.retain(|candidate| candidate.shares_affixes(self.referrer, false));
        }
        let Some(first) = found.first() else { return Ok(None) };
        let identical = found.iter().all(|other| {
            other.name == first.name
                && (matches!(reference, Reference::Name) || other.namespace == first.namespace)
        });
        if identical {
            return Ok(Some(first));
        }
        let shown: Vec<&str> = found.iter().map(|candidate| candidate.shown.as_str()).collect();
        Err(Stop::Refused(
            spot,
            format!("`{old_name}` may refer to several objects: {}", shown.join(", ")),
        ))
    }

    /// Those that were in the namespace at first; if nothing at all was there, those that are there now.
    fn in_namespace<'c>(&self, found: Vec<&'c Candidate>, namespace: &str) -> Vec<&'c Candidate> {
        let was_there = |candidate: &&Candidate| {
            &*candidate.original_namespace == namespace && namespace != NO_NAMESPACE
        };
        if self.candidates.was_in_use(namespace, self.referrer) {
            return found.into_iter().filter(|candidate| was_there(candidate)).collect();
        }
        found
            .into_iter()
            .filter(|candidate| {
                &*candidate.effective_namespace == namespace && !candidate.cluster_scoped
            })
            .collect()
    }
}

impl Candidates {
    /// Did any object that the referrer may see begin in this namespace?
    fn was_in_use(&self, namespace: &str, referrer: &Referrer) -> bool {
        let dwellings = self.began_in.get(namespace).filter(|_| namespace != NO_NAMESPACE);
        dwellings.is_some_and(|dwellings| {
            dwellings.iter().any(|(effective, written, cluster_scoped)| {
                referrer.may_see(effective, written, *cluster_scoped)
            })
        })
    }
}
