//! The folder of all caches: `<key of the remote>/<number of the generation>/`.

use super::{Cache, io_failure};
use crate::error::Cause;
use crate::remote::Remote;
use aws_lc_rs::{hmac, rand};
use std::collections::HashMap;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// All caches of a process. Nobody else may use the folder meanwhile.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    caches: Mutex<HashMap<String, Arc<Cache>>>,
    next: AtomicU64,
    salt: hmac::Key,
    /// Held for as long as the folder is in use.
    lock: std::fs::File,
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that was just begun may hold it too. If this
        // fails, that child's start releases it.
        let _ = self.lock.unlock();
    }
}

impl Folder {
    /// Takes the folder, with what an earlier process left there; removes what cannot be used. Blocking.
    pub(crate) fn open(path: &Path) -> Result<Self, Cause> {
        std::fs::create_dir_all(path).map_err(|error| io_failure("creating", path, &error))?;
        let lock_path = path.join("lock");
        let lock = std::fs::File::create(&lock_path)
            .map_err(|error| io_failure("creating", &lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Cause::Cache {
                    what: format!("another process uses {}", path.display()),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(io_failure("locking", &lock_path, &error));
            }
        }
        let salt = salt(&path.join("salt"))?;
        let mut caches = HashMap::new();
        let mut next = 0;
        for (key, remote) in subfolders(path)? {
            let mut generations = subfolders(&remote)?
                .into_iter()
                .filter_map(|(name, path)| Some((name.parse::<u64>().ok()?, path)))
                .collect::<Vec<_>>();
            generations.sort_unstable();
            next = next.max(generations.last().map_or(0, |(number, _)| number + 1));
            let newest = generations.pop().and_then(|(_, path)| Cache::reopen(path));
            match newest {
                Some(cache) => {
                    for (_, path) in generations {
                        remove(&path)?;
                    }
                    caches.insert(key, Arc::new(cache));
                }
                None => remove(&remote)?,
            }
        }
        let (caches, next) = (Mutex::new(caches), AtomicU64::new(next));
        Ok(Self { path: path.to_owned(), caches, next, salt, lock })
    }

    /// The name of a remote's cache: the same only for the same address and the same access, and of no use
    /// to somebody who wants to try out passwords.
    pub(crate) fn key(&self, remote: &Remote) -> String {
        use std::fmt::Write as _;
        let mut text = remote.url().to_string().into_bytes();
        text.push(0);
        text.extend_from_slice(&remote.access().fingerprint());
        let digest = hmac::sign(&self.salt, &text);
        digest.as_ref().iter().take(16).fold(String::new(), |mut key, byte| {
            // Writing to a string does not fail.
            let _ = write!(key, "{byte:02x}");
            key
        })
    }

    /// The cache of a remote, if there is one.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Cache>> {
        self.caches().get(key).cloned()
    }

    /// Begins a new generation; the old one goes when its last reader has gone.
    pub(crate) fn begin(&self, key: &str) -> Result<Arc<Cache>, Cause> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let cache = Arc::new(Cache::create(self.path.join(key).join(number.to_string()))?);
        if let Some(old) = self.caches().insert(key.to_owned(), Arc::clone(&cache)) {
            old.retire();
        }
        Ok(cache)
    }

    /// The name of a folder for something that does not last; what is left of it goes with the next start.
    pub(crate) fn scratch(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("scratch-{number}"))
    }

    /// Gives a generation up, if it still is the current one.
    pub(crate) fn discard(&self, key: &str, cache: &Arc<Cache>) {
        let mut caches = self.caches();
        if caches.get(key).is_some_and(|current| Arc::ptr_eq(current, cache)) {
            caches.remove(key);
        }
        cache.retire();
    }

    /// Drops the caches that were not used for `age`, and then those used longest ago until all of them
    /// together are smaller than `bytes`. Those that are being read stay.
    pub(crate) fn shrink(&self, bytes: u64, age: Duration) {
        let mut caches = self.caches();
        let mut idle = caches
            .iter()
            .filter(|(_, cache)| Arc::strong_count(cache) == 1)
            .map(|(key, cache)| (cache.used(), cache.bytes(), key.clone()))
            .collect::<Vec<_>>();
        idle.sort_unstable();
        let mut total = caches.values().map(|cache| cache.bytes()).sum::<u64>();
        for (used, size, key) in idle {
            if total <= bytes && used.elapsed() <= age {
                break;
            }
            if let Some(cache) = caches.remove(&key) {
                cache.retire();
            }
            total = total.saturating_sub(size);
        }
    }

    fn caches(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Cache>>> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The installation's own secret for the names of caches, made at the first start.
fn salt(path: &Path) -> Result<hmac::Key, Cause> {
    let mut bytes = std::fs::read(path).unwrap_or_default();
    if bytes.len() != 32 {
        bytes = vec![0; 32];
        rand::fill(&mut bytes)
            .map_err(|_| Cause::Cache { what: "the machine has no random numbers".into() })?;
        std::fs::write(path, &bytes).map_err(|error| io_failure("writing", path, &error))?;
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn subfolders(path: &Path) -> Result<Vec<(String, PathBuf)>, Cause> {
    let failure = |error| io_failure("reading", path, &error);
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        if entry.file_type().map_err(failure)?.is_dir() {
            folders.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    Ok(folders)
}

fn remove(path: &Path) -> Result<(), Cause> {
    std::fs::remove_dir_all(path).map_err(|error| io_failure("removing", path, &error))
}
