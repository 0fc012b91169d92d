//! The objects of a kustomization in build order, found by what they are or were called.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::identity::Id;
use crate::resource::Resource;

/// Objects in build order.
#[derive(Debug, Default)]
pub(crate) struct ResourceSet {
    list: Vec<Resource>,
    /// Index by key of the current id, as long as nobody changed an object.
    current: Option<HashMap<String, usize>>,
    /// Index by all identities, kept as long as whoever changes one adds the new one.
    any: Option<AnyId>,
}

impl ResourceSet {
    pub(crate) fn list(&self) -> &[Resource] {
        &self.list
    }

    /// The objects for a transformer. The index is built anew when it is needed again.
    pub(crate) fn list_mut(&mut self) -> &mut Vec<Resource> {
        self.current = None;
        self.any = None;
        &mut self.list
    }

    /// The objects and the index of all their identities, for a transformer that changes few of them and
    /// adds the identities that it gives.
    pub(crate) fn by_any_id(&mut self) -> (&mut [Resource], &mut AnyId) {
        self.current = None;
        let any = self.any.get_or_insert_with(|| AnyId::new(&self.list));
        (&mut self.list, any)
    }

    /// Numbers of the objects that are or were called so.
    pub(crate) fn find(&mut self, id: &Id) -> Vec<usize> {
        let any = self.any.get_or_insert_with(|| AnyId::new(&self.list));
        any.find(id, &self.list)
    }

    /// Puts an object in the place of another that has the same identity.
    pub(crate) fn replace(&mut self, number: usize, resource: Resource) {
        if let Some(any) = &mut self.any {
            any.add(number, &resource);
        }
        self.list[number] = resource;
    }

    pub(crate) fn into_list(self) -> Vec<Resource> {
        self.list
    }

    /// Removes what patches have deleted.
    pub(crate) fn drop_deleted(&mut self) {
        if self.list.iter().any(|resource| resource.deleted) {
            self.list_mut().retain(|resource| !resource.deleted);
        }
    }

    /// Adds an object that must not be there yet.
    pub(crate) fn append(&mut self, resource: Resource, context: &mut Context<'_>) -> Result<()> {
        let list = &self.list;
        let index = self.current.get_or_insert_with(|| {
            let live = list.iter().enumerate().filter(|(_, resource)| !resource.deleted);
            live.map(|(number, resource)| (resource.id.key(), number)).collect()
        });
        match index.entry(resource.id.key()) {
            Entry::Vacant(place) => {
                place.insert(self.list.len());
                if let Some(any) = &mut self.any {
                    any.add(self.list.len(), &resource);
                }
                self.list.push(resource);
                Ok(())
            }
            Entry::Occupied(place) => {
                let first = &self.list[*place.get()];
                if first.origin == resource.origin {
                    let what =
                        format!("{} comes in twice, by two ways that lead here", resource.id);
                    let help = "List its file or folder once, or give each way a `namePrefix` or `namespace` of its own";
                    return Err(context.fail_with_help(
                        Code::DuplicateObject,
                        resource.origin,
                        what,
                        help,
                    ));
                }
                let already = context.files.position(first.origin);
                let already =
                    already.map_or_else(String::new, |position| format!(" at {position}"));
                Err(context.fail_with_help(
                    Code::DuplicateObject,
                    resource.origin,
                    format!("{} is already defined{already}", resource.id),
                    "Remove or rename one of the two",
                ))
            }
        }
    }

    /// Adds objects in order; tells of every one that is already there.
    pub(crate) fn append_all(
        &mut self,
        resources: Vec<Resource>,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let mut result = Ok(());
        for resource in resources {
            if let Err(Failed) = self.append(resource, context) {
                result = Err(Failed);
            }
        }
        result
    }

    /// Two objects that are the same by now, if there are any.
    pub(crate) fn find_conflict(&self) -> Option<(&Resource, &Resource)> {
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(self.list.len());
        for (number, resource) in
            self.list.iter().enumerate().filter(|(_, resource)| !resource.deleted)
        {
            if let Some(first) = seen.insert(resource.id.key(), number) {
                return Some((&self.list[first], resource));
            }
        }
        None
    }
}

/// Finds objects by any identity that they have or had.
#[derive(Debug, Default)]
pub(crate) struct AnyId {
    by_key: HashMap<String, Vec<usize>>,
}

impl AnyId {
    pub(crate) fn new(list: &[Resource]) -> Self {
        let mut index = Self::default();
        for (number, resource) in list.iter().enumerate() {
            index.add(number, resource);
        }
        index
    }

    /// Adds the identities of an object; again after they have changed.
    pub(crate) fn add(&mut self, number: usize, resource: &Resource) {
        for key in resource.keys() {
            let numbers = self.by_key.entry(key).or_default();
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }

    /// Numbers of the live objects that are or were called so.
    pub(crate) fn find(&self, id: &Id, list: &[Resource]) -> Vec<usize> {
        let key = id.key();
        let mut found: Vec<usize> = self.by_key.get(&key).cloned().unwrap_or_default();
        found.retain(|&number| {
            list.get(number)
                .is_some_and(|resource| !resource.deleted && resource.keys().any(|own| own == key))
        });
        found.sort_unstable();
        found.dedup();
        found
    }
}
