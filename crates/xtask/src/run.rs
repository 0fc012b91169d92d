//! Child processes.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

/// The root of the checkout.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("/"))
}

/// The cargo that runs us, in the root of the checkout.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(workspace());
    command
}

/// Kargo's folder in the user's cache: `$XDG_CACHE_HOME/kargo`, or `~/.cache/kargo`.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty());
    let base = match set {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir()
            .context("neither XDG_CACHE_HOME nor HOME is set; set one")?
            .join(".cache"),
    };
    Ok(base.join("kargo"))
}

/// Runs a program of the package `kargo-tests`, and hands on how it ended.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Result<ExitCode> {
    // Not quietly: the first time there is much to compile.
    let status = tests_program(name, &[], arguments).status().context("cargo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same, built as what people get is.
pub(crate) fn optimised_program(name: &str, arguments: &[&str]) -> Result<ExitCode> {
    let status = tests_program(name, &["--release"], arguments).status();
    let status = status.context("cargo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a program of the package `kargo-tests`, and returns what it prints.
pub(crate) fn ask_program(name: &str, arguments: &[&str]) -> Result<String> {
    let output = tests_program(name, &["--quiet"], arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("{name} {} failed; see above", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs `command` and passes its output on, line by line, to `each` as well.
pub(crate) fn with_lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    let stdout = child.stdout.take().context("the child has no standard output")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        say(&line);
        each(&line);
    }
    Ok(child.wait()?.success())
}

/// Prints a line for the person who called us.
pub(crate) fn say(line: &str) {
    // Nobody is left to be told when standard output is closed.
    let _ = writeln!(io::stdout(), "{line}");
}

fn tests_program(name: &str, flags: &[&str], arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--package", "kargo-tests", "--bin", name])
        .args(flags)
        .arg("--")
        .args(arguments);
    command
}
