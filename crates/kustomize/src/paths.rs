//! From what a kustomization file says to a path in the tree: `..`, symbolic links, and the fence.

use crate::context::{Context, Result};
use crate::error::Code;
use crate::position::Spot;
use crate::tree::Entry;

/// What stands at a path, all links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file: its real path and size.
    File(String, u64),
    /// A folder: its real path.
    Folder(String),
    /// Nothing; the path that was looked for.
    Nothing(String),
}

/// Symbolic links on one path before giving up, as operating systems do.
const MAX_LINKS: usize = 40;

impl Context<'_> {
    /// Follows `path` from the folder `base`, which is real. `spot` is where the path was written.
    pub(crate) fn find(&mut self, base: &str, path: &str, spot: Spot) -> Result<Found> {
        self.refuse_foreign(path, spot)?;
        // As kustomize: `..` first, by name, then links.
        let mut pending: Vec<String> = Vec::new();
        for part in base.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    if pending.pop().is_none() {
                        return Err(self.escapes(path, spot));
                    }
                }
                _ => pending.push(part.to_owned()),
            }
        }
        pending.reverse();
        self.walk(path, pending, spot)
    }

    /// Walks the parts (the last one first) from the root of the tree.
    fn walk(&mut self, path: &str, mut pending: Vec<String>, spot: Spot) -> Result<Found> {
        let mut real = String::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            if part == ".." {
                if real.is_empty() {
                    return Err(self.escapes(path, spot));
                }
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            if part.eq_ignore_ascii_case(".git") {
                return Err(self.escapes(path, spot));
            }
            let next = if real.is_empty() { part } else { format!("{real}/{part}") };
            if self.known_folders.contains(&next) {
                real = next;
                continue;
            }
            let entry = match self.tree.entry(&next) {
                Ok(entry) => entry,
                Err(error) => {
                    return Err(self.fail(
                        Code::TreeFailed,
                        spot,
                        format!("{next} cannot be read: {error}"),
                    ));
                }
            };
            match entry {
                Some(Entry::Folder) => {
                    self.known_folders.insert(next.clone());
                    real = next;
                }
                Some(Entry::File { size }) if pending.is_empty() => {
                    // Also where the file is refused before it is read: without it, the build may succeed.
                    self.looked_at.insert(next.clone());
                    return Ok(Found::File(next, size));
                }
                None | Some(Entry::File { .. }) => {
                    self.looked_at.insert(next.clone());
                    let rest = pending.iter().rev().map(String::as_str);
                    let missing =
                        std::iter::once(next.as_str()).chain(rest).collect::<Vec<_>>().join("/");
                    return Ok(Found::Nothing(missing));
                }
                Some(Entry::Link { target }) => {
                    self.looked_at.insert(next);
                    links += 1;
                    if links > MAX_LINKS {
                        let what =
                            format!("`{path}` leads through more than {MAX_LINKS} symbolic links");
                        return Err(self.fail_with_help(
                            Code::Escape,
                            spot,
                            what,
                            "Name the file itself",
                        ));
                    }
                    if target.starts_with('/') {
                        return Err(self.escapes(path, spot));
                    }
                    let parts = target.split('/').rev().filter(|part| !matches!(*part, "" | "."));
                    pending.extend(parts.map(str::to_owned));
                }
                Some(Entry::Unreadable { what }) => {
                    self.looked_at.insert(next);
                    let what = format!("`{path}` is {what}, which cannot be read");
                    return Err(self.fail(Code::WrongFileKind, spot, what));
                }
            }
        }
        self.known_folders.insert(real.clone());
        Ok(Found::Folder(real))
    }

    fn escapes(&mut self, path: &str, spot: Spot) -> crate::context::Failed {
        self.fail_with_help(
            Code::Escape,
            spot,
            format!("`{path}` leads out of the source tree"),
            "Copy what you need into the repository and name it by a relative path",
        )
    }

    /// Absolute paths and what kustomize would fetch from the network.
    fn refuse_foreign(&mut self, path: &str, spot: Spot) -> Result<()> {
        if path.is_empty() {
            return Err(self.fail_with_help(
                Code::InvalidValue,
                spot,
                "an empty path",
                "Name a file or folder, or remove the entry",
            ));
        }
        if is_remote(path) {
            let what = format!("`{path}` is remote, and a build does not use the network");
            let help = "Copy the files into the repository and name them by a relative path";
            return Err(self.fail_with_help(Code::Remote, spot, what, help));
        }
        if path.starts_with('/') {
            let what = format!("`{path}` is an absolute path");
            let help = "Name the file relative to the folder of this kustomization file";
            return Err(self.fail_with_help(Code::Escape, spot, what, help));
        }
        if path.contains('\0') {
            return Err(self.fail(Code::InvalidValue, spot, "a path with a NUL character"));
        }
        Ok(())
    }
}

/// Would kustomize fetch this from the network?
pub(crate) fn is_remote(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let hosts = ["github.com/", "github.com:", "gh:", "git::"];
    if lower.contains("://") || hosts.iter().any(|host| lower.starts_with(host)) {
        return true;
    }
    // user@host, as long as the user looks like one.
    let Some((user, host)) = lower.split_once('@') else { return false };
    let name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
    };
    name(user)
        && host.starts_with(|first: char| first.is_ascii_alphanumeric())
        && host.contains(['/', ':'])
}
