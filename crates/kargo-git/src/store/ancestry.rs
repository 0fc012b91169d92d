//! Was a push forced: is what was the tip still part of the history?

use super::fetch::blocking;
use super::{Inner, Store, in_time};
use crate::cache::{Cache, Database};
use crate::error::{Cause, Error, Step};
use crate::limits::Limits;
use crate::object::{CommitId, ObjectId, parents};
use crate::remote::Remote;
use crate::session::Between;
use git2::ObjectType;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// A folder for one question; removed when it is answered, however that ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been created, and what is left is swept at the next start.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Store {
    /// Whether `new` has `old` in its history, as it has after every push but a forced one; `None` where the
    /// server cannot tell. Asks the remote for the commits between the two: a few hundred bytes for each.
    pub async fn descends(
        &self,
        remote: &Remote,
        new: CommitId,
        old: CommitId,
    ) -> Result<Option<bool>, Error> {
        let failure = |cause| Error::new(remote.url().to_string(), Step::Resolve, cause);
        if new == old {
            return Ok(Some(true));
        }
        let Inner { folder, limits, indexing, .. } = &*self.inner;
        let peer = self.peer(remote).map_err(failure)?;
        let mut memory = peer.turn.lock().await;
        let limit = limits.resolve_timeout;
        let deadline = Instant::now() + limit;
        let scratch = Scratch(folder.scratch());
        let work = async {
            let cache = Arc::new(Cache::create(scratch.0.clone())?);
            let mut session = self.session(remote, &peer, &mut memory).await?;
            let pack = cache.incoming();
            match session.fetch_between(new.object(), old.object(), &pack).await? {
                Between::Unknown => return Ok(None),
                Between::NothingInCommon => return Ok(Some(false)),
                Between::Pack => {}
            }
            let permit = indexing.acquire().await;
            let _permit =
                permit.map_err(|_| Cause::Cache { what: "the store is closed".into() })?;
            let limits = limits.clone();
            blocking(move || {
                cache.add(&pack, &limits, deadline)?;
                let database = cache.database()?;
                Ok(Some(leads_to(&database, new.object(), old.object(), &limits)))
            })
            .await
        };
        let answer = in_time(limit, &peer, work).await;
        if let Err(cause) = &answer {
            memory.doubt(cause);
        }
        answer.map_err(failure)
    }
}

/// Whether one of the commits that are here, from `new` on, names `old` as its parent.
fn leads_to(database: &Database, new: ObjectId, old: ObjectId, limits: &Limits) -> bool {
    let mut seen = HashSet::from([new]);
    let mut todo = vec![new];
    while let Some(id) = todo.pop() {
        let Ok(raw) = database.read(id, ObjectType::Commit, limits.memory_bytes) else { continue };
        for parent in parents(&raw) {
            if parent == old {
                return true;
            }
            if seen.insert(parent) {
                todo.push(parent);
            }
        }
    }
    false
}
