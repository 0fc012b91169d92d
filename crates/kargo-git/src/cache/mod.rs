//! A folder of packs: one generation of the cache of one remote.
//!
//! libgit2 writes it (its indexer computes every object's id from the object itself, which is how ids are
//! verified) and reads it (by an object database of its own, without a repository and so without any
//! configuration file). Nothing in a generation is ever changed: packs are added, and when there are too
//! many of them, or one of them turns out to be damaged, a new generation is begun and the old one goes when
//! its last reader has gone.

mod folder;

pub(crate) use folder::Folder;

use crate::error::Cause;
use crate::limits::Limits;
use crate::object::{CommitId, ObjectId};
use crate::pack;
use crate::text::{LINE, sanitize};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// One generation of a remote's cache.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// Commits at depth 1 whose trees are complete, newest last.
    commits: Mutex<Vec<CommitId>>,
    /// The open database, shared by all readers and closed with the last one.
    database: Mutex<Weak<Database>>,
    packs: AtomicU64,
    bytes: AtomicU64,
    used: Mutex<Instant>,
    retired: AtomicBool,
}

/// An open object database.
pub(crate) struct Database(git2::Odb<'static>);

impl std::fmt::Debug for Database {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Database")
    }
}

/// Why an object could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// It is not here.
    Missing,
    /// It is larger than may be held in memory.
    TooLarge { limit: u64 },
    /// It is here and cannot be read, in words.
    Damaged(String),
}

fn io_failure(what: &str, path: &Path, error: &std::io::Error) -> Cause {
    Cause::Cache { what: format!("{what} {} failed: {error}", path.display()) }
}

/// The oldest libgit2 that is trusted with what strangers send.
const OLDEST: (u32, u32, u32) = (1, 9, 7);

/// Sets libgit2's process-wide options: what is read is compared with its hash, and no objects are kept in
/// memory behind our back. Refuses to run with an old one.
pub(crate) fn prepare_libgit2() -> Result<(), Cause> {
    let version = git2::Version::get().libgit2_version();
    if version < OLDEST {
        let (major, minor, patch) = version;
        return Err(Cause::Cache {
            what: format!("libgit2 {major}.{minor}.{patch} is too old, and has known holes"),
        });
    }
    git2::opts::strict_hash_verification(true);
    git2::opts::enable_caching(false);
    Ok(())
}

/// What libgit2 says, which may quote what strangers have written.
fn words(error: &git2::Error) -> String {
    sanitize(error.message().as_bytes(), LINE)
}

impl Cache {
    /// Begins an empty generation in a folder that does not exist yet.
    pub(crate) fn create(folder: PathBuf) -> Result<Self, Cause> {
        for part in [Self::packs_in(&folder), folder.join("incoming")] {
            std::fs::create_dir_all(&part)
                .map_err(|error| io_failure("creating", &part, &error))?;
        }
        Ok(Self::at(folder, Vec::new()))
    }

    /// Takes over a generation that an earlier process has left; `None` if it cannot be used.
    pub(crate) fn reopen(folder: PathBuf) -> Option<Self> {
        let commits = std::fs::read_to_string(folder.join("commits")).ok()?;
        let commits = commits.lines().map(|line| line.parse().ok()).collect::<Option<Vec<_>>>()?;
        if commits.is_empty() {
            return None;
        }
        // What a killed process had not finished.
        let incoming = folder.join("incoming");
        std::fs::remove_dir_all(&incoming).ok()?;
        std::fs::create_dir(&incoming).ok()?;
        let cache = Self::at(folder, commits);
        let (mut packs, mut bytes) = (0, 0);
        for entry in std::fs::read_dir(Self::packs_in(&cache.folder)).ok()? {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let name = name.to_str()?;
            match name.rsplit_once('.') {
                Some((_, "pack")) => packs += 1,
                Some((_, "idx")) => {}
                _ => {
                    std::fs::remove_file(entry.path()).ok()?;
                    continue;
                }
            }
            bytes += entry.metadata().ok()?.len();
        }
        cache.packs.store(packs, Ordering::Relaxed);
        cache.bytes.store(bytes, Ordering::Relaxed);
        Some(cache)
    }

    fn at(folder: PathBuf, commits: Vec<CommitId>) -> Self {
        Self {
            folder,
            commits: Mutex::new(commits),
            database: Mutex::default(),
            packs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            used: Mutex::new(Instant::now()),
            retired: AtomicBool::new(false),
        }
    }

    fn packs_in(folder: &Path) -> PathBuf {
        folder.join("objects").join("pack")
    }

    /// The object database, for as long as the caller holds it.
    pub(crate) fn database(&self) -> Result<Arc<Database>, Cause> {
        let mut shared = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = shared.upgrade() {
            return Ok(database);
        }
        let folder = self.folder.join("objects");
        let path = folder.to_str().ok_or_else(|| Cause::Cache {
            what: format!("the path {} is not UTF-8", folder.display()),
        })?;
        let open = || {
            let database = git2::Odb::new()?;
            database.add_disk_alternate(path)?;
            Ok::<_, git2::Error>(database)
        };
        let database = open().map_err(|error| Cause::Cache {
            what: format!("opening {path} failed: {}", words(&error)),
        })?;
        let database = Arc::new(Database(database));
        *shared = Arc::downgrade(&database);
        Ok(database)
    }

