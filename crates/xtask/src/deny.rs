//! cargo-deny: what we depend on, and under which licenses. Installed on first use into the
//! user's cache, so that the checkout and `~/.cargo/bin` stay as they are.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::run::{cache, cargo, say, with_lines, workspace};

const VERSION: &str = "0.20.2";

/// Checks bans, licenses and sources; advisories too where their database can be reached.
pub(crate) fn check(summaries: &mut Vec<String>) -> Result<bool> {
    let binary = provide()?;
    let deny = |checks: &[&str]| {
        let mut command = Command::new(&binary);
        command
            .current_dir(workspace())
            .args(["--workspace", "--all-features", "check", "--hide-inclusion-graph"])
            .args(checks);
        command
    };
    // cargo-deny writes all it has to say to standard error.
    let passed = with_lines(&mut deny(&["bans", "licenses", "sources"]), |_| {})?;
    summaries.push(format!("bans, licenses, sources: {}", if passed { "ok" } else { "FAILED" }));

    let advisories = deny(&["advisories"])
        .stdout(Stdio::null())
        .output()
        .context("cargo-deny cannot be started")?;
    let text = String::from_utf8_lossy(&advisories.stderr).into_owned();
    if advisories.status.success() {
        summaries.push("advisories: ok".to_owned());
        Ok(passed)
    } else if text.contains("failed to fetch advisory database") {
        let line = "advisories: not checked, as their database cannot be reached from here";
        say(line);
        summaries.push(line.to_owned());
        Ok(passed)
    } else {
        say(&text);
        summaries.push("advisories: FAILED".to_owned());
        Ok(false)
    }
}

fn provide() -> Result<PathBuf> {
    let root = cache()?.join(format!("tools/cargo-deny-{VERSION}"));
    let binary = root.join("bin/cargo-deny");
    if binary.is_file() {
        return Ok(binary);
    }
    say(&format!(
        "Installing cargo-deny {VERSION} into {}. This happens once and takes a few minutes.",
        root.display()
    ));
    let status = cargo()
        // Half of the time of a release build; it runs for a second.
        .args(["install", "--quiet", "--locked", "--debug", "--version", VERSION, "cargo-deny"])
        .arg("--root")
        .arg(&root)
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("cargo-deny cannot be installed; see above");
    }
    Ok(binary)
}
