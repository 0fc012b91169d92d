//! Lists whose elements are merged by key, such as containers by name and ports by port and protocol.
//!
//! The steps are kustomize's own, quirks included: tuples of key values are collected from the patch
//! and then the object, tuples that differ only by missing values are unified, each tuple yields one
//! merged element, and at last the object's elements are put in again by key. Elements are shared
//! between these lists, so they are numbers here and live in `elements`.

use std::collections::HashMap;

use crate::context::Result;
use crate::error::Code;
use crate::merge::{DIRECTIVE, Directive, Merge, parse_directive, unknown_directive};
use crate::position::Spot;
use crate::schema::Place;
use crate::yaml::{Data, Node};

/// Reads and removes the directive element of a list: a map with `$patch` and nothing else.
pub(super) fn directive(merge: &mut Merge<'_, '_>, patch: &mut Node) -> Result<Directive> {
    let Data::List(list) = &mut patch.data else { return Ok(Directive::Merge) };
    let Some(element) = list.iter().find(|element| element.get(DIRECTIVE).is_some()) else {
        return Ok(Directive::Merge);
    };
    let Some(value) = element.get(DIRECTIVE) else { return Ok(Directive::Merge) };
    if element.as_map().is_some_and(|map| map.entries.len() > 1) {
        return Ok(Directive::Merge);
    }
    let text = value.text().to_owned();
    let Some(directive) = parse_directive(&text) else {
        return Err(unknown_directive(merge.context, &text, value.spot));
    };
    list.retain(|element| {
        let directs = element.get(DIRECTIVE).is_some_and(|value| value.text() == text);
        !directs
            && !element.is_null()
            && !element.as_map().is_some_and(|map| map.entries.is_empty())
    });
    Ok(directive)
}

/// A list of the patch merged with itself.
pub(super) fn cleaned<'m>(
    merge: &mut Merge<'m, '_>,
    list: Node,
    keys: &[&str],
    schema: Option<Place<'m>>,
) -> Result<Option<Node>> {
    let spot = list.spot;
    let Data::List(elements) = list.data else { return Ok(None) };
    let numbers: Vec<usize> = (0..elements.len()).collect();
    let lists = Lists {
        elements: elements.into_iter().map(Some).collect(),
        dest: numbers.clone(),
        patch: numbers,
        same: true,
    };
    Ok(Some(Node::new(Data::List(lists.run(merge, keys, schema)?), spot)))
}

/// A list of the object merged with one of the patch, or with nothing.
pub(super) fn merged<'m>(
    merge: &mut Merge<'m, '_>,
    dest: Node,
    patch: Option<Node>,
    keys: &[&str],
    schema: Option<Place<'m>>,
) -> Result<Option<Node>> {
    let spot = dest.spot;
    let Data::List(own) = dest.data else { return Ok(None) };
    let patched = match patch.map(|patch| patch.data) {
        Some(Data::List(patched)) => patched,
        _ => Vec::new(),
    };
    let own_count = own.len();
    let count = own_count + patched.len();
    let lists = Lists {
        elements: own.into_iter().chain(patched).map(Some).collect(),
        dest: (0..own_count).collect(),
        patch: (own_count..count).collect(),
        same: false,
    };
    Ok(Some(Node::new(Data::List(lists.run(merge, keys, schema)?), spot)))
}

/// The values of the merge keys of an element.
type Tuple = Vec<String>;

struct Lists {
    /// All elements by number; one that is being merged is taken out for that time.
    elements: Vec<Option<Node>>,
    dest: Vec<usize>,
    patch: Vec<usize>,
    /// The list is merged with itself: `dest` and `patch` are the same elements.
    same: bool,
}

