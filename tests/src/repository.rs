//! A working clone, changed and pushed as a person would: by the real git, over HTTP.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::folders::RunFolder;
use crate::git_server::Password;

/// `git` in `folder`, without the configuration, the credentials and the proxy of whoever runs
/// it, and with an author that is always the same.
pub fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear();
    for name in ["PATH", "TMPDIR"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("HOME", folder).envs([
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Kim Tester"),
        ("GIT_AUTHOR_EMAIL", "kim@example.com"),
        ("GIT_COMMITTER_NAME", "Kim Tester"),
        ("GIT_COMMITTER_EMAIL", "kim@example.com"),
        ("LC_ALL", "C.UTF-8"),
    ]);
    command
}

/// A clone of one repository of a [`GitServer`](crate::git_server::GitServer).
#[derive(Debug)]
pub struct Repository {
    folder: TempDir,
    url: String,
    push_url: String,
}

impl Repository {
    /// A clone of the empty repository at `url`, on branch `main`.
    pub fn new(url: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("repository-")
            .tempdir_in(RunFolder::shared()?.path())?;
        let repository = Self { folder, url: url.to_owned(), push_url: url.to_owned() };
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        Ok(repository)
    }

    /// Pushes with a password from now on.
    pub fn set_password(&mut self, password: Option<&Password>) {
        self.push_url = match password {
            Some(Password { user, password }) => {
                self.url.replacen("://", &format!("://{user}:{password}@"), 1)
            }
            None => self.url.clone(),
        };
    }

    /// The URL to fetch from, without credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The working folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let file = self.path(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, content).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> Result<String> {
        let file = self.path(path);
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))
    }

    /// Replaces a text in a file. It is an error when the file does not have it.
    pub fn replace(&self, path: &str, from: &str, to: &str) -> Result<()> {
        let text = self.read(path)?;
        if !text.contains(from) {
            bail!("{path} does not contain {from:?}");
        }
        self.write(path, text.replace(from, to))
    }

    /// Removes a file, or a folder with all that is in it.
    pub fn remove(&self, path: &str) -> Result<()> {
        let file = self.path(path);
        let outcome =
            if file.is_dir() { fs::remove_dir_all(&file) } else { fs::remove_file(&file) };
        outcome.with_context(|| format!("{} cannot be removed", file.display()))
    }

    /// Copies the files of `folder` to the folder `path` of the repository.
    pub fn copy(&self, folder: &Path, path: &str) -> Result<()> {
        for entry in
            fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?
        {
            let entry = entry?;
            let name = entry.file_name();
            let target = format!("{path}/{}", name.to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.copy(&entry.path(), &target)?;
            } else {
                self.write(&target, fs::read(entry.path())?)?;
            }
        }
        Ok(())
    }

    /// Commits everything, also when nothing changed, and returns the commit's id.
    pub fn commit(&self, message: &str) -> Result<String> {
        self.git(&["add", "--all", "--force"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        self.head()
    }

    /// Commits everything and pushes it to the branch of the same name. Returns the commit's id.
    pub fn commit_and_push(&self, message: &str) -> Result<String> {
        let commit = self.commit(message)?;
        self.push()?;
        Ok(commit)
    }

    /// Pushes the current branch.
    pub fn push(&self) -> Result<()> {
        self.git(&["push", "--quiet", &self.push_url, "HEAD"]).map(drop)
    }

    /// Replaces the last commit by everything that is in the folder now, and pushes that over
    /// it. Returns the new commit's id.
    pub fn force_push(&self, message: &str) -> Result<String> {
        self.git(&["add", "--all", "--force"])?;
        self.git(&["commit", "--quiet", "--amend", "--allow-empty", "--message", message])?;
        self.git(&["push", "--quiet", "--force", &self.push_url, "HEAD"])?;
        self.head()
    }

    /// Goes back to `commit` and pushes that over the branch.
    pub fn force_push_back_to(&self, commit: &str) -> Result<()> {
        self.git(&["reset", "--quiet", "--hard", commit])?;
        self.git(&["push", "--quiet", "--force", &self.push_url, "HEAD"]).map(drop)
    }

    /// Goes on with a branch that starts here, or that exists.
    pub fn switch(&self, branch: &str) -> Result<()> {
        self.git(&["checkout", "--quiet", "-B", branch]).map(drop)
    }

    /// Deletes a branch on the server, also the default one.
    pub fn delete_branch(&self, branch: &str) -> Result<()> {
        self.git(&["push", "--quiet", &self.push_url, &format!(":refs/heads/{branch}")]).map(drop)
    }

    /// Tags the current commit and pushes the tag.
    pub fn tag(&self, name: &str) -> Result<()> {
        self.git(&["tag", "--force", name])?;
        self.git(&["push", "--quiet", "--force", &self.push_url, &format!("refs/tags/{name}")])
            .map(drop)
    }

    /// The id of the current commit.
    pub fn head(&self) -> Result<String> {
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    /// Any git command; returns what it printed.
    pub fn git<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String> {
        let output =
            git(self.folder.path()).args(arguments).output().context("git cannot be started")?;
        if !output.status.success() {
            let command: Vec<_> =
                arguments.iter().map(|each| each.as_ref().to_string_lossy()).collect();
            bail!(
                "`git {}` failed: {}",
                command.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}
