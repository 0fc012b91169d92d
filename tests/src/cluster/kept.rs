//! One control plane that stays up in the background, for people: `cargo xtask cluster`.
//!
//! It belongs to a process of its own, which holds a lock for as long as it runs. Everything
//! that others need stands beside that lock in the user's cache.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::binaries::Binaries;
use super::{Cluster, Options};
use crate::folders;
use crate::go_tools::tail;

const START_DEADLINE: Duration = Duration::from_secs(150);

/// The files of the kept control plane.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Finds them; they need not exist.
    pub fn find() -> Result<Self> {
        let folder = folders::cache()?.join("cluster");
        folders::create_private(&folder)?;
        Ok(Self { folder })
    }

    /// Its administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Whether it runs.
    pub fn is_up(&self) -> Result<bool> {
        Ok(self.process()?.is_some() && self.kubeconfig().is_file())
    }

    /// Starts it with `server`, a command that ends up in [`Kept::serve`], and waits until it is
    /// ready. Does nothing when it runs already.
    pub fn up(&self, mut server: Command, out: &mut dyn Write) -> Result<()> {
        if !self.is_up()? {
            // Here, where the progress can be seen; the process in the background finds it done.
            Binaries::provide()?;
            let log = File::create(self.log())?;
            let mut child = server
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .process_group(0)
                .spawn()
                .context("the control plane's process cannot be started")?;
            let start = Instant::now();
            while !self.is_up()? {
                if child.try_wait()?.is_some() || start.elapsed() > START_DEADLINE {
                    bail!("the control plane did not start:\n{}", tail(&self.log(), 15));
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        self.describe(out)
    }

    /// Ends it, and says whether there was anything to end.
    pub fn down(&self) -> Result<bool> {
        let Some(process) = self.process()? else { return Ok(false) };
        let status =
            Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &process]).status()?;
        if !status.success() {
            bail!("process {process} of the control plane cannot be ended");
        }
        let start = Instant::now();
        while self.process()?.is_some() {
            if start.elapsed() > Duration::from_secs(10) {
                bail!("process {process} of the control plane does not end");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(true)
    }

    /// Says how to use it, or that there is none.
    pub fn describe(&self, out: &mut dyn Write) -> Result<()> {
        if self.is_up()? {
            writeln!(out, "The control plane is up. To use it:")?;
            writeln!(out, "export KUBECONFIG={}", self.kubeconfig().display())?;
            writeln!(out, "export PATH={}:$PATH", kubectl_folder()?.display())?;
        } else {
            writeln!(out, "There is no control plane; start it with `cargo xtask cluster up`.")?;
        }
        Ok(())
    }

    /// Runs it until SIGTERM or SIGINT.
    pub async fn serve(&self) -> Result<()> {
        let lock = File::options().create(true).append(true).open(self.lock())?;
        lock.try_lock().context("the control plane runs already")?;
        lock.set_len(0)?;
        writeln!(&lock, "{}", std::process::id())?;
        let _ = fs::remove_file(self.kubeconfig());

        let cluster = Cluster::start(Options { audit: true, ..Options::default() }).await?;
        let audit_log = self.folder.join("audit.log");
        let _ = fs::remove_file(&audit_log);
        std::os::unix::fs::symlink(cluster.audit_log(), audit_log)?;
        copy_into_place(cluster.kubeconfig(), &self.kubeconfig())?;

        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        fs::remove_file(self.kubeconfig())?;
        drop(cluster);
        Ok(())
    }

    fn lock(&self) -> PathBuf {
        self.folder.join("process")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The id of the process that holds the lock.
    fn process(&self) -> Result<Option<String>> {
        let Ok(lock) = File::open(self.lock()) else { return Ok(None) };
        if lock.try_lock_shared().is_ok() {
            return Ok(None);
        }
        let process = fs::read_to_string(self.lock())?.trim().to_owned();
        Ok(Some(process).filter(|process| process.parse::<u32>().is_ok()))
    }
}

fn kubectl_folder() -> Result<PathBuf> {
    let kubectl = Binaries::provide_kubectl()?.path("kubectl");
    Ok(kubectl.parent().unwrap_or(Path::new("/")).to_owned())
}

fn copy_into_place(from: &Path, to: &Path) -> Result<()> {
    let unfinished = to.with_extension("unfinished");
    fs::copy(from, &unfinished)?;
    fs::rename(unfinished, to)?;
    Ok(())
}
