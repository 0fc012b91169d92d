//! A git server on loopback: the real smart HTTP server (`git http-backend`) behind a small
//! front.
//!
//! Repositories are bare, and set up as the forges set theirs up: partial clones are allowed, and
//! a client may ask for any commit that it can reach. The front adds what the tests need: a
//! password per repository, a count of what went over the wire, and failures on demand. The
//! server runs in a thread of its own, so that a test may call git and wait for it.

mod front;
mod http_backend;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::folders::RunFolder;
use crate::repository::git;

/// A user name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// The user name.
    pub user: String,
    /// The password, or an access token.
    pub password: String,
}

/// What the server does with a request for a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// It serves the repository.
    #[default]
    Works,
    /// It answers with this HTTP status.
    Fails(u16),
    /// It takes the request and never answers.
    Hangs,
}

/// What went over the wire for one repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// The number of HTTP requests.
    pub requests: u64,
    /// The bytes of the request bodies.
    pub received: u64,
    /// The bytes of the answers' bodies.
    pub sent: u64,
    /// The requests that fetched objects.
    pub fetches: u64,
    /// The requests that asked which branches and tags there are, by protocol version 2.
    pub polls: u64,
}

/// What the front knows about one repository.
#[derive(Debug, Clone, Default)]
struct Record {
    password: Option<Password>,
    behaviour: Behaviour,
    traffic: Traffic,
}

/// The part of the server that its thread shares with its owner.
#[derive(Debug)]
struct Shared {
    root: PathBuf,
    records: Mutex<HashMap<String, Record>>,
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, HashMap<String, Record>> {
        // A panic while the lock was held cannot have left the map half changed.
        self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A git server with any number of repositories. It ends with this value.
#[derive(Debug)]
pub struct GitServer {
    folder: TempDir,
    shared: Arc<Shared>,
    address: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl GitServer {
    /// Starts a server without repositories.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("git-server-")
            .tempdir_in(RunFolder::shared()?.path())?;
        let shared = Arc::new(Shared {
            root: folder.path().to_owned(),
            records: Mutex::new(HashMap::new()),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let running = Some(run(listener, Arc::clone(&shared))?);
        Ok(Self { folder, shared, address, running })
    }

    /// Creates an empty repository with the default branch `main`, and returns its URL. Its name
    /// may have folders, as in `team-a/shop.git`.
    pub fn create_repository(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        let create = ["init", "--quiet", "--bare", "--initial-branch=main"];
        run_git(git(self.folder.path()).args(create).arg(&path))?;
        for (key, value) in [
            ("http.receivepack", "true"),
            ("uploadpack.allowFilter", "true"),
            ("uploadpack.allowReachableSHA1InWant", "true"),
            ("uploadpack.allowTipSHA1InWant", "true"),
            ("receive.denyDeleteCurrent", "ignore"),
            // A repository that packs itself behind our back would make the counts uneven.
            ("gc.auto", "0"),
            ("receive.autogc", "false"),
        ] {
            run_git(git(&path).args(["config", key, value]))?;
        }
        self.shared.records().insert(name.to_owned(), Record::default());
        Ok(self.url(name))
    }

    /// The URL of a repository, without credentials.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// The folder of a bare repository, for tests that break it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks for a password from now on, or for none. A repository that asks answers 401 to
    /// everybody else.
    pub fn set_password(&self, name: &str, password: Option<Password>) {
        self.change(name, |record| record.password = password);
    }

    /// Works, fails or hangs from now on.
    pub fn set_behaviour(&self, name: &str, behaviour: Behaviour) {
        self.change(name, |record| record.behaviour = behaviour);
    }

    /// What went over the wire since the server or the count was started.
    pub fn traffic(&self, name: &str) -> Traffic {
        self.shared.records().get(name).map(|record| record.traffic).unwrap_or_default()
    }

    /// Starts the count anew.
    pub fn reset_traffic(&self, name: &str) {
        self.change(name, |record| record.traffic = Traffic::default());
    }

    /// Goes down: open connections are cut, new ones refused.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            // Fails only when the thread is gone already.
            let _ = running.stop.send(());
            let _ = running.thread.join();
        }
    }

    /// Comes up again at the same address, with the same repositories.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        let start = Instant::now();
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) if start.elapsed() > Duration::from_secs(5) => {
                    return Err(error)
                        .with_context(|| format!("{} is taken by somebody else", self.address));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        self.running = Some(run(listener, Arc::clone(&self.shared))?);
        Ok(())
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Record)) {
        change(self.shared.records().entry(name.to_owned()).or_default());
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(listener: TcpListener, shared: Arc<Shared>) -> Result<Running> {
    listener.set_nonblocking(true)?;
    let (stop, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("git-server".to_owned()).spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            tokio::select! {
                _ = axum::serve(listener, front::router(shared)) => {}
                _ = stopped => {}
            }
        });
        // Cuts the connections that are still open, as a crash would.
        runtime.shutdown_background();
    })?;
    Ok(Running { stop, thread })
}

fn run_git(command: &mut Command) -> Result<()> {
    let output = command.output().context("git cannot be started")?;
    if !output.status.success() {
        bail!("git failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The repository that a request path is about, and the rest: `/a/b.git/info/refs` is
/// `a/b.git` and `/info/refs`.
fn split_path<'path>(root: &Path, path: &'path str) -> Option<(&'path str, &'path str)> {
    let path = path.strip_prefix('/')?;
    if path.split('/').any(|part| part == ".." || part.is_empty()) {
        return None;
    }
    path.match_indices('/')
        .map(|(at, _)| path.split_at(at))
        .find(|(name, _)| root.join(name).join("HEAD").is_file())
}
