//! Which commit is it: the tip of a branch, or what a tag stands for.

use super::Store;
use super::peer::{Memory, Peer};
use crate::error::Cause;
use crate::object::CommitId;
use crate::protocol::references::Listed;
use crate::remote::{Reference, Remote};
use crate::text::{LINE, sanitize};

impl Store {
    /// Asks the remote; once more from its first words on if what was remembered of them does not work.
    pub(super) async fn ask(
        &self,
        remote: &Remote,
        reference: &Reference,
        peer: &Peer,
        memory: &mut Memory,
    ) -> Result<CommitId, Cause> {
        let is_remembered = memory.server().is_some();
        match self.ask_once(remote, reference, peer, memory).await {
            Err(
                Cause::Protocol { .. }
                | Cause::Refused { .. }
                | Cause::Redirected { .. }
                | Cause::NotFoundOrPrivate { .. },
            ) if is_remembered => {
                memory.forget();
                self.ask_once(remote, reference, peer, memory).await
            }
            answer => answer,
        }
    }

    async fn ask_once(
        &self,
        remote: &Remote,
        reference: &Reference,
        peer: &Peer,
        memory: &mut Memory,
    ) -> Result<CommitId, Cause> {
        let (folder, name) = match reference {
            Reference::Branch(name) => ("refs/heads/", name),
            Reference::Tag(name) => ("refs/tags/", name),
            Reference::Commit(id) => return Ok(*id),
        };
        let mut session = self.session(remote, peer, memory).await?;
        if is_reference_name(name) {
            let full = format!("{folder}{name}");
            let listed = session.list(&[&full]).await?;
            let found = listed.iter().find(|listed| listed.name == full.as_bytes());
            if let Some(id) = found.and_then(Listed::meant) {
                return Ok(id.into());
            }
        }
        let listed = session.list(&["HEAD", folder]).await?;
        Err(missing(reference, name, folder, &listed))
    }
}

/// Whether git itself would allow the name; others cannot exist and must not reach a request.
fn is_reference_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte > b' ' && byte != 0x7f && !b"~^:?*[\\".contains(&byte);
    name.len() <= 1000
        && !name.contains("..")
        && !name.contains("@{")
        && name.bytes().all(is_plain)
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

/// The error for a branch or tag that is not in the list.
fn missing(reference: &Reference, name: &str, folder: &str, listed: &[Listed]) -> Cause {
    let head = listed.iter().find(|listed| listed.name == b"HEAD");
    let target = head.and_then(|head| head.target.as_deref());
    let mut names = listed
        .iter()
        .filter(|listed| listed.id.is_some())
        .filter_map(|listed| listed.name.strip_prefix(folder.as_bytes()))
        .collect::<Vec<_>>();
    let count = names.len();
    if count == 0 && head.is_none_or(|head| head.id.is_none()) {
        return Cause::RepositoryEmpty;
    }
    let default = target.and_then(|target| target.strip_prefix(folder.as_bytes()));
    let default = default.filter(|default| names.contains(default));
    let show = |name: &[u8]| sanitize(name, LINE);
    let name = show(name.as_bytes());
    if let Reference::Tag(_) = reference {
        names.sort_unstable();
        let tags = names.iter().rev().take(Cause::LISTED).map(|tag| show(tag)).collect();
        return Cause::TagMissing { tag: name, tags, count };
    }
    names.sort_unstable_by_key(|name| (Some(*name) != default, *name));
    let branches = names.iter().take(Cause::LISTED).map(|branch| show(branch)).collect();
    Cause::BranchMissing { branch: name, branches, count, default: default.map(show) }
}

#[cfg(test)]
mod tests {
    use super::is_reference_name;

    #[test]
    fn names_that_git_allows() {
        for name in ["main", "team/main", "v1.0", "-x", "한글", "a@b", "feature/#12"] {
            assert!(is_reference_name(name), "{name}");
        }
        for name in [
            "", "a b", "a\nb", "a..b", "a@{1}", "a~1", "a^", "a:b", "a*", "a\\b", "/a", "a/",
            "a//b", ".a",
        ] {
            assert!(!is_reference_name(name), "{name:?}");
        }
    }
}
