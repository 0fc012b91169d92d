//! git over SSH: the real `git upload-pack` behind a server of russh.

use crate::support::{Repository, Server};
use kargo_git::{Access, Cause, Error, Limits, Policy, Reference, Remote, Store, Url};
use kustomize::Tree as _;
use russh::keys::ssh_key::private::{EcdsaKeypair, Ed25519Keypair, PrivateKey};
use russh::keys::ssh_key::{HashAlg, LineEnding, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// Keys that were made for these tests and open nothing else.
const ED25519: &str = include_str!("keys/ed25519");
const ENCRYPTED: &str = include_str!("keys/encrypted");
const ECDSA: &str = include_str!("keys/ecdsa");
const RSA: &str = include_str!("keys/rsa");

fn host_key(seed: u8) -> PrivateKey {
    PrivateKey::new(Ed25519Keypair::from_seed(&[seed; 32]).into(), "host").unwrap()
}

/// One connection to the server.
#[derive(Clone)]
struct Door {
    root: PathBuf,
    allowed: Vec<PublicKey>,
    knows_version_2: bool,
    channel: Arc<Mutex<Option<Channel<Msg>>>>,
    protocol: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        self.log.lock().unwrap().push(format!("auth {user}"));
        let is_allowed =
            self.allowed.iter().any(|allowed| allowed.key_data() == key.public_key.key_data());
        Ok(if is_allowed { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        *self.channel.lock().unwrap() = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        _channel: ChannelId,
        name: &str,
        value: &str,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if name == "GIT_PROTOCOL" && self.knows_version_2 {
            value.clone_into(&mut self.protocol);
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        _channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let channel = self.channel.lock().unwrap().take().unwrap();
        let command = String::from_utf8_lossy(command).into_owned();
        self.log.lock().unwrap().push(command.clone());
        let path = command.strip_prefix("git-upload-pack '/").unwrap().trim_end_matches('\'');
        let git = tokio::process::Command::new("git")
            .args(["upload-pack", path])
            .current_dir(&self.root)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_PROTOCOL", &self.protocol)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (handle, id) = (session.handle(), channel.id());
        tokio::spawn(async move {
            // All of it moves here, not only the pipes: the process dies with it.
            let mut git = git;
            let (mut input, mut output) = (git.stdin.take().unwrap(), git.stdout.take().unwrap());
            let mut aside = git.stderr.take().unwrap();
            let mut stream = channel.into_stream();
            let (mut from, mut to) = tokio::io::split(&mut stream);
            // The client may hang up at any moment: errors end the conversation and nothing else.
            tokio::select! {
                _ = tokio::io::copy(&mut from, &mut input) => {}
                _ = tokio::io::copy(&mut output, &mut to) => {}
            }
            let mut words = Vec::new();
            drop(input);
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut aside, &mut words).await;
            let _ = handle.extended_data(id, 1, words).await;
            let _ = handle.exit_status_request(id, 1).await;
            let _ = handle.close(id).await;
        });
        Ok(())
    }
}

struct Setup {
    /// Holds the repositories.
    _server: Server,
    repository: Repository,
    url: String,
    known_hosts: String,
    log: Arc<Mutex<Vec<String>>>,
    store: Store,
    _folder: tempfile::TempDir,
}

async fn setup(knows_version_2: bool, host: PrivateKey) -> Setup {
    let server = Server::start().await;
    let repository = server.repository("shop");
    let allowed = [ED25519, ENCRYPTED, ECDSA, RSA];
    let allowed = allowed.iter().filter_map(|key| PrivateKey::from_openssh(key).ok());
    let log = Arc::default();
    let door = Door {
        root: repository.bare.parent().unwrap().to_owned(),
        allowed: allowed.map(|key| key.public_key().clone()).collect(),
        knows_version_2,
        channel: Arc::default(),
        protocol: String::new(),
        log: Arc::clone(&log),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let known_hosts = format!("[127.0.0.1]:{port} {}", host.public_key().to_openssh().unwrap());
    let config = Arc::new(russh::server::Config {
        keys: vec![host],
        auth_rejection_time: Duration::from_millis(10),
        auth_rejection_time_initial: Some(Duration::ZERO),
        ..Default::default()
    });
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (config, mut door) = (Arc::clone(&config), door.clone());
            door.channel = Arc::default();
            tokio::spawn(async move {
                let running = russh::server::run_stream(config, stream, door).await;
                // The client may hang up at any moment.
                if let Ok(running) = running {
                    let _ = running.await;
                }
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { idle_timeout: Duration::from_secs(5), ..Limits::default() };
    let store = Store::open(folder.path(), limits).unwrap();
    let url = format!("ssh://git@127.0.0.1:{port}/shop");
    Setup { _server: server, repository, url, known_hosts, log, store, _folder: folder }
}

fn access(identity: &str, known_hosts: &str, passphrase: &str) -> Access {
    let pairs = [("identity", identity), ("known_hosts", known_hosts), ("password", passphrase)];
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    Access::from_secret(&data.collect()).unwrap()
}

fn main_branch() -> Reference {
    Reference::Branch("main".into())
}

impl Setup {
    fn remote(&self, access: Access) -> Remote {
        Remote::new(Url::parse(&self.url).unwrap()).with_access(access)
    }

    async fn resolve(&self, access: Access) -> Result<String, Error> {
        let tip = self.store.resolve(&self.remote(access), &main_branch()).await;
        tip.map(|tip| tip.to_string())
    }
}

#[tokio::test]
async fn a_deploy_key_opens_a_repository() {
    let setup = setup(true, host_key(1)).await;
    setup.repository.push(&[("k8s/a.yaml", "a"), ("README.md", "shop")]);
    let remote = setup.remote(access(ED25519, &setup.known_hosts, ""));
    for content in ["b", "c"] {
        let head = setup.repository.push(&[("k8s/a.yaml", content)]);
        let tip = setup.store.resolve(&remote, &main_branch()).await.unwrap();
        assert_eq!(tip.to_string(), head);
        let snapshot = setup.store.fetch(&remote, tip, "k8s").await.unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            (snapshot.read("k8s/a.yaml").unwrap(), snapshot.read("README.md").unwrap())
        });
        assert_eq!(reading.await.unwrap(), (content.as_bytes().to_vec(), b"shop".to_vec()));
    }
    assert!(setup.log.lock().unwrap().contains(&"git-upload-pack '/shop'".to_owned()));
}

#[tokio::test]
async fn keys_of_every_supported_form_are_used() {
    let setup = setup(true, host_key(1)).await;
    let head = setup.repository.push(&[("a", "1")]);
    for (key, passphrase) in
        [(ED25519, ""), (ED25519, "unused"), (ENCRYPTED, "open sesame"), (ECDSA, ""), (RSA, "")]
    {
        let access = access(key, &setup.known_hosts, passphrase);
        assert_eq!(setup.resolve(access).await.unwrap(), head, "{}", &key[..60]);
    }
    for (key, passphrase, words) in [
        (ENCRYPTED, "", "has a passphrase"),
        (ENCRYPTED, "wrong", "cannot be read with the passphrase"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            "",
            "cannot be read",
        ),
    ] {
        let error = setup.resolve(access(key, &setup.known_hosts, passphrase)).await.unwrap_err();
        assert!(
            matches!(error.cause(), Cause::Access { reason } if reason.contains(words)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_host_with_nothing_but_an_rsa_key_is_known_by_it() {
    let setup = setup(true, PrivateKey::from_openssh(RSA).unwrap()).await;
    let head = setup.repository.push(&[("a", "1")]);
    let known = access(ED25519, &setup.known_hosts, "");
    assert_eq!(setup.resolve(known).await.unwrap(), head);
    let other = include_str!("keys/other_rsa.pub").trim();
    let (host, _) = setup.known_hosts.split_once(' ').unwrap();
    let error = setup.resolve(access(ED25519, &format!("{host} {other}"), "")).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::HostKeyChanged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_named() {
    let setup = setup(true, host_key(1)).await;
    setup.repository.push(&[("a", "1")]);
    let stranger = PrivateKey::new(Ed25519Keypair::from_seed(&[9; 32]).into(), "").unwrap();
    let text = stranger.to_openssh(LineEnding::default()).unwrap();
    let error = setup.resolve(access(&text, &setup.known_hosts, "")).await.unwrap_err();
    let fingerprint = stranger.fingerprint(HashAlg::default()).to_string();
    assert_eq!(error.cause(), &Cause::KeyRefused { fingerprint });
    assert!(error.to_string().contains("as a deploy key"), "{error}");
}

#[tokio::test]
async fn nothing_is_shown_to_a_host_that_is_not_the_known_one() {
    let setup = setup(true, host_key(1)).await;
    setup.repository.push(&[("a", "1")]);
    let port = Url::parse(&setup.url).unwrap().port();
    let line =
        |key: &PrivateKey| format!("[127.0.0.1]:{port} {}", key.public_key().to_openssh().unwrap());
    let ecdsa = PrivateKey::from_openssh(ECDSA).unwrap();
    let rsa = PrivateKey::from_openssh(RSA).unwrap();
    let host = format!("[127.0.0.1]:{port}");
    let unknown = |has_other_keys| Cause::HostUnknown { host: host.clone(), has_other_keys };
    let fingerprint = host_key(1).fingerprint(HashAlg::default()).to_string();
    for (known_hosts, expected) in [
        ("# nothing".to_owned(), unknown(false)),
        (setup.known_hosts.replace(&host, "127.0.0.1"), unknown(false)),
        (line(&rsa), unknown(true)),
        (line(&ecdsa), unknown(true)),
        (line(&host_key(2)), Cause::HostKeyChanged { host: host.clone(), fingerprint }),
        (
            format!("{}\n@revoked * {}", setup.known_hosts, &setup.known_hosts[host.len()..]),
            unknown(false),
        ),
    ] {
        let error = setup.resolve(access(ED25519, &known_hosts, "")).await.unwrap_err();
        assert_eq!(error.cause(), &expected, "{known_hosts}");
        assert!(!error.is_transient());
    }
    assert!(setup.log.lock().unwrap().is_empty(), "nobody has tried to get in");
    let both = format!("{}\n{}", line(&ecdsa), setup.known_hosts);
    setup.resolve(access(ED25519, &both, "")).await.unwrap();
}

#[tokio::test]
async fn an_old_server_and_a_missing_repository() {
    let setup = setup(false, PrivateKey::new(ecdsa_host().into(), "host").unwrap()).await;
    let head = setup.repository.push(&[("a", "1")]);
    let secret = access(ECDSA, &setup.known_hosts, "");
    assert_eq!(setup.resolve(secret.clone()).await.unwrap(), head);
    let remote = setup.remote(secret.clone());
    setup.store.fetch(&remote, head.parse().unwrap(), "").await.unwrap();
    let url = setup.url.replace("/shop", "/nowhere");
    let nowhere = Remote::new(Url::parse(&url).unwrap()).with_access(secret);
    let error = setup.store.resolve(&nowhere, &main_branch()).await.unwrap_err();
    assert_eq!(error.cause(), &Cause::NotFoundOrPrivate { authenticated: true });
}

fn ecdsa_host() -> EcdsaKeypair {
    let key = PrivateKey::from_openssh(ECDSA).unwrap();
    key.key_data().ecdsa().unwrap().clone()
}

#[tokio::test]
async fn access_of_the_wrong_kind_is_named() {
    let setup = setup(true, host_key(1)).await;
    let error = setup.resolve(Access::default()).await.unwrap_err();
    assert!(
        matches!(error.cause(), Cause::Access { reason } if reason.contains("`identity`")),
        "{error}"
    );
    let https = Remote::new(Url::parse("https://127.0.0.1:1/shop").unwrap()).with_access(access(
        ED25519,
        &setup.known_hosts,
        "",
    ));
    let error = setup.store.resolve(&https, &main_branch()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Access { .. }), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let policy =
        Policy { refused_addresses: vec!["127.0.0.0/8".parse().unwrap()], ..Policy::default() };
    let strict = Store::open_with(folder.path(), Limits::default(), policy).unwrap();
    let remote = setup.remote(access(ED25519, &setup.known_hosts, ""));
    let error = strict.resolve(&remote, &main_branch()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::AddressRefused { .. }), "{error}");
}

#[tokio::test]
async fn servers_that_are_none_end_within_their_time() {
    let key = host_key(1).public_key().to_openssh().unwrap();
    let flood: &'static [u8] = vec![b'a'; 1 << 16].leak();
    for words in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", flood] {
        for stays in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(async move {
                        let _ = stream.write_all(words).await;
                        if stays {
                            tokio::time::sleep(Duration::from_mins(1)).await;
                        }
                    });
                }
            });
            let folder = tempfile::tempdir().unwrap();
            let idle_timeout = Duration::from_millis(300);
            let store =
                Store::open(folder.path(), Limits { idle_timeout, ..Limits::default() }).unwrap();
            let secret = access(ED25519, &format!("[127.0.0.1]:{port} {key}"), "");
            let url = Url::parse(&format!("ssh://git@127.0.0.1:{port}/shop")).unwrap();
            let remote = Remote::new(url).with_access(secret);
            let error = store.resolve(&remote, &main_branch()).await.unwrap_err();
            // Whose time it was says which limit has ended it: no other is as short.
            let is_named = match error.cause() {
                Cause::Unreachable { .. } => true,
                Cause::TimedOut { after, .. } => *after == idle_timeout,
                _ => false,
            };
            assert!(is_named && error.is_transient(), "{error:?}");
        }
    }
}
