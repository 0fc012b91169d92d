//! Which files of a commit the server has left out.

use crate::cache::{Database, ReadError};
use crate::error::Cause;
use crate::limits::Limits;
use crate::object::{Commit, CommitId, Kind, ObjectId, tree_entries};
use git2::ObjectType;
use std::collections::HashSet;

/// What it means that an object of a commit cannot be read.
pub(super) fn unreadable(error: ReadError) -> Cause {
    match error {
        ReadError::Missing => Cause::Damaged { what: "an object is missing".into() },
        ReadError::TooLarge { limit } => Cause::TooLarge { what: "an object", limit },
        ReadError::Damaged(what) => Cause::Damaged { what },
    }
}

fn malformed() -> Cause {
    Cause::Damaged { what: "a tree is malformed".into() }
}

/// Reads a commit that has been fetched.
pub(super) fn read_commit(
    database: &Database,
    id: CommitId,
    limits: &Limits,
) -> Result<Commit, Cause> {
    let kind = database.kind(id.object()).map_err(unreadable)?;
    if kind != ObjectType::Commit {
        return Err(Cause::NotACommit { id: id.to_string() });
    }
    let raw = database.read(id.object(), kind, limits.memory_bytes).map_err(unreadable)?;
    Commit::parse(id, &raw)
        .ok_or_else(|| Cause::Damaged { what: format!("commit {id} is malformed") })
}

/// The files below `path` that are not here, as many as are fetched ahead. Whether there is anything at
/// `path` is for the reader to find out.
pub(super) fn missing_files(
    database: &Database,
    root: ObjectId,
    path: &str,
    limits: &Limits,
) -> Result<Vec<ObjectId>, Cause> {
    let read = |id| database.read(id, ObjectType::Tree, limits.memory_bytes).map_err(unreadable);
    let mut found = (Kind::Folder, root);
    for name in path.split('/').filter(|name| !name.is_empty()).take(limits.tree_depth) {
        if found.0 != Kind::Folder {
            return Ok(Vec::new());
        }
        let raw = read(found.1)?;
        let mut entries = tree_entries(&raw);
        match entries.find(|entry| entry.is_none_or(|entry| entry.name == name.as_bytes())) {
            Some(Some(entry)) => found = (entry.kind, entry.id),
            Some(None) => return Err(malformed()),
            None => return Ok(Vec::new()),
        }
    }
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    let mut todo = vec![(found, 0)];
    while let Some(((kind, id), depth)) = todo.pop() {
        if files.len() >= limits.prefetch_files || seen.len() >= 4 * limits.prefetch_files {
            break;
        }
        if !seen.insert(id) {
            continue;
        }
        match kind {
            Kind::File | Kind::Link => {
                if !database.has(id) {
                    files.push(id);
                }
            }
            Kind::Folder if depth < limits.tree_depth => {
                for entry in tree_entries(&read(id)?) {
                    let entry = entry.ok_or_else(malformed)?;
                    todo.push(((entry.kind, entry.id), depth + 1));
                }
            }
            Kind::Folder | Kind::Submodule | Kind::Unknown => {}
        }
    }
    Ok(files)
}
