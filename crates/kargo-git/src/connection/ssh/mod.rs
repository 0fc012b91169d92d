//! The conversation over SSH: one connection and one `git-upload-pack` per resolve or fetch.
//!
//! The only identity is the Secret's key, the only trusted hosts are those of the Secret's `known_hosts`;
//! there is no agent, no `~/.ssh`, no shell of ours.

mod key;
mod known_hosts;
mod rsa;

use crate::error::Cause;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::remote::{Remote, SshLogin, Url};
use crate::text::{LINE, sanitize};
use bytes::Bytes;
pub(crate) use key::Key;
use known_hosts::Known;
#[cfg(feature = "fuzzing")]
pub(crate) use known_hosts::fuzzing as known_hosts_fuzzing;
use russh::client::{self, AuthResult, Config, Handle, Msg};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::ssh_key::HashAlg;
use russh::{Channel, ChannelMsg, Preferred, compression};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;

/// A conversation with one remote.
#[derive(Debug)]
pub(crate) struct Ssh {
    url: Url,
    known: Known,
    key: Key,
    policy: Arc<Policy>,
    idle_timeout: Duration,
    connect_timeout: Duration,
    open: Option<Open>,
}

/// What is there once the server has let us in.
struct Open {
    channel: Channel<Msg>,
    /// What the program on the server says aside.
    aside: Vec<u8>,
    /// Closes the connection when it goes.
    _handle: Handle<Guard>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Open")
    }
}

/// Decides whether the server is who it should be.
struct Guard {
    known: Known,
    shown: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
        Ok(self.known.accepts(key))
    }
}

impl Ssh {
    /// Nothing is sent yet.
    pub(crate) fn new(
        remote: &Remote,
        key: Key,
        policy: Arc<Policy>,
        limits: &Limits,
    ) -> Result<Self, Cause> {
        let url = remote.url().clone();
        let Some(SshLogin { known_hosts, .. }) = remote.access().ssh() else {
            return Err(Cause::Access {
                reason: "an SSH address needs a Secret with `identity` and `known_hosts`",
            });
        };
        if remote.access().proxy.is_some() {
            return Err(Cause::Access {
                reason: "an SSH address cannot be reached by way of a proxy",
            });
        }
        let known = Known::of_host(known_hosts, url.host(), url.port());
        if known.keys.is_empty() {
            let host = host_and_port(&url);
            return Err(Cause::HostUnknown { host, has_other_keys: known.has_others });
        }
        let Limits { idle_timeout, connect_timeout, .. } = *limits;
        Ok(Self { url, known, key, policy, idle_timeout, connect_timeout, open: None })
    }

    /// Connects, is let in, and starts `git-upload-pack`, which speaks first.
    pub(crate) async fn greet(&mut self) -> Result<(), Cause> {
        let stream = self.connect().await?;
        let mut handle = self.handshake(stream).await?;
        let user = self.url.user().unwrap_or("git").to_owned();
        let entered = self.in_time(self.key.enter(&mut handle, user)).await??;
        if !matches!(entered, AuthResult::Success) {
            return Err(Cause::KeyRefused { fingerprint: self.key.fingerprint() });
        }
        let starting = async {
            let channel = handle.channel_open_session().await?;
            channel.set_env(false, "GIT_PROTOCOL", "version=2").await?;
            // With an answer, so that a refusal is not taken for a server that thinks.
            channel.exec(true, command(&self.url)).await?;
            Ok::<_, russh::Error>(channel)
        };
        let channel = self.in_time(starting).await?.map_err(|error| failure(&error))?;
        self.open = Some(Open { channel, aside: Vec::new(), _handle: handle });
        Ok(())
    }

    /// Sends a command.
    pub(crate) async fn command(&mut self, command: Vec<u8>) -> Result<(), Cause> {
        let closed = || Cause::Unreachable { reason: "the connection is closed".into() };
        let open = self.open.as_ref().ok_or_else(closed)?;
        let sent = self.in_time(open.channel.data_bytes(command)).await?;
        sent.map_err(|error| failure(&error))
    }