    /// Where a pack is put while it arrives.
    pub(crate) fn incoming(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.folder.join("incoming").join(format!("{number}.pack"))
    }

    /// Inspects and indexes a pack that has arrived at `path`; gives up at `deadline`. Blocking.
    pub(crate) fn add(&self, path: &Path, limits: &Limits, deadline: Instant) -> Result<(), Cause> {
        let open = || {
            let file = std::fs::File::open(path);
            let file = file.map_err(|error| io_failure("reading", path, &error))?;
            Ok::<_, Cause>(BufReader::with_capacity(256 << 10, file))
        };
        let summary = pack::inspect(open()?, limits)?;
        if summary.objects == 0 {
            return Ok(());
        }
        let late = || Cause::TimedOut { after: limits.fetch_timeout, silent: false };
        let damaged = |error: &git2::Error| match error.class() {
            _ if Instant::now() > deadline => late(),
            git2::ErrorClass::Os | git2::ErrorClass::Filesystem | git2::ErrorClass::NoMemory => {
                Cause::Cache { what: format!("indexing a pack failed: {}", words(error)) }
            }
            _ => Cause::Damaged { what: words(error) },
        };
        let folder = Self::packs_in(&self.folder);
        // The pack may build on objects that are here already.
        let database = self.database()?;
        let mut indexer = git2::Indexer::new(Some(&database.0), &folder, 0o600, false)
            .map_err(|error| damaged(&error))?;
        indexer.progress(|_| Instant::now() <= deadline);
        let mut pack = open()?;
        loop {
            let chunk = pack.fill_buf().map_err(|error| io_failure("reading", path, &error))?;
            if chunk.is_empty() {
                break;
            }
            let length = chunk.len();
            if Instant::now() > deadline {
                return Err(late());
            }
            indexer.write_all(chunk).map_err(|error| {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<git2::Error>());
                inner.map_or_else(|| io_failure("indexing", path, &error), &damaged)
            })?;
            pack.consume(length);
        }
        let name = indexer.commit().map_err(|error| damaged(&error))?;
        let added = ["pack", "idx"]
            .iter()
            .filter_map(|ending| folder.join(format!("pack-{name}.{ending}")).metadata().ok())
            .map(|metadata| metadata.len())
            .sum();
        self.packs.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(added, Ordering::Relaxed);
        database.0.refresh().map_err(|error| damaged(&error))
    }

    /// The commits that are here with all their trees.
    pub(crate) fn commits(&self) -> Vec<CommitId> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records that a commit is here with all its trees. Blocking.
    pub(crate) fn record(&self, commit: CommitId) -> Result<(), Cause> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        commits.retain(|known| *known != commit);
        commits.push(commit);
        let text = commits.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let (new, path) = (self.folder.join("incoming/commits"), self.folder.join("commits"));
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| io_failure("writing", &path, &error))
    }

    /// How many packs it has.
    pub(crate) fn packs(&self) -> u64 {
        self.packs.load(Ordering::Relaxed)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// When it was last used.
    pub(crate) fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that it is used now.
    pub(crate) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Lets its folder go with its last reader.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Relaxed)
            && let Err(error) = std::fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "an old cache folder could not be removed");
        }
    }
}

impl Database {
    /// Whether the object is here.
    pub(crate) fn has(&self, id: ObjectId) -> bool {
        self.0.exists(id.as_oid())
    }

    /// The length of an object, without reading it.
    pub(crate) fn size(&self, id: ObjectId) -> Result<u64, ReadError> {
        match self.0.read_header(id.as_oid()) {
            Ok((size, _)) => Ok(size as u64),
            Err(error) => Err(Self::read_error(&error)),
        }
    }

    /// The bytes of an object of the wanted kind.
    pub(crate) fn read(
        &self,
        id: ObjectId,
        kind: git2::ObjectType,
        longest: u64,
    ) -> Result<Vec<u8>, ReadError> {
        if self.size(id)? > longest {
            return Err(ReadError::TooLarge { limit: longest });
        }
        let object = self.0.read(id.as_oid()).map_err(|error| Self::read_error(&error))?;
        if object.kind() != kind {
            return Err(ReadError::Damaged(format!(
                "object {id} is a {}, not a {kind}",
                object.kind()
            )));
        }
        Ok(object.data().to_vec())
    }

    /// What an object is.
    pub(crate) fn kind(&self, id: ObjectId) -> Result<git2::ObjectType, ReadError> {
        let header = self.0.read_header(id.as_oid());
        header.map(|(_, kind)| kind).map_err(|error| Self::read_error(&error))
    }

    fn read_error(error: &git2::Error) -> ReadError {
        if error.code() == git2::ErrorCode::NotFound {
            ReadError::Missing
        } else {
            ReadError::Damaged(words(error))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn libgit2_is_new_enough() {
        assert!(git2::Version::get().libgit2_version() >= super::OLDEST);
        assert_eq!(super::prepare_libgit2(), Ok(()));
    }
}
