//! Builds Go programs out of a module of ours, once, into the user's cache.
//!
//! The cache folder is named after everything that decides what comes out: `go.mod`, `go.sum`,
//! the flags and Go's version. A program is complete when it stands there under its name, as it
//! is renamed into place when it is done; so an interrupted build goes on where it was stopped.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::folders;
use crate::supervisor::Supervisor;

/// A program to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The name of the binary.
    pub name: &'static str,
    /// The path of its package.
    pub package: &'static str,
}

/// A Go module of ours that pins what its programs are built from.
#[derive(Debug)]
pub struct Module {
    folder: PathBuf,
    cache: PathBuf,
    linker_flags: String,
    c_sources: Option<BuildTags>,
}

/// The build tags of a program that compiles C sources too, separated by commas.
type BuildTags = &'static str;

impl Module {
    /// The module in `folder` of `tests/cluster/go`, with programs linked with `linker_flags`.
    pub fn open(folder: &str, linker_flags: String) -> Result<Self> {
        Self::open_as(folder, linker_flags, None)
    }

    /// The same for programs that need a C compiler, and these build tags.
    pub fn open_with_c(folder: &str, linker_flags: String, tags: BuildTags) -> Result<Self> {
        Self::open_as(folder, linker_flags, Some(tags))
    }

    fn open_as(folder: &str, linker_flags: String, c_sources: Option<BuildTags>) -> Result<Self> {
        let source = source_folder(folder);
        let mut key = Sha256::new();
        for file in ["go.mod", "go.sum"] {
            key.update(read(&source.join(file))?);
            key.update([0]);
        }
        key.update(&linker_flags);
        if let Some(tags) = c_sources {
            key.update(tags);
        }
        key.update(go_version(&source)?);
        let key = key.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let cache = folders::cache()?.join(folder).join(key);
        fs::create_dir_all(&cache)
            .with_context(|| format!("{} cannot be created", cache.display()))?;
        Ok(Self { folder: source, cache, linker_flags, c_sources })
    }

    /// Where the programs are, each under its name.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Builds those of `programs` that are not in the cache yet. `duration` tells people how
    /// long the first time takes.
    pub fn build(&self, programs: &[Program], duration: &str) -> Result<()> {
        if self.missing(programs).is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        // Another run may have built them while this one waited for the lock.
        let missing = self.missing(programs);
        if missing.is_empty() {
            return Ok(());
        }
        say(&format!(
            "Building {} from source. This happens once and takes {duration}; the result is kept in {}.",
            list(&missing),
            self.cache.display()
        ));
        let built_before = programs.len() - missing.len();
        for (index, program) in missing.iter().enumerate() {
            let position = format!("[{}/{}]", built_before + index + 1, programs.len());
            self.build_one(*program, &position)?;
        }
        Ok(())
    }

    /// The folder with the source of `module`, a dependency of this module.
    pub fn source_of(&self, module: &str) -> Result<PathBuf> {
        let output = go(&self.folder)
            .args(["mod", "download", "-json", module])
            .stderr(Stdio::inherit())
            .output()
            .context("go cannot be started")?;
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`go mod download -json {module}` did not answer in JSON"))?;
        match answer.get("Dir").and_then(serde_json::Value::as_str) {
            Some(folder) => Ok(PathBuf::from(folder)),
            None => bail!("the source of {module} cannot be downloaded: {}", answer["Error"]),
        }
    }

