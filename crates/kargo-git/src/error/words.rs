//! What each cause says to people: what happened and where, then what to do.

use super::{Cause, Error};

impl std::fmt::Display for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let remote = &self.remote;
        match &self.cause {
            Cause::BranchMissing { branch, branches, count, default } => {
                write!(out, "{remote} has no branch `{branch}`; it has ")?;
                list(out, branches, *count, default.as_deref())?;
                write!(
                    out,
                    ". Push to `{branch}`, or name an existing branch in spec.source.branch."
                )
            }
            Cause::TagMissing { tag, tags, count } => {
                write!(out, "{remote} has no tag `{tag}`; it has ")?;
                if *count == 0 {
                    out.write_str("no tags")?;
                } else {
                    list(out, tags, *count, None)?;
                }
                write!(out, ". Push the tag, or name an existing one in spec.source.tag.")
            }
            Cause::NotACommit { id } => write!(
                out,
                "{id} in {remote} is not a commit. Name a branch, a tag of a commit or a commit id."
            ),
            Cause::CommitMissing { id } => write!(
                out,
                "{remote} does not hand out commit {id}: it is not there, or no longer. Push it \
                 again."
            ),
            Cause::RepositoryEmpty => {
                write!(out, "{remote} has no commits yet. Push a commit to it.")
            }
            Cause::NotFoundOrPrivate { authenticated: false } => write!(
                out,
                "{remote} was not found, or it is private; the server does not say which. Check the \
                 address for typing errors; if the repository is private, give an access token by \
                 spec.source.secretRef."
            ),
            Cause::NotFoundOrPrivate { authenticated: true } => write!(
                out,
                "{remote} was not found, or the credentials do not give access to it; the server does not \
                 say which. Check the address for typing errors, and that the token may read this repository."
            ),
            Cause::Unauthorised { authenticated: false, message } => write!(
                out,
                "{remote} asks for credentials{}: it is private, or it does not exist. Check the address; \
                 if the repository is private, give an access token by spec.source.secretRef.",
                quoted(message)
            ),
            Cause::Unauthorised { authenticated: true, message } => write!(
                out,
                "{remote} does not accept the credentials{}: they are wrong, expired or revoked. Put a new \
                 token into the Secret that spec.source.secretRef names.",
                quoted(message)
            ),
            Cause::KeyRefused { fingerprint } => write!(
                out,
                "{remote} does not let the SSH key {fingerprint} in: it is not known there, or was taken back. \
                 Add the public half of `identity` as a deploy key of the repository."
            ),
            Cause::Forbidden { authenticated, message } => write!(
                out,
                "{remote} refuses access{}. {}",
                quoted(message),
                if *authenticated {
                    "The token is known but may not read this repository: give it read access."
                } else {
                    "Give an access token by spec.source.secretRef, or ask the server's administrator."
                }
            ),
            Cause::RateLimited { retry_after } => {
                // Not for how long: a text that counts down would be a new status every few seconds.
                let when = if retry_after.is_some() { "when it wants us back" } else { "later" };
                write!(
                    out,
                    "The server of {remote} asks us to come less often. It is asked again {when}; a longer \
                     spec.source.interval helps."
                )
            }
            Cause::ServerTrouble { status, .. } => write!(
                out,
                "The server of {remote} answers with an error of its own (HTTP {status}). It is tried again \
                 later; if it lasts, ask the server's administrator."
            ),
            Cause::Unreachable { reason } => write!(
                out,
                "{remote} cannot be reached: {reason}. It is tried again later; check the host name and \
                 whether the cluster may connect to it."
            ),
            Cause::TimedOut { after, silent } => write!(
                out,
                "{remote} {} after {} s. It is tried again later.",
                if *silent { "sent nothing more and was given up" } else { "had not finished" },
                after.as_secs_f64().ceil()
            ),
            Cause::Tls { reason } => write!(
                out,
                "The secure connection to {remote} failed: {reason}. If the server uses a certificate of a \
                 company, give that authority as `ca.crt` in the Secret that spec.source.secretRef names."
            ),
            Cause::Redirected { to } => write!(
                out,
                "{remote} sends us to {to}, which is not followed. If the repository has moved there, \
                 change spec.source.repoURL."
            ),
            Cause::AddressRefused { host } => write!(
                out,
                "{remote} is on {host}, which this installation of Kargo does not connect to. Use another \
                 server, or ask whoever runs Kargo to allow it."
            ),
            Cause::CredentialsInClear => write!(
                out,
                "{remote} would get the credentials in the clear, where others can read them. Use https:// \
                 in spec.source.repoURL."
            ),
            Cause::Access { reason } => write!(out, "{remote} cannot be entered: {reason}."),
            Cause::HostUnknown { host, has_other_keys } => write!(
                out,
                "The SSH server {host} of {remote} is not known{}. Put its line into `known_hosts` of the \
                 Secret, as `ssh-keyscan -t ed25519,ecdsa,rsa` prints it, after comparing it with what the \
                 server's administrator publishes.",
                if *has_other_keys { " by a key of a kind that it shows" } else { "" }
            ),
            Cause::HostKeyChanged { host, fingerprint } => write!(
                out,
                "The SSH server {host} of {remote} shows a key that is not the known one ({fingerprint}): \
                 somebody may be listening in. If the administrator confirms that the key was changed, \
                 correct `known_hosts` in the Secret."
            ),
            Cause::Proxy { reason } => write!(
                out,
                "The proxy on the way to {remote} cannot be used: {reason}. Correct the proxy's Secret or \
                 the proxy in Kargo's environment."
            ),
            Cause::TooLarge { what, limit } => write!(
                out,
                "{} of {remote} is larger than allowed ({limit}). Take large files out of the \
                 repository, or raise the limit of the installation.",
                capital(what)
            ),
            Cause::Protocol { what } => write!(
                out,
                "{remote} does not answer like a git server: {what}. Check that the address is the one for \
                 `git clone`, not that of a web page."
            ),
            Cause::Refused { message } => write!(
                out,
                "The git server of {remote} refused the request{}. Ask the server's administrator if that \
                 does not say what to do.",
                quoted(message)
            ),
            Cause::Unsupported { what } => {
                write!(out, "{remote} needs {what}, which Kargo does not support.")
            }
            Cause::Damaged { what } => write!(
                out,
                "What {remote} sent is damaged: {what}. It is fetched anew; if it lasts, run `git fsck` on \
                 the server."
            ),
            Cause::Distrusted { id, reason } => write!(
                out,
                "Commit {} of {remote} is not trusted: {reason}. Sign the newest commit by one of the keys \
                 in the Secret that spec.source.verify names.",
                id.get(..7).unwrap_or(id)
            ),
            Cause::Cache { what } => write!(
                out,
                "The cache for {remote} cannot be used: {what}. Check the space and the permissions of \
                 Kargo's cache volume."
            ),
        }
    }
}

/// The text with its first letter in upper case.
fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// ` ("message")`, or nothing for an empty message.
fn quoted(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" (\"{message}\")") }
}

fn list(
    out: &mut std::fmt::Formatter<'_>,
    names: &[String],
    count: usize,
    default: Option<&str>,
) -> std::fmt::Result {
    for (index, name) in names.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let note = if Some(name.as_str()) == default { " (the default)" } else { "" };
        write!(out, "{separator}`{name}`{note}")?;
    }
    if count > names.len() {
        write!(out, " and {} more", count - names.len())?;
    }
    Ok(())
}