    /// The next bytes of the answer; `None` is not an end but a server that has hung up without a reason.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Cause> {
        let idle_timeout = self.idle_timeout;
        let Some(open) = &mut self.open else { return Ok(None) };
        loop {
            let waiting = tokio::time::timeout(idle_timeout, open.channel.wait());
            let Ok(message) = waiting.await else {
                return Err(Cause::TimedOut { after: idle_timeout, silent: true });
            };
            match message {
                Some(ChannelMsg::Data { data }) => return Ok(Some(data)),
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let room = (4 * LINE).saturating_sub(open.aside.len());
                    open.aside.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(ChannelMsg::Failure) => {
                    return Err(Cause::Refused {
                        message: "it does not run git-upload-pack".into(),
                    });
                }
                Some(ChannelMsg::Close) | None => {
                    let words = std::mem::take(&mut open.aside);
                    return if words.is_empty() { Ok(None) } else { Err(last_words(&words)) };
                }
                Some(_) => {}
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Cause> {
        let (host, port) = (self.url.host(), self.url.port());
        let unreachable = |error: &std::io::Error| Cause::Unreachable {
            reason: sanitize(error.to_string().as_bytes(), LINE),
        };
        let connecting = async {
            let found = tokio::net::lookup_host((host, port)).await;
            let found = found.map_err(|error| unreachable(&error))?.collect::<Vec<SocketAddr>>();
            let mut last = if found.is_empty() {
                Cause::Unreachable { reason: "the host name has no address".into() }
            } else {
                Cause::AddressRefused { host: host.to_owned() }
            };
            for address in found {
                if self.policy.allows_address(address.ip()) {
                    match TcpStream::connect(address).await {
                        Ok(stream) => return Ok(stream),
                        Err(error) => last = unreachable(&error),
                    }
                }
            }
            Err(last)
        };
        let limit = self.connect_timeout;
        let connected = tokio::time::timeout(limit, connecting).await;
        connected.unwrap_or(Err(Cause::TimedOut { after: limit, silent: true }))
    }

    async fn handshake(&self, stream: TcpStream) -> Result<Handle<Guard>, Cause> {
        let config = Config {
            preferred: Preferred {
                key: Cow::Owned(self.known.algorithms()),
                compression: Cow::Borrowed(&[compression::NONE]),
                ..Preferred::DEFAULT
            },
            inactivity_timeout: Some(2 * self.idle_timeout),
            nodelay: true,
            ..Config::default()
        };
        let shown = Arc::default();
        let guard = Guard { known: self.known.clone(), shown: Arc::clone(&shown) };
        let shaken = self.in_time(client::connect_stream(Arc::new(config), stream, guard)).await?;
        shaken.map_err(|error| {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
            let host = host_and_port(&self.url);
            match (error, shown) {
                (russh::Error::UnknownKey, Some(fingerprint)) => {
                    Cause::HostKeyChanged { host, fingerprint }
                }
                // The server has only kinds of keys that are not known of it.
                (russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. }, _) => {
                    Cause::HostUnknown { host, has_other_keys: true }
                }
                (error, _) => failure(&error),
            }
        })
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Cause> {
        let limit = self.idle_timeout;
        let done = tokio::time::timeout(limit, work).await;
        done.map_err(|_| Cause::TimedOut { after: limit, silent: true })
    }
}

fn host_and_port(url: &Url) -> String {
    match url.port() {
        22 => url.host().to_owned(),
        port => format!("[{}]:{port}", url.host()),
    }
}

fn failure(error: &russh::Error) -> Cause {
    Cause::Unreachable { reason: sanitize(error.to_string().as_bytes(), LINE) }
}

/// What it means that a server hangs up with these words. They are no protocol; these are what GitHub,
/// GitLab, Gitea, Bitbucket and git itself say.
fn last_words(words: &[u8]) -> Cause {
    let message = sanitize(words, LINE);
    let lower = message.to_ascii_lowercase();
    let says = |words: &str| lower.contains(words);
    if says("not found")
        || says("does not exist")
        || says("not appear to be a git repository")
        || says("could not be found")
    {
        return Cause::NotFoundOrPrivate { authenticated: true };
    }
    if says("permission denied")
        || says("access denied")
        || says("not allowed")
        || says("unauthorized")
    {
        return Cause::Forbidden { authenticated: true, message };
    }
    Cause::Refused { message }
}

/// The command line for the server's shell.
fn command(url: &Url) -> Vec<u8> {
    let path = url.decoded_path();
    // As git does: `ssh://host/~user/x` means a path below a home.
    let path = if path.starts_with(b"/~") { &path[1..] } else { &path };
    let mut command = b"git-upload-pack '".to_vec();
    for byte in path {
        match byte {
            b'\'' | b'!' => command.extend_from_slice(&[b'\'', b'\\', *byte, b'\'']),
            other => command.push(*other),
        }
    }
    command.push(b'\'');
    command
}

#[cfg(test)]
mod tests {
    use super::{command, last_words};
    use crate::error::Cause;
    use crate::remote::Url;

    #[test]
    fn paths_reach_the_other_side_whole_and_quoted() {
        for (url, expected) in [
            ("git@host:team/shop.git", "git-upload-pack 'team/shop.git'"),
            ("git@host:/srv/a", "git-upload-pack '/srv/a'"),
            ("ssh://git@host:2222/team/shop", "git-upload-pack '/team/shop'"),
            ("ssh://git@host/~kim/shop", "git-upload-pack '~kim/shop'"),
            ("ssh://git@host/a%20b", "git-upload-pack '/a b'"),
            ("ssh://git@host/a%27;id;%27", "git-upload-pack '/a'\\'';id;'\\'''"),
            ("git@host:$(id)!;", "git-upload-pack '$(id)'\\!';'"),
        ] {
            let command = command(&Url::parse(url).unwrap());
            assert_eq!(String::from_utf8(command).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn last_words_of_servers() {
        let not_found = Cause::NotFoundOrPrivate { authenticated: true };
        for words in [
            "ERROR: Repository not found.\n",
            "remote: The project you were looking for could not be found or you don't have permission to view it.",
            "fatal: '/x' does not appear to be a git repository",
        ] {
            assert_eq!(last_words(words.as_bytes()), not_found, "{words}");
        }
        assert!(
            matches!(last_words(b"Access denied\x07."), Cause::Forbidden { message, .. } if message == "Access denied.")
        );
        assert!(matches!(last_words(b"We are on holiday"), Cause::Refused { .. }));
    }
}
