//! Bringing a commit here.

use super::missing::{missing_files, read_commit};
use super::peer::{Memory, Peer};
use super::{Inner, Store};
use crate::cache::{Cache, Database};
use crate::error::Cause;
use crate::limits::Limits;
use crate::object::{Commit, CommitId, ObjectId};
use crate::protocol::fetch::Request;
use crate::remote::Remote;
use crate::session::Session;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Commits that are named to a server as known, newest first.
const HAVES: usize = 4;

/// How often a fetch is begun: with the cache that is there, which may turn out to be damaged; with a server
/// that may break its promise to hand out single files; and then without relying on either.
const ATTEMPTS: usize = 3;

/// Why a commit could not be brought into a cache.
enum Broken {
    /// The server does not hand out the files that it left out.
    Filter(Cause),
    Other(Cause),
}

impl From<Cause> for Broken {
    fn from(cause: Cause) -> Self {
        Self::Other(cause)
    }
}

/// A pack that arrives; removed when it is done with, however that ends.
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        // It may never have been created, and what is left is swept at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Store {
    /// Brings a commit into the cache of its remote, anew if the cache is full or turns out to be damaged.
    pub(super) async fn bring(
        &self,
        remote: &Remote,
        peer: &Peer,
        memory: &mut Memory,
        commit: CommitId,
        path: &str,
        deadline: Instant,
    ) -> Result<(Arc<Cache>, Arc<Database>, Commit), Cause> {
        let Inner { folder, limits, .. } = &*self.inner;
        let mut attempt = 1;
        loop {
            let is_full = |cache: &Arc<Cache>| {
                let is_large = cache.bytes() / 2 >= limits.pack_bytes;
                (is_large || cache.packs() >= limits.cache_packs)
                    && !cache.commits().contains(&commit)
            };
            let current = folder.get(&peer.name).filter(|cache| !is_full(cache));
            let is_new = current.is_none();
            let cache = match current {
                Some(cache) => cache,
                None => folder.begin(&peer.name)?,
            };
            cache.touch();
            match self.bring_into(remote, peer, &cache, memory, commit, path, deadline).await {
                Ok((database, commit)) => {
                    folder.shrink(limits.cache_bytes, limits.cache_age);
                    return Ok((cache, database, commit));
                }
                Err(Broken::Filter(_)) if !memory.breaks_filter && attempt < ATTEMPTS => {
                    memory.breaks_filter = true;
                    folder.discard(&peer.name, &cache);
                }
                Err(Broken::Other(Cause::Damaged { what })) if !is_new && attempt < ATTEMPTS => {
                    let remote = remote.url();
                    tracing::warn!(%remote, what, "a damaged cache is discarded and fetched anew");
                    folder.discard(&peer.name, &cache);
                }
                Err(Broken::Filter(cause) | Broken::Other(cause)) => {
                    if cache.commits().is_empty() {
                        folder.discard(&peer.name, &cache);
                    }
                    return Err(cause);
                }
            }
            attempt += 1;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `bring`, cut off for reading")]
    async fn bring_into(
        &self,
        remote: &Remote,
        peer: &Peer,
        cache: &Arc<Cache>,
        memory: &mut Memory,
        commit: CommitId,
        path: &str,
        deadline: Instant,
    ) -> Result<(Arc<Database>, Commit), Broken> {
        let known = cache.commits();
        let is_new = !known.contains(&commit);
        let mut session = None;
        if is_new {
            let mut opened = self.session(remote, peer, memory).await?;
            let haves = known.iter().rev().take(HAVES).map(|id| id.object()).collect::<Vec<_>>();
            let filter = opened.filters() && !memory.breaks_filter;
            let request =
                Request { wants: &[commit.object()], haves: &haves, shallow: true, filter };
            let packed = self.fetch_pack(&mut opened, cache, request, deadline).await;
            packed.map_err(|cause| match cause {
                Cause::Refused { message } if message.contains("not our ref") => {
                    Cause::CommitMissing { id: commit.to_string() }
                }
                other => other,
            })?;
            session = Some(opened);
        }
        let limits = self.inner.limits.clone();
        let (reader, path) = (Arc::clone(cache), path.to_owned());
        let (database, commit, missing) = blocking(move || {
            let database = reader.database()?;
            let commit = read_commit(&database, commit, &limits)?;
            if is_new {
                reader.record(commit.id)?;
            }
            let missing = missing_files(&database, commit.tree, &path, &limits)?;
            Ok((database, commit, missing))
        })
        .await?;
        if !missing.is_empty() {
            let along = self.missing_for_all(peer, &database, &commit, &missing).await?;
            let mut session = match session {
                Some(session) => session,
                None => self.session(remote, peer, memory).await?,
            };
            let mut fetched = self.fetch_files(&mut session, cache, &along, deadline).await;
            if fetched.is_err() && along.len() > missing.len() {
                // It may be the fault of a file that only somebody else wants.
                let mut session = self.session(remote, peer, memory).await?;
                fetched = self.fetch_files(&mut session, cache, &missing, deadline).await;
            }
            fetched.map_err(|cause| match cause {
                Cause::Refused { .. } => Broken::Filter(cause),
                other => Broken::Other(other),
            })?;
        }
        Ok((database, commit))
    }

    /// What is missing for one path, and then for those who wait for others of the same commit.
    async fn missing_for_all(
        &self,
        peer: &Peer,
        database: &Arc<Database>,
        commit: &Commit,
        missing: &[ObjectId],
    ) -> Result<Vec<ObjectId>, Cause> {
        let (paths, mut all) = (peer.wanted(commit.id), missing.to_vec());
        let (database, tree) = (Arc::clone(database), commit.tree);
        let limits = self.inner.limits.clone();
        blocking(move || {
            let mut seen: HashSet<ObjectId> = all.iter().copied().collect();
            for path in paths {
                if all.len() >= limits.prefetch_files {
                    break;
                }
                // What is wrong with the path of somebody else, it will hear itself.
                let theirs = missing_files(&database, tree, &path, &limits).unwrap_or_default();
                all.extend(theirs.into_iter().filter(|id| seen.insert(*id)));
            }
            Ok(all)
        })
        .await
    }

    /// Fetches files that the server has left out.
    pub(super) async fn fetch_files(
        &self,
        session: &mut Session<'_>,
        cache: &Arc<Cache>,
        ids: &[ObjectId],
        deadline: Instant,
    ) -> Result<(), Cause> {
        let filter = session.filters();
        let request = Request { wants: ids, haves: &[], shallow: false, filter };
        self.fetch_pack(session, cache, request, deadline).await?;
        let (reader, ids) = (Arc::clone(cache), ids.to_vec());
        blocking(move || {
            let database = reader.database()?;
            match ids.iter().find(|id| !database.has(**id)) {
                None => Ok(()),
                Some(id) => Err(Cause::Damaged { what: format!("file {id} was left out") }),
            }
        })
        .await
    }

    async fn fetch_pack(
        &self,
        session: &mut Session<'_>,
        cache: &Arc<Cache>,
        request: Request<'_>,
        deadline: Instant,
    ) -> Result<(), Cause> {
        let file = Incoming(cache.incoming());
        session.fetch(request, &file.0).await?;
        let permit = self.inner.indexing.acquire().await;
        let permit = permit.map_err(|_| Cause::Cache { what: "the store is closed".into() })?;
        let (cache, limits): (_, Limits) = (Arc::clone(cache), self.inner.limits.clone());
        let indexed = blocking(move || cache.add(&file.0, &limits, deadline)).await;
        drop(permit);
        indexed
    }
}

/// Runs what blocks off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Cause> + Send + 'static,
) -> Result<T, Cause> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(Cause::Cache { what: "the work was stopped half way".into() }),
    }
}
