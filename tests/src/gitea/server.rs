//! The server: its settings, its start.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::key::Key;
use super::program::{self, Installed};
use crate::folders::{self, RunFolder};
use crate::go_tools::tail;
use crate::ports;
use crate::supervisor::Supervisor;
use crate::world::wait::until;

/// How long the start may take. It makes a database.
const START_DEADLINE: Duration = Duration::from_mins(2);

const ADMINISTRATOR: &str = "administrator";

/// A running Gitea. It ends with the process at the latest.
#[derive(Debug)]
pub struct Gitea {
    port: u16,
    ssh_port: u16,
    host_key: Key,
    log: PathBuf,
    pub(super) http: reqwest::Client,
    /// The token of the administrator.
    pub(super) token: String,
}

impl Gitea {
    /// The one that all tests of this process share.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Gitea> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    async fn start() -> Result<Self> {
        let installed = tokio::task::spawn_blocking(program::installed).await??;
        let folder = RunFolder::shared()?.path().join("gitea");
        folders::create_private(&folder)?;
        let [port, ssh_port] = ports::free()?;
        let host_key = Key::generate()?;
        fs::write(folder.join("host_key"), &host_key.private)?;
        let settings = folder.join("app.ini");
        fs::write(&settings, write_settings(&folder, &installed.static_root, port, ssh_port))?;
        // Makes the database, too.
        let token = create_administrator(&installed, &folder)?;
        let log = folder.join("gitea.log");
        let log_file = File::create(&log)?;
        let mut command = gitea(&installed, &folder);
        command.arg("web").stdout(log_file.try_clone()?).stderr(log_file);
        let mut child =
            Supervisor::shared()?.spawn(&mut command).context("gitea cannot be started")?;
        // Each test has a runtime of its own, and a connection ends with the runtime that opened it.
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_mins(1))
            .build()?;
        let gitea = Self { port, ssh_port, host_key, log, http, token };
        until("Gitea is up", START_DEADLINE, async || {
            if let Some(status) = child.try_wait()? {
                bail!("it ended ({status}): {}", gitea.log_tail());
            }
            let answer = gitea.http.get(gitea.url("api/healthz")).send().await?;
            Ok(answer.status().is_success().then_some(()))
        })
        .await?;
        Ok(gitea)
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The address of a repository over SSH.
    pub fn ssh_url(&self, owner: &str, name: &str) -> String {
        format!("ssh://git@127.0.0.1:{}/{owner}/{name}.git", self.ssh_port)
    }

    /// The line for `known_hosts`.
    pub fn known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.ssh_port, self.host_key.public)
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log, 20)
    }

    /// Asks the API as the owner of a token; an answer without a body is null.
    pub(super) async fn call(
        &self,
        token: &str,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let url = self.url(&format!("api/v1/{path}"));
        let mut request = self
            .http
            .request(method.clone(), url)
            .header("authorization", format!("token {token}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await.with_context(|| format!("{method} {path}"))
    }
}

/// Sends a request to the API, and reads the answer.
pub(super) async fn answer(request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        bail!("Gitea answers {status}: {text}");
    }
    if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
}

fn gitea(installed: &Installed, folder: &Path) -> Command {
    let mut command = Command::new(&installed.binary);
    command
        .current_dir(folder)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder)
        .env("GITEA_WORK_DIR", folder)
        // Whoever runs tests as root, in a container most likely, gets no user for this.
        .env("GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT", "true")
        .arg("--config")
        .arg(folder.join("app.ini"))
        .stdin(Stdio::null());
    command
}

fn create_administrator(installed: &Installed, folder: &Path) -> Result<String> {
    let run = |arguments: &[&str]| {
        let output =
            gitea(installed, folder).args(arguments).output().context("gitea cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("`gitea {}` failed: {text}{error}", arguments.join(" "));
        }
        Ok(text)
    };
    run(&["migrate"])?;
    let email = format!("{ADMINISTRATOR}@example.com");
    let user = ["--username", ADMINISTRATOR, "--email", &email, "--admin", "--random-password"];
    run(&[&["admin", "user", "create"][..], &user].concat())?;
    let token = ["--username", ADMINISTRATOR, "--scopes", "all", "--raw"];
    let token = run(&[&["admin", "user", "generate-access-token"][..], &token].concat())?;
    // Its log stands before it.
    Ok(token.lines().last().context("gitea printed no token")?.trim().to_owned())
}

fn write_settings(folder: &Path, static_root: &Path, port: u16, ssh_port: u16) -> String {
    let folder = folder.display();
    let static_root = static_root.display();
    format!(
        "\
RUN_MODE = prod
WORK_PATH = {folder}

[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
DOMAIN = 127.0.0.1
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {static_root}
OFFLINE_MODE = true
START_SSH_SERVER = true
SSH_DOMAIN = 127.0.0.1
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = {ssh_port}
SSH_PORT = {ssh_port}
BUILTIN_SSH_SERVER_USER = git
SSH_SERVER_HOST_KEYS = {folder}/host_key

[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db

[repository]
ROOT = {folder}/repositories

[security]
INSTALL_LOCK = true
; Real passwords are hashed slowly. These are none.
PASSWORD_HASH_ALGO = pbkdf2$1$32

[service]
DISABLE_REGISTRATION = true

[session]
PROVIDER = memory

[webhook]
ALLOWED_HOST_LIST = loopback

[cron]
ENABLED = false

[actions]
ENABLED = false

[packages]
ENABLED = false

[log]
MODE = console
LEVEL = warn
"
    )
}
