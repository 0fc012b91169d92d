//! SSH servers that let us in and then lie, stall and flood: each ends within its budget, with an error that
//! says what it was.

use crate::hostile::{limits, packet};
use kargo_git::{Access, Cause, Limits, Reference, Remote, Store, Url};
use russh::keys::ssh_key::private::{Ed25519Keypair, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Handle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Shorter than any default limit: who ends later has not heeded those of the test.
const DEADLINE: Duration = Duration::from_secs(30);

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server does once we are in and have asked for `git-upload-pack`.
#[derive(Debug, Clone)]
enum Misdeed {
    /// Nothing, for ever.
    Silence,
    /// It says no such program.
    Refusal,
    /// These bytes, over and over, in pieces.
    Flood(Vec<u8>),
    /// These bytes, one at a time.
    Drip(Vec<u8>),
    /// These bytes, and then it hangs up.
    Words(Vec<u8>),
    /// These bytes aside, over and over.
    Aside(Vec<u8>),
}

#[derive(Clone)]
struct Villain {
    misdeed: Misdeed,
}

impl Handler for Villain {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _user: &str,
        _key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if let Misdeed::Refusal = self.misdeed {
            return session.channel_failure(channel);
        }
        tokio::spawn(misbehave(session.handle(), channel, self.misdeed.clone()));
        Ok(())
    }
}

/// Ends when the client has gone, as it should.
async fn misbehave(handle: Handle, channel: ChannelId, misdeed: Misdeed) {
    match misdeed {
        Misdeed::Silence | Misdeed::Refusal => {}
        Misdeed::Flood(piece) => while handle.data(channel, piece.clone()).await.is_ok() {},
        Misdeed::Aside(piece) => {
            while handle.extended_data(channel, 1, piece.clone()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Misdeed::Drip(bytes) => {
            for byte in bytes {
                if handle.data(channel, vec![byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Misdeed::Words(bytes) => {
            let _ = handle.data(channel, bytes).await;
            let _ = handle.close(channel).await;
        }
    }
}

async fn serve(misdeed: Misdeed) -> Remote {
    let host = PrivateKey::new(Ed25519Keypair::from_seed(&[3; 32]).into(), "host").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let known_hosts = format!("[127.0.0.1]:{port} {}", host.public_key().to_openssh().unwrap());
    let config = Arc::new(russh::server::Config { keys: vec![host], ..Default::default() });
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (config, villain) = (Arc::clone(&config), Villain { misdeed: misdeed.clone() });
            tokio::spawn(async move {
                if let Ok(running) = russh::server::run_stream(config, stream, villain).await {
                    let _ = running.await;
                }
            });
        }
    });
    let secret = [("identity", include_str!("keys/ed25519")), ("known_hosts", &known_hosts)];
    let secret = secret.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
    let access = Access::from_secret(&secret.into_iter().collect()).unwrap();
    let url = Url::parse(&format!("ssh://git@127.0.0.1:{port}/shop")).unwrap();
    Remote::new(url).with_access(access)
}

#[tokio::test]
async fn servers_that_let_us_in_and_misbehave_end_within_their_budgets() {
    type Expected = fn(&Cause) -> bool;
    let line = |payload: &str| packet(payload.as_bytes());
    let words = [line("version 2\n"), line("ls-refs\n"), line("fetch=shallow\n"), b"0000".to_vec()];
    let words = words.concat();
    let reference = line(&format!("{ID} refs/heads/x\n"));
    let old = line(&format!("{ID} HEAD\0side-band-64k shallow\n"));
    let too_large: Expected = |cause| matches!(cause, Cause::TooLarge { .. });
    let timed_out: Expected = |cause| matches!(cause, Cause::TimedOut { .. });
    let protocol: Expected = |cause| matches!(cause, Cause::Protocol { .. });
    let cut_off: Expected = |cause| matches!(cause, Cause::Unreachable { .. });
    let table: Vec<(Misdeed, Expected)> = vec![
        (Misdeed::Silence, timed_out),
        (Misdeed::Refusal, |cause| matches!(cause, Cause::Refused { .. })),
        (Misdeed::Words(Vec::new()), cut_off),
        (Misdeed::Words(b"<html>".to_vec()), protocol),
        (Misdeed::Words(words.clone()), cut_off),
        (Misdeed::Words([&words[..], b"ffff"].concat()), protocol),
        (
            Misdeed::Words(line("ERR \u{1b}[2J<b>no\u{202e}")),
            |cause| matches!(cause, Cause::Refused { message } if message == "[2J<b>no"),
        ),
        (Misdeed::Flood(words), |cause| {
            matches!(cause, Cause::Protocol { .. } | Cause::TooLarge { .. })
        }),
        (Misdeed::Flood(reference.repeat(500)), |cause| {
            matches!(cause, Cause::Protocol { .. } | Cause::TooLarge { .. })
        }),
        (Misdeed::Flood(old.repeat(500)), too_large),
        (Misdeed::Flood(b"0004".repeat(5000)), too_large),
        (Misdeed::Aside(vec![b'x'; 20_000]), timed_out),
        (Misdeed::Drip(line("version 2\n").repeat(100)), timed_out),
    ];
    // Side by side: some of them take all of their time.
    let cases = table.into_iter().map(|(misdeed, expected)| async move {
        let folder = tempfile::tempdir().unwrap();
        // Long enough for a key exchange on a busy machine.
        let (idle_timeout, resolve_timeout) = (Duration::from_secs(5), Duration::from_secs(10));
        let limits = Limits { idle_timeout, resolve_timeout, ..limits() };
        let store = Store::open(folder.path(), limits).unwrap();
        let remote = serve(misdeed.clone()).await;
        let main = Reference::Branch("main".into());
        let answer = timeout(DEADLINE, store.resolve(&remote, &main)).await;
        let error = answer.expect("it ends by its own limits").unwrap_err();
        let shown = format!("{misdeed:?}").chars().take(80).collect::<String>();
        assert!(expected(error.cause()), "{shown}: {error:?}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    });
    futures::future::join_all(cases).await;
}