    /// Keeps other runs from building into the same folder for as long as the file is open.
    pub fn lock(&self) -> Result<File> {
        let lock = File::create(self.cache.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say("Another run is building the same programs; waiting for it.");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(lock)
    }

    fn missing(&self, programs: &[Program]) -> Vec<Program> {
        programs
            .iter()
            .copied()
            .filter(|program| !self.cache.join(program.name).is_file())
            .collect()
    }

    fn build_one(&self, program: Program, position: &str) -> Result<()> {
        let unfinished = self.cache.join(format!("{}.unfinished", program.name));
        let log = self.cache.join(format!("{}.build.log", program.name));
        let log_file = File::create(&log)?;
        let mut command = go(&self.folder);
        if self.c_sources.is_some() {
            command.env("CGO_ENABLED", "1");
        }
        command
            .args(["build", "-trimpath", "-buildvcs=false", "-tags", self.c_sources.unwrap_or("")])
            .args(["-ldflags", &self.linker_flags, "-o"])
            .arg(&unfinished)
            .arg(program.package)
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let mut child =
            Supervisor::shared()?.spawn(&mut command).context("go cannot be started")?;
        let mut progress = Progress::start(format!("{position} {}", program.name));
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            progress.show();
            std::thread::sleep(Duration::from_millis(200));
        };
        if !status.success() {
            progress.end("failed");
            bail!(
                "{} cannot be built: {}\nThe whole output is in {}.",
                program.name,
                tail(&log, 15),
                log.display()
            );
        }
        fs::rename(&unfinished, self.cache.join(program.name))?;
        progress.end("done");
        Ok(())
    }
}

/// The version of `module` that the `go.mod` in `folder` of `tests/cluster/go` requires, as
/// `v1.2.3`.
pub fn required_version(folder: &str, module: &str) -> Result<String> {
    let path = source_folder(folder).join("go.mod");
    let text = String::from_utf8(read(&path)?)?;
    text.lines()
        .filter_map(|line| line.trim().trim_start_matches("require ").strip_prefix(module))
        .filter(|rest| !rest.contains("=>"))
        .filter_map(|rest| rest.strip_prefix(' ')?.split(' ').next())
        .map(str::to_owned)
        .next()
        .with_context(|| format!("{} does not require {module}", path.display()))
}

fn source_folder(folder: &str) -> PathBuf {
    folders::workspace().join("tests/cluster/go").join(folder)
}

fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(folder).env("CGO_ENABLED", "0");
    command
}

fn go_version(folder: &Path) -> Result<Vec<u8>> {
    let output = go(folder)
        .args(["env", "GOVERSION", "GOOS", "GOARCH"])
        .output()
        .context("the control plane is built with Go, and `go` is not on the PATH; install it from https://go.dev/dl")?;
    if !output.status.success() {
        bail!("`go env` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn list(programs: &[Program]) -> String {
    programs.iter().map(|program| program.name).collect::<Vec<_>>().join(", ")
}

/// The last `count` lines of the file at `path`, for an error message.
pub fn tail(path: &Path, count: usize) -> String {
    let text = fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned());
    match text {
        Ok(text) => {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(count)..].join("\n")
        }
        Err(error) => format!("({} cannot be read: {error})", path.display()),
    }
}

fn say(line: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// A line that says what is built and for how long already: on a terminal it moves every
/// second, elsewhere a new one comes every minute.
struct Progress {
    what: String,
    start: Instant,
    shown: u64,
    terminal: bool,
}

impl Progress {
    fn start(what: String) -> Self {
        let terminal = io::stderr().is_terminal();
        if !terminal {
            say(&format!("  {what} ..."));
        }
        Self { what, start: Instant::now(), shown: 0, terminal }
    }

    fn show(&mut self) {
        let seconds = self.start.elapsed().as_secs();
        if self.terminal && seconds > self.shown {
            self.shown = seconds;
            let _ = write!(io::stderr(), "\r  {} ... {seconds} s", self.what);
        } else if !self.terminal && seconds >= self.shown + 60 {
            self.shown = seconds;
            say(&format!("  {} ... {seconds} s", self.what));
        }
    }

    fn end(&self, outcome: &str) {
        let seconds = self.start.elapsed().as_secs();
        let start = if self.terminal { "\r" } else { "" };
        say(&format!("{start}  {} ... {outcome} after {seconds} s", self.what));
    }
}
