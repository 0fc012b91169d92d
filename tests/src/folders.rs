//! Where things are: the checkout, the user's cache, the folders of one run.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use anyhow::{Context as _, Result};

/// How many folders of ended runs stay for people who want to read their logs.
const ENDED_RUNS_KEPT: usize = 8;

/// The root of the checkout.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// Kargo's folder in the user's cache: `$XDG_CACHE_HOME/kargo`, or `~/.cache/kargo`.
pub fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder).join("kargo"));
    }
    let home = env::home_dir().context("neither XDG_CACHE_HOME nor HOME is set; set one")?;
    Ok(home.join(".cache/kargo"))
}

/// A folder for what one run leaves behind: logs first of all.
///
/// It is locked for as long as the process lives, so that later runs know which folders belong
/// to nobody any more; all but the newest few of those are removed when a new one is made.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Makes a folder named after `purpose` in the user's cache.
    pub fn create(purpose: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let base = cache()?.join("runs");
        fs::create_dir_all(&base)
            .with_context(|| format!("{} cannot be created", base.display()))?;
        remove_ended(&base);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("{purpose}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        create_private(&path)?;
        let lock = File::create(path.join("lock"))?;
        lock.lock().with_context(|| format!("{} cannot be locked", path.display()))?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder for everything in this process that has none of its own.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<RunFolder> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return Ok(shared);
        }
        let fresh = Self::create("process")?;
        Ok(SHARED.get_or_init(|| fresh))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates a folder that only its owner can look into, with its parents. It may exist already.
pub fn create_private(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("{} cannot be created", path.display()))
}

/// Removes the folders of ended runs, except for the newest ones. Best effort: a folder that
/// cannot be removed harms nobody.
fn remove_ended(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    let mut ended: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| has_ended(&entry.path()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    ended.sort();
    let surplus = ended.len().saturating_sub(ENDED_RUNS_KEPT);
    for (_, path) in ended.into_iter().take(surplus) {
        let _ = fs::remove_dir_all(path);
    }
}

fn has_ended(run: &Path) -> bool {
    File::open(run.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok())
}
