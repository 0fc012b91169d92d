//! Walking from an object to the fields that a [`FieldSpec`] names.

use crate::config::{FieldSpec, Part};
use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::position::Spot;
use crate::resource::{Resource, set_scalar};
use crate::yaml::limits::{Limits, Spent};
use crate::yaml::{Data, Node, Scalar, Tag};

/// What is created at the end of a path that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Create {
    /// Nothing, whatever the field table says.
    Never,
    Map,
    Scalar(Tag),
}

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something else than a map or list stands in the way.
    NotAMap(Spot, &'static str),
    /// The path has an empty part.
    EmptyPart,
    /// The setter refused, in words.
    Refused(Spot, String),
    /// The budget is used up.
    Spent(Spent),
}

impl From<Spent> for Stop {
    fn from(spent: Spent) -> Self {
        Self::Spent(spent)
    }
}

/// What a setter answers: did it change the node?
pub(crate) type Set<'f> = dyn FnMut(&mut Node) -> Result<bool, Stop> + 'f;

/// Applies `set` to all fields of the object that the table names. Tells whether anything changed.
pub(crate) fn apply_all(
    resource: &mut Resource,
    specs: &[FieldSpec],
    create: Create,
    context: &mut Context<'_>,
    set: &mut Set<'_>,
) -> Result<bool> {
    let mut changed = false;
    for spec in specs {
        changed |= apply(resource, spec, create, context, set)?;
    }
    Ok(changed)
}

/// Applies `set` to the fields that one entry of a table names.
pub(crate) fn apply(
    resource: &mut Resource,
    spec: &FieldSpec,
    create: Create,
    context: &mut Context<'_>,
    set: &mut Set<'_>,
) -> Result<bool> {
    context.step(1, resource.origin)?;
    if !resource.id.gvk.is_selected_by(&spec.gvk) {
        return Ok(false);
    }
    let create = if spec.create { create } else { Create::Never };
    walk(&mut resource.node, &spec.path.parts, create, &mut context.limits, set)
        .map_err(|stop| explain(resource, spec, context, stop))
}

fn explain(resource: &Resource, spec: &FieldSpec, context: &mut Context<'_>, stop: Stop) -> Failed {
    let path = &spec.path.text;
    let (spot, what) = match stop {
        Stop::Spent(spent) => return context.spent(spent, resource.origin),
        Stop::NotAMap(spot, found) => (
            spot,
            format!(
                "the field `{path}` of {} leads to {found}, where a map or list is expected",
                resource.id
            ),
        ),
        Stop::EmptyPart => (resource.origin, format!("the field path `{path}` has an empty part")),
        Stop::Refused(spot, what) => {
            (spot, format!("the field `{path}` of {}: {what}", resource.id))
        }
    };
    let spot = if spot.is_known() { spot } else { resource.origin };
    context.fail_with_help(
        Code::InvalidFieldPath,
        spot,
        what,
        "Compare the object with the documentation of its kind",
    )
}

/// Replaces a scalar; anything else is refused.
pub(crate) fn replace_scalar(node: &mut Node, scalar: Scalar, spot: Spot) -> Result<bool, Stop> {
    if node.as_scalar().is_none() {
        return Err(Stop::Refused(
            node.spot,
            format!("{} stands where a single value is expected", node.kind_name()),
        ));
    }
    set_scalar(node, scalar, spot);
    Ok(true)
}

/// Lists on the way are entered without being named. What is looked up and written is paid for.
pub(crate) fn walk(
    node: &mut Node,
    parts: &[Part],
    create: Create,
    limits: &mut Limits,
    set: &mut Set<'_>,
) -> Result<bool, Stop> {
    let Some((part, rest)) = parts.split_first() else {
        return metered(node, limits, set);
    };
    if node.is_null() {
        return Ok(false);
    }
    let spot = node.spot;
    match &mut node.data {
        Data::List(list) => {
            let mut changed = false;
            for element in list {
                changed |= walk(element, parts, create, limits, set)?;
            }
            Ok(changed)
        }
        Data::Map(map) => {
            if part.name.is_empty() {
                return Err(Stop::EmptyPart);
            }
            limits.step(1 + map.entries.len() as u64 / 8)?;
            let may_create = create != Create::Never && !part.is_list;
            let missing = map.index_of(&part.name).is_none();
            if missing && !may_create {
                return Ok(false);
            }
            let last = rest.is_empty();
            let make = || match create {
                Create::Scalar(_) if last => Node::scalar(Scalar::untagged(""), spot),
                _ => Node::empty_map(spot),
            };
            let field = map.get_or_insert_with(&part.name, make);
            if field.is_null() {
                replace_null(field, part.is_list, may_create.then_some(create), last);
            }
            let changed = walk(field, rest, create, limits, set)?;
            Ok(changed || missing)
        }
        Data::Scalar(_) => Err(Stop::NotAMap(spot, node.kind_name())),
    }
}

/// Steps to set a field and to remember that.
const SET_STEPS: u64 = 24;

/// Changes a field and pays for what it has grown by.
pub(crate) fn metered(
    node: &mut Node,
    limits: &mut Limits,
    set: &mut Set<'_>,
) -> Result<bool, Stop> {
    let before = node.shallow_size();
    limits.step(SET_STEPS + before.nodes as u64)?;
    let changed = set(node)?;
    if changed {
        limits.make(node.shallow_size().since(before))?;
    }
    Ok(changed)
}

/// What is null becomes what would have been created.
fn replace_null(field: &mut Node, is_list: bool, create: Option<Create>, last: bool) {
    match create {
        _ if is_list => field.data = Data::List(Vec::new()),
        Some(Create::Scalar(tag)) if last => {
            if let Data::Scalar(scalar) = &mut field.data {
                scalar.tag = tag;
            }
        }
        Some(_) => *field = Node::empty_map(field.spot),
        None => {}
    }
}
