//! One commit, read straight from the object database.

use crate::cache::{Cache, Database, ReadError};
use crate::error::{Cause, Error, Step};
use crate::object::{Commit, Kind, ObjectId, tree_entries};
use crate::remote::Remote;
use crate::store::Store;
use crate::text::{LINE, sanitize};
use crate::verify::{Signature, Signers};
use git2::ObjectType;
use kustomize::{Entry, Tree, TreeError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::runtime::Handle;

/// Folders that are kept in memory while a snapshot is read.
const TREES_KEPT: usize = 256;

/// Links with longer targets lead nowhere.
const LONGEST_LINK: u64 = 4096;

/// A pointer of git LFS is smaller than this.
const LONGEST_POINTER: u64 = 1024;

/// The tree of one commit.
///
/// Reading blocks: on the disk, and on the network where the server was asked to leave files out and one of
/// them is looked at now. So read on a blocking thread ([`tokio::task::spawn_blocking`]), while the runtime
/// that fetched it runs. Further fetches are bounded by [`Limits::late_fetches`](crate::Limits).
///
/// When the tree could not answer, [`Snapshot::failure`] has the typed error behind the [`TreeError`].
#[derive(Debug)]
pub struct Snapshot {
    store: Store,
    remote: Remote,
    cache: Arc<Cache>,
    database: Arc<Database>,
    commit: Commit,
    runtime: Handle,
    fetches_left: AtomicU32,
    trees: Mutex<HashMap<ObjectId, Arc<[u8]>>>,
    failure: Mutex<Option<Error>>,
}

/// What stands at a path, and the folder that it stands in.
#[derive(Debug, Clone, Copy)]
struct Found {
    kind: Kind,
    id: ObjectId,
    folder: ObjectId,
}

impl Snapshot {
    /// Must be called within a runtime.
    pub(crate) fn new(
        store: Store,
        remote: Remote,
        cache: Arc<Cache>,
        database: Arc<Database>,
        commit: Commit,
    ) -> Self {
        let fetches_left = AtomicU32::new(store.limits().late_fetches);
        let runtime = Handle::current();
        let (trees, failure) = (Mutex::default(), Mutex::default());
        Self { store, remote, cache, database, commit, runtime, fetches_left, trees, failure }
    }

    /// The commit: its id, author, time and subject.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Checks that the commit is signed by one of these keys, and says by which.
    pub fn verify(&self, signers: &Signers) -> Result<Signature, Error> {
        let failure = |cause| Error::new(self.remote.url().to_string(), Step::Verify, cause);
        let id = self.commit.id;
        let limit = self.store.limits().memory_bytes;
        let raw = self
            .database
            .read(id.object(), ObjectType::Commit, limit)
            .map_err(|_| failure(Cause::Damaged { what: format!("commit {id} cannot be read") }))?;
        signers.check(&raw).map_err(|distrust| {
            failure(Cause::Distrusted { id: id.to_string(), reason: distrust.to_string() })
        })
    }

    /// The id of the file or folder at `path`, or `None` if nothing stands there. Two commits in which a
    /// path has the same id have the same content there, all the way down; so *nothing that was read or
    /// looked for has changed* is a comparison of ids. Fetches nothing but folders that are here already.
    pub fn id(&self, path: &str) -> Result<Option<ObjectId>, TreeError> {
        Ok(self.find(path)?.map(|found| found.id))
    }

    /// Why the tree could not answer, if it could not: the first failure since the snapshot was made. A
    /// failure that [`is_transient`](Error::is_transient) says nothing about the commit.
    pub fn failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers the failure, and gives a damaged cache up.
    fn failed(&self, cause: Cause) -> TreeError {
        if matches!(cause, Cause::Damaged { .. }) {
            self.store.discard(&self.remote, &self.cache);
        }
        let error = Error::new(self.remote.url().to_string(), Step::Read, cause);
        let text = TreeError(error.to_string());
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        text
    }

    fn unreadable(&self, error: ReadError, path: &str) -> TreeError {
        let path = sanitize(path.as_bytes(), LINE);
        self.failed(match error {
            ReadError::Missing => Cause::Damaged { what: format!("`{path}` is missing") },
            ReadError::TooLarge { limit } => Cause::TooLarge { what: "a file", limit },
            ReadError::Damaged(what) => Cause::Damaged { what },
        })
    }

    fn tree(&self, id: ObjectId, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let kept = || self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = kept().get(&id) {
            return Ok(Arc::clone(tree));
        }
        let limit = self.store.limits().memory_bytes;
        let tree = self.database.read(id, ObjectType::Tree, limit);
        let tree = Arc::<[u8]>::from(tree.map_err(|error| self.unreadable(error, path))?);
        let mut trees = kept();
        if trees.len() >= TREES_KEPT {
            trees.clear();
        }
        trees.insert(id, Arc::clone(&tree));
        Ok(tree)
    }

    fn malformed(&self, path: &str) -> TreeError {
        self.unreadable(ReadError::Damaged("a tree is malformed".into()), path)
    }

    fn find(&self, path: &str) -> Result<Option<Found>, TreeError> {
        let root = self.commit.tree;
        let mut found = Found { kind: Kind::Folder, id: root, folder: root };
        let depth = self.store.limits().tree_depth;
        for (index, name) in path.split('/').filter(|name| !name.is_empty()).enumerate() {
            if index >= depth {
                let limit = depth as u64;
                return Err(self.failed(Cause::TooLarge { what: "the depth of a folder", limit }));
            }
            if found.kind != Kind::Folder {
                return Ok(None);
            }
            let folder = found.id;
            let tree = self.tree(folder, path)?;
            let mut entries = tree_entries(&tree);
            let entry =
                entries.find(|entry| entry.is_none_or(|entry| entry.name == name.as_bytes()));
            match entry {
                Some(Some(entry)) => found = Found { kind: entry.kind, id: entry.id, folder },
                Some(None) => return Err(self.malformed(path)),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Has the file fetched if the server had left it out, together with the others of its folder, since
    /// what reads one of them will soon read the next.
    fn bring(&self, found: Found, path: &str) -> Result<(), TreeError> {
        if self.database.has(found.id) {
            return Ok(());
        }
        let limits = self.store.limits();
        let left = self
            .fetches_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_err() {
            let limit = u64::from(limits.late_fetches);
            let what = "the number of requests for files outside of the app's path";
            return Err(self.failed(Cause::TooLarge { what, limit }));
        }
        let mut ids = vec![found.id];
        let tree = self.tree(found.folder, path)?;
        for entry in tree_entries(&tree).flatten() {
            let is_file = matches!(entry.kind, Kind::File | Kind::Link);
            if is_file && entry.id != found.id && !self.database.has(entry.id) {
                ids.push(entry.id);
            }
        }
        ids.truncate(limits.prefetch_files.max(1));
        ids.sort_unstable();
        ids.dedup();
        let (answer, wait) = mpsc::sync_channel(1);
        let (store, remote) = (self.store.clone(), self.remote.clone());
        let cache = Arc::clone(&self.cache);
        self.runtime.spawn(async move {
            // The reader may have given up; then nobody wants the answer.
            let _ = answer.send(store.fetch_objects(&remote, &cache, ids).await);
        });
        // The remote may first finish what somebody else has asked for.
        let longest = limits.fetch_timeout * 2;
        match wait.recv_timeout(longest) {
            Ok(fetched) => fetched.map_err(|cause| self.failed(cause)),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(self.failed(Cause::TimedOut { after: longest, silent: false }))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(self.failed(Cause::Unreachable { reason: "Kargo is being stopped".into() }))
            }
        }
    }

    fn blob(&self, found: Found, path: &str, longest: u64) -> Result<Vec<u8>, TreeError> {
        let blob = self.database.read(found.id, ObjectType::Blob, longest);
        blob.map_err(|error| self.unreadable(error, path))
    }
}

impl Tree for Snapshot {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        let Some(found) = self.find(path)? else { return Ok(None) };
        let entry = match found.kind {
            Kind::Folder => Entry::Folder,
            Kind::Submodule => Entry::Unreadable { what: "a git submodule" },
            Kind::Unknown => Entry::Unreadable { what: "an entry of an unknown kind" },
            Kind::File => {
                self.bring(found, path)?;
                let size = self.database.size(found.id);
                let size = size.map_err(|error| self.unreadable(error, path))?;
                if size < LONGEST_POINTER && is_pointer(&self.blob(found, path, LONGEST_POINTER)?) {
                    Entry::Unreadable {
                        what: "a git LFS pointer, whose file is not in the repository",
                    }
                } else {
                    Entry::File { size }
                }
            }
            Kind::Link => {
                self.bring(found, path)?;
                let size = self.database.size(found.id);
                let size = size.map_err(|error| self.unreadable(error, path))?;
                let target = if size <= LONGEST_LINK {
                    String::from_utf8(self.blob(found, path, LONGEST_LINK)?).ok()
                } else {
                    None
                };
                match target {
                    Some(target) => Entry::Link { target },
                    None => {
                        Entry::Unreadable { what: "a symbolic link whose target is not a path" }
                    }
                }
            }
        };
        Ok(Some(entry))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        match self.find(path)? {
            Some(found) if found.kind == Kind::File => {
                self.bring(found, path)?;
                self.blob(found, path, self.store.limits().memory_bytes)
            }
            Some(_) | None => {
                Err(TreeError(format!("`{}` is not a file", sanitize(path.as_bytes(), LINE))))
            }
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, TreeError> {
        match self.find(path)? {
            Some(found) if found.kind == Kind::Folder => {
                let tree = self.tree(found.id, path)?;
                tree_entries(&tree)
                    .map(|entry| {
                        let entry = entry.ok_or_else(|| self.malformed(path))?;
                        Ok(String::from_utf8_lossy(entry.name).into_owned())
                    })
                    .collect()
            }
            Some(_) | None => {
                Err(TreeError(format!("`{}` is not a folder", sanitize(path.as_bytes(), LINE))))
            }
        }
    }
}

fn is_pointer(content: &[u8]) -> bool {
    content.starts_with(b"version https://git-lfs.github.com/spec/v1\n")
}
