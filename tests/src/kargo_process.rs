//! The `kargo` binary as a child process: the controller under test, from the outside.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::folders;
use crate::go_tools::tail;
use crate::ports;
use crate::supervisor::Supervisor;

/// The environment variable with the path of a `kargo` binary to use instead of building one.
pub const BINARY_VARIABLE: &str = "KARGO_BIN";

/// How a controller is started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The binary, as from [`binary`].
    pub program: PathBuf,
    /// `--installation`.
    pub installation: String,
    /// `--namespace`: where Kargo keeps its own objects.
    pub system_namespace: String,
    /// `--watch-namespace`, once for each; all namespaces when there is none.
    pub watch_namespaces: Vec<String>,
    /// `--cache`: the folder of the git caches.
    pub cache: PathBuf,
    /// `--kubeconfig`.
    pub kubeconfig: PathBuf,
    /// More flags.
    pub flags: Vec<String>,
    /// More variables of the environment.
    pub environment: Vec<(String, String)>,
    /// The file that its log is appended to.
    pub log: PathBuf,
}

/// A running `kargo controller`. It is killed when this value goes.
#[derive(Debug)]
pub struct KargoProcess {
    settings: Settings,
    port: u16,
    child: Child,
}

impl KargoProcess {
    /// Starts it; it is not ready yet.
    pub fn start(settings: Settings) -> Result<Self> {
        let [port] = ports::free()?;
        let child = spawn(&settings, port)?;
        Ok(Self { settings, port, child })
    }

    /// Waits until it says that it is ready.
    pub async fn wait_until_ready(&mut self, deadline: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the controller ended ({status}); its log ends with:\n{}", self.log_tail(20));
            }
            if matches!(self.get("/readyz").await, Ok((200, _))) {
                return Ok(());
            }
            if start.elapsed() > deadline {
                bail!("the controller is not ready after {deadline:?}:\n{}", self.log_tail(20));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks its HTTP server: status and body.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        timeout(Duration::from_secs(5), get(self.port, path)).await.context("no answer in 5 s")?
    }

    /// Its memory in use (`VmRSS`), in KiB. Linux only.
    pub fn memory_in_use(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("{path} is not there"))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
            .context("the process has no VmRSS")
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many files and connections it has open. Linux only.
    pub fn open_files(&self) -> Result<usize> {
        let path = format!("/proc/{}/fd", self.child.id());
        Ok(fs::read_dir(&path).with_context(|| format!("{path} is not there"))?.count())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Kills it at once (SIGKILL), as a node that loses its power.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it (SIGTERM) and waits for its end. Returns how it ended and how long that took.
    pub async fn terminate(&mut self, deadline: Duration) -> Result<(ExitStatus, Duration)> {
        self.signal("TERM")?;
        let start = Instant::now();
        while start.elapsed() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, start.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the controller still runs {deadline:?} after SIGTERM")
    }

    /// Sends it a signal: `STOP` and `CONT` let it sleep for a while, as a node that is overloaded does.
    pub fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().to_string();
        // The shell has `kill` built in; not every machine has it as a program.
        let script = "kill -s \"$1\" \"$2\"";
        let status = Command::new("sh").args(["-c", script, "sh", name, &id]).status()?;
        anyhow::ensure!(status.success(), "the signal {name} could not be sent");
        Ok(())
    }

    /// Kills it, if it still runs, and starts it again with the same settings.
    pub fn restart(&mut self) -> Result<()> {
        let _ = self.kill();
        self.child = spawn(&self.settings, self.port)?;
        Ok(())
    }

    /// All that it has logged, over all restarts.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.settings.log)?).into_owned())
    }

    /// The last lines of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.settings.log, lines)
    }

    /// The port of its HTTP server on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for KargoProcess {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The binary under test: `KARGO_BIN`, else the package `kargo`, built by cargo on first use.
pub fn binary() -> Result<PathBuf> {
    static BINARY: Mutex<Option<PathBuf>> = Mutex::new(None);
    if let Some(path) = env::var_os(BINARY_VARIABLE).filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    // Tests that want it at the same time wait for the one that builds it.
    let mut binary = BINARY.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(path) = &*binary {
        return Ok(path.clone());
    }
    let path = build(&[])?;
    *binary = Some(path.clone());
    Ok(path)
}

/// Builds the package `kargo` with more flags for cargo, and returns the path of the binary.
pub fn build(flags: &[&str]) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(folders::workspace())
        .args([
            "build",
            "--quiet",
            "--package",
            "kargo",
            "--message-format=json-render-diagnostics",
        ])
        .args(flags)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("the package kargo cannot be built; see above");
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "kargo")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo did not say where the binary kargo is")
}

fn spawn(settings: &Settings, port: u16) -> Result<Child> {
    let log = open_log(&settings.log)?;
    let mut command = Command::new(&settings.program);
    command
        .arg("controller")
        .args(["--installation", &settings.installation])
        .args(["--namespace", &settings.system_namespace])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        // The same after a restart, as the name of a pod is: it need not wait for its own lease to run out.
        .args(["--identity", &format!("process-{port}")])
        .arg("--cache")
        .arg(&settings.cache)
        .arg("--kubeconfig")
        .arg(&settings.kubeconfig);
    for namespace in &settings.watch_namespaces {
        command.args(["--watch-namespace", namespace]);
    }
    command
        .args(&settings.flags)
        .env_remove("KUBECONFIG")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost")
        .envs(settings.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Supervisor::shared()?.spawn(&mut command).context("the binary kargo cannot be started")
}

fn open_log(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("{} cannot be written", path.display()))
}

async fn get(port: u16, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
    let status = head.split(' ').nth(1).context("the answer has no status")?.parse()?;
    Ok((status, body.to_owned()))
}
