//! The real `git http-backend` on loopback, and repositories made by the real git CLI.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use futures::StreamExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

/// What a server was asked and how much it answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// Method, path and query of each request, and the commands in its body.
    pub(crate) requests: Vec<String>,
}

type Gate = Arc<dyn Fn(&str, &HeaderMap) -> Option<Response<Body>> + Send + Sync>;

#[derive(Clone)]
struct Front {
    root: PathBuf,
    log: Arc<Mutex<Log>>,
    answered: Arc<AtomicU64>,
    is_old: Arc<AtomicBool>,
    keeps_files: Arc<AtomicBool>,
    gate: Gate,
}

/// A git server on loopback.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    url: String,
    log: Arc<Mutex<Log>>,
    answered: Arc<AtomicU64>,
    is_old: Arc<AtomicBool>,
    keeps_files: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server that answers everything by `git http-backend`.
    pub(crate) async fn start() -> Self {
        Self::with_gate(|_, _| None).await
    }

    /// A server whose `gate` may answer a request (method and path, headers) instead of git.
    pub(crate) async fn with_gate(
        gate: impl Fn(&str, &HeaderMap) -> Option<Response<Body>> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (log, answered) = (Arc::default(), Arc::default());
        let (is_old, keeps_files) = (Arc::default(), Arc::default());
        let root = folder.path().join("bare");
        std::fs::create_dir(&root).unwrap();
        let front = Front {
            root,
            log: Arc::clone(&log),
            answered: Arc::clone(&answered),
            is_old: Arc::clone(&is_old),
            keeps_files: Arc::clone(&keeps_files),
            gate: Arc::new(gate),
        };
        let router = Router::new().fallback(serve).with_state(front);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { folder, url, log, answered, is_old, keeps_files, task }
    }

    pub(crate) fn url(&self, repository: &str) -> String {
        format!("{}/{repository}", self.url)
    }

    /// From now on the server knows only protocol version 0.
    pub(crate) fn grow_old(&self) {
        self.is_old.store(true, Ordering::Relaxed);
    }

    /// From now on the server does not hand out files one by one.
    pub(crate) fn keep_files(&self) {
        self.keeps_files.store(true, Ordering::Relaxed);
    }

    /// Stops the server.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// What was asked since the last call.
    pub(crate) fn take_log(&self) -> Log {
        self.answered.store(0, Ordering::Relaxed);
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Bytes of bodies that were answered since the last [`Server::take_log`].
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// An empty repository on the server, with a clone to work in.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        let bare = self.folder.path().join("bare").join(name);
        let work = self.folder.path().join("work").join(name);
        std::fs::create_dir_all(&work).unwrap();
        let repository = Repository { bare, work };
        git(
            &repository.work,
            &["init", "-q", "--bare", "-b", "main", repository.bare.to_str().unwrap()],
        );
        git(&repository.bare, &["config", "uploadpack.allowFilter", "true"]);
        git(&repository.work, &["init", "-q", "-b", "main"]);
        git(&repository.work, &["remote", "add", "origin", repository.bare.to_str().unwrap()]);
        repository
    }
}

/// A repository on the server and a clone of it.
pub(crate) struct Repository {
    pub(crate) bare: PathBuf,
    pub(crate) work: PathBuf,
}

impl Repository {
    /// Writes files, commits and pushes them; returns the commit id.
    pub(crate) fn push(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            let path = self.work.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.commit("change")
    }

    /// Commits what is in the working folder and pushes it; returns the commit id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["push", "-q", "origin", "HEAD"]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the clone.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.work, arguments)
    }

    /// Runs git in the server's repository.
    pub(crate) fn git_on_server(&self, arguments: &[&str]) -> String {
        git(&self.bare, arguments)
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "김민수"), ("GIT_AUTHOR_EMAIL", "kim@example.com")])
        .envs([("GIT_COMMITTER_NAME", "Kim"), ("GIT_COMMITTER_EMAIL", "kim@example.com")])
        .env("GIT_COMMITTER_DATE", "1700000000 +0900")
        .output()
        .expect("git is installed");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Answers one request: by the gate, or by `git http-backend` as the CGI program that it is.
async fn serve(State(front): State<Front>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = format!("{} {}", parts.method, parts.uri);
    let commands = String::from_utf8_lossy(&body).replace(['\n', '\0'], " ");
    front.log.lock().unwrap().requests.push(format!("{path} {commands}"));
    if let Some(answer) = (front.gate)(&path, &parts.headers) {
        return answer;
    }
    let is_for_files = commands.contains("want ") && !commands.contains("deepen 1");
    if is_for_files && front.keeps_files.load(Ordering::Relaxed) {
        let refusal =
            Response::builder().header("content-type", "application/x-git-upload-pack-result");
        return refusal.body(Body::from("0020ERR upload-pack: not our ref")).unwrap();
    }
    let is_old = front.is_old.load(Ordering::Relaxed);
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", &front.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or(""))
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", if is_old { "" } else { header("git-protocol") })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git http-backend is installed");
    let mut stdin = child.stdin.take().unwrap();
    tokio::spawn(async move {
        // git may have answered without reading all of it.
        let _ = stdin.write_all(&body).await;
    });
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut response = Response::builder();
    loop {
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim().split_once(':') else { break };
        response = if name == "Status" {
            let code = value.trim().split(' ').next().unwrap();
            response.status(StatusCode::from_bytes(code.as_bytes()).unwrap())
        } else {
            response.header(name, value.trim())
        };
    }
    let answered = Arc::clone(&front.answered);
    let stream =
        tokio_util::io::ReaderStream::new(stdout).map(move |chunk: std::io::Result<Bytes>| {
            // The process is reaped when its output has been read.
            let _child = &child;
            answered
                .fetch_add(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64), Ordering::Relaxed);
            chunk
        });
    response.body(Body::from_stream(stream)).unwrap()
}