impl Lists {
    fn run<'m>(
        mut self,
        merge: &mut Merge<'m, '_>,
        keys: &[&str],
        schema: Option<Place<'m>>,
    ) -> Result<Vec<Node>> {
        let schema = schema.and_then(Place::elements);
        let primitive = keys.is_empty();
        let keys: Vec<&str> = if primitive { vec![""] } else { keys.to_vec() };
        let result = match self.unique_keys(&keys, primitive) {
            Some(patch_by_key) => self.by_unique_key(merge, keys[0], &patch_by_key, schema)?,
            None => self.by_tuples(merge, &keys, primitive, schema)?,
        };
        let mut elements = self.elements;
        let mut uses: HashMap<usize, usize> = HashMap::new();
        for number in &result {
            *uses.entry(*number).or_default() += 1;
        }
        let mut list = Vec::with_capacity(result.len());
        for number in result {
            let left = uses.entry(number).or_default();
            *left -= 1;
            let node = if *left == 0 { elements[number].take() } else { elements[number].clone() };
            list.extend(node);
        }
        Ok(list)
    }

    /// The common case: one key, every element a map that has it, no value twice. Then the tuples are the
    /// elements, and merging is a matter of one map. Gives the patch's elements by key value.
    fn unique_keys(&self, keys: &[&str], primitive: bool) -> Option<HashMap<String, usize>> {
        if primitive || keys.len() != 1 {
            return None;
        }
        let index = |numbers: &[usize]| {
            let mut by_key = HashMap::with_capacity(numbers.len());
            for &number in numbers {
                let value = self.elements[number].as_ref()?.get(keys[0])?;
                let text = value
                    .as_scalar()
                    .filter(|_| !value.is_null())
                    .map(|scalar| scalar.text.to_string())?;
                if text.is_empty() || by_key.insert(text, number).is_some() {
                    return None;
                }
            }
            Some(by_key)
        };
        index(&self.dest)?;
        index(&self.patch)
    }

    fn by_unique_key<'m>(
        &mut self,
        merge: &mut Merge<'m, '_>,
        key: &str,
        patch_by_key: &HashMap<String, usize>,
        schema: Option<Place<'m>>,
    ) -> Result<Vec<usize>> {
        let key_of = |lists: &Self, number: usize| {
            lists.elements[number]
                .as_ref()
                .and_then(|node| node.get(key))
                .map(|node| node.text().to_owned())
                .unwrap_or_default()
        };
        let own: Vec<(String, usize)> =
            self.dest.iter().map(|&number| (key_of(self, number), number)).collect();
        let dest_by_key: HashMap<&str, usize> =
            own.iter().map(|(text, number)| (text.as_str(), *number)).collect();
        let mut result = Vec::with_capacity(self.dest.len() + self.patch.len());
        for number in self.patch.clone() {
            let text = key_of(self, number);
            let dest =
                if self.same { Some(number) } else { dest_by_key.get(text.as_str()).copied() };
            let merged = self.element(merge, dest, Some(number), schema)?;
            result.extend(
                merged
                    .filter(|&number| !self.is_nothing(number))
                    .map(|merged| dest.unwrap_or(merged)),
            );
        }
        if !self.same {
            for (text, number) in &own {
                if !patch_by_key.contains_key(text) {
                    let merged = self.element(merge, Some(*number), None, schema)?;
                    result.extend(merged.filter(|&number| !self.is_nothing(number)));
                }
            }
        }
        Ok(result)
    }

    fn width(&self, number: usize) -> usize {
        let map = self.elements[number].as_ref().and_then(Node::as_map);
        map.map_or(1, |map| map.entries.len())
    }

    fn is_nothing(&self, number: usize) -> bool {
        self.elements[number].as_ref().is_none_or(|node| {
            node.is_null() || node.as_map().is_some_and(|map| map.entries.is_empty())
        })
    }

    /// Merges two elements. The number is that of the object's element if it was merged in place, of the
    /// patch's if that is all there is or if it replaces the other.
    fn element<'m>(
        &mut self,
        merge: &mut Merge<'m, '_>,
        dest: Option<usize>,
        patch: Option<usize>,
        schema: Option<Place<'m>>,
    ) -> Result<Option<usize>> {
        match (dest, patch) {
            (None, None) => Ok(None),
            (Some(dest), Some(patch)) if dest == patch => {
                let Some(node) = self.elements[dest].take() else { return Ok(None) };
                let backup_spot = node.spot;
                let cleaned = merge.cleaned(node, schema)?;
                let remains = cleaned.is_some();
                self.elements[dest] = Some(cleaned.unwrap_or_else(|| Node::null(backup_spot)));
                Ok(remains.then_some(dest))
            }
            (None, Some(patch)) => {
                let Some(node) = self.elements[patch].take() else { return Ok(None) };
                let spot = node.spot;
                let added = if node.is_null() { None } else { merge.added(node, schema)? };
                let remains = added.is_some();
                self.elements[patch] = Some(added.unwrap_or_else(|| Node::null(spot)));
                Ok(remains.then_some(patch))
            }
            (Some(dest), patch) => {
                let patched = patch.and_then(|patch| self.elements[patch].as_ref());
                match patched
                    .and_then(|node| node.get(DIRECTIVE))
                    .and_then(|node| parse_directive(node.text()))
                {
                    Some(Directive::Delete) => return Ok(None),
                    // The object's element comes back when the lists are joined.
                    Some(Directive::Replace) => return self.element(merge, None, patch, schema),
                    _ => {}
                }
                let patched = patched.cloned();
                let Some(node) = self.elements[dest].take() else { return Ok(None) };
                let spot = node.spot;
                let merged = merge.node(Some(node), patched, schema)?;
                let remains = merged.is_some();
                self.elements[dest] = Some(merged.unwrap_or_else(|| Node::null(spot)));
                Ok(remains.then_some(dest))
            }
        }
    }

    fn by_tuples<'m>(
        &mut self,
        merge: &mut Merge<'m, '_>,
        keys: &[&str],
        primitive: bool,
        schema: Option<Place<'m>>,
    ) -> Result<Vec<usize>> {
        let mut tuples = self.tuples(keys, primitive);
        let mut dest = self.dest.clone();
        if tuples.is_empty() {
            return Ok(dest);
        }
        // Every look-up of a key may meet all fields of an element.
        let fields: usize = dest.iter().chain(&self.patch).map(|&at| self.width(at)).sum();
        let cost =
            TUPLE_STEPS * (tuples.len() as u64) * (tuples.len() + dest.len() + fields / 4) as u64;
        merge.context.step(cost, Spot::NOWHERE)?;
        if keys.len() > 1 {
            unify(&mut tuples);
        }
        let used: Vec<usize> = used_keys(&tuples, keys.len());
        let names: Vec<&str> = used.iter().map(|&at| keys[at]).collect();
        let mut added: Vec<usize> = Vec::new();
        for tuple in &tuples {
            let values: Vec<&str> = used.iter().map(|&at| tuple[at].as_str()).collect();
            let own = self.find(&dest, &names, &values);
            let patched = self.find(&self.patch, &names, &values);
            let merged = self.element(merge, own, patched, schema)?;
            let Some(number) = merged.filter(|&number| !self.is_nothing(number)) else {
                self.put(merge, &mut dest, None, &names, &values)?;
                continue;
            };
            if !primitive {
                self.fill_in_keys(number, &names, &values);
            }
            self.put(merge, &mut added, Some(number), &names, &values)?;
        }
        self.join(merge, added, &dest, &names)
    }

    /// Key values of all elements, the patch's first, each once.
    fn tuples(&self, keys: &[&str], primitive: bool) -> Vec<Tuple> {
        let mut tuples: Vec<Tuple> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let sources = if self.same { vec![&self.patch] } else { vec![&self.patch, &self.dest] };
        for number in sources.into_iter().flatten() {
            let Some(node) = &self.elements[*number] else { continue };
            let tuple: Tuple = if primitive {
                vec![node.text().to_owned()]
            } else {
                let value = |key: &&str| {
                    node.get(key)
                        .filter(|value| !value.is_null_or_empty())
                        .map_or("", Node::text)
                        .to_owned()
                };
                keys.iter().map(value).collect()
            };
            if seen.insert(tuple.clone()) {
                tuples.push(tuple);
            }
        }
        tuples
    }

    /// The first element that has the given values; missing values are not asked for.
    fn find(&self, list: &[usize], keys: &[&str], values: &[&str]) -> Option<usize> {
        if keys.first() == Some(&"") {
            return list.iter().copied().find(|&number| {
                self.elements[number].as_ref().is_some_and(|node| node.text() == values[0])
            });
        }
        let all_empty = values.iter().all(|value| value.is_empty());
        list.iter().copied().find(|&number| {
            let Some(map) = self.elements[number].as_ref().and_then(Node::as_map) else {
                return false;
            };
            keys.iter()
                .zip(values)
                .filter(|(_, value)| all_empty || !value.is_empty())
                .all(|(key, value)| map.get(key).is_some_and(|node| node.text() == *value))
        })
    }

    /// Sets merge keys that the merged element does not have.
    fn fill_in_keys(&mut self, number: usize, keys: &[&str], values: &[&str]) {
        let Some(node) = &mut self.elements[number] else { return };
        let spot = node.spot;
        let Some(map) = node.as_map_mut() else { return };
        for (key, value) in keys.iter().zip(values) {
            if map.get(key).is_none() && !value.is_empty() {
                let mut value = Node::untagged(*value, spot);
                super::quote_lookalikes(&mut value);
                map.set(key, value);
            }
        }
    }

    /// Replaces all elements that match by `element` and appends it if none did; without an element,
    /// removes those that match. Nulls and empty maps go. Where fewer values than keys are given, the
    /// first ones decide; where none are, nothing matches and nothing else stays.
    fn put(
        &self,
        merge: &mut Merge<'_, '_>,
        list: &mut Vec<usize>,
        element: Option<usize>,
        keys: &[&str],
        values: &[&str],
    ) -> Result<()> {
        let mut matched = false;
        let mut kept = Vec::with_capacity(list.len() + 1);
        let sets_map = keys.first().is_some_and(|key| !key.is_empty())
            && values.first().is_some_and(|value| !value.is_empty());
        for &number in list.iter() {
            let Some(node) = self.elements[number].as_ref().filter(|_| !self.is_nothing(number))
            else {
                continue;
            };
            if node.as_map().is_none() && sets_map {
                kept.push(number);
                continue;
            }
            if node.as_map().is_none() != (keys.first() == Some(&"")) && !values.is_empty() {
                let what = format!(
                    "a list of {} has {} among its elements",
                    merge.path.join("."),
                    node.kind_name()
                );
                let help = "Give all elements of the list the same shape";
                return Err(merge.context.fail_with_help(
                    Code::InvalidPatch,
                    node.spot,
                    what,
                    help,
                ));
            }
            let matches = !values.is_empty()
                && keys.iter().zip(values).all(|(key, value)| {
                    if key.is_empty() {
                        node.value_text() == *value
                    } else {
                        node.get(key)
                            .is_some_and(|found| value.is_empty() || found.text() == *value)
                    }
                });
            if matches {
                matched = true;
                kept.extend(element);
            } else if !values.is_empty() {
                kept.push(number);
            }
        }
        if let Some(element) = element.filter(|_| !matched) {
            kept.push(element);
        }
        *list = kept;
        Ok(())
    }

    /// The merged elements, with the object's own put in again by key.
    fn join(
        &self,
        merge: &mut Merge<'_, '_>,
        mut joined: Vec<usize>,
        dest: &[usize],
        keys: &[&str],
    ) -> Result<Vec<usize>> {
        for &number in dest {
            let Some(node) = &self.elements[number] else { continue };
            if keys.first() == Some(&"") {
                self.put(merge, &mut joined, Some(number), &[""], &[node.text()])?;
                continue;
            }
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                match node.get(key) {
                    Some(value) => values.push(value.text()),
                    None => joined.push(number),
                }
            }
            if keys.len() > 1 {
                self.put(merge, &mut joined, None, keys, &values)?;
            }
            self.put(merge, &mut joined, Some(number), keys, &values)?;
        }
        Ok(joined)
    }
}

/// Steps to compare the keys of two elements.
const TUPLE_STEPS: u64 = 8;

/// Positions of the keys that any tuple has a value for; all if none has.
fn used_keys(tuples: &[Tuple], count: usize) -> Vec<usize> {
    let used: Vec<usize> =
        (0..count).filter(|&at| tuples.iter().any(|tuple| !tuple[at].is_empty())).collect();
    if used.is_empty() { (0..count).collect() } else { used }
}

/// Tuples that agree somewhere and differ only where one has no value become their union.
fn unify(tuples: &mut [Tuple]) {
    for one in 0..tuples.len() {
        for other in 0..tuples.len() {
            if let Some(union) = union(&tuples[one], &tuples[other]) {
                tuples[one].clone_from(&union);
                tuples[other] = union;
            }
        }
    }
}

fn union(one: &Tuple, other: &Tuple) -> Option<Tuple> {
    let mut agree = false;
    let mut union = Vec::with_capacity(one.len());
    for (a, b) in one.iter().zip(other) {
        if a == b {
            agree = true;
        } else if !a.is_empty() && !b.is_empty() {
            return None;
        }
        union.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    agree.then_some(union)
}
