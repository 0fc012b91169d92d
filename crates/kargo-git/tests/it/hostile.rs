//! Servers that lie, stall and flood: each ends within its budget, with an error that says what it was.

use kargo_git::{Cause, CommitId, Error, Limits, Reference, Remote, Store, Url};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Shorter than any default limit: who ends later has not heeded those of [`limits`].
const DEADLINE: Duration = Duration::from_secs(30);

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

pub(crate) fn limits() -> Limits {
    Limits {
        connect_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_millis(500),
        resolve_timeout: Duration::from_millis(1500),
        fetch_timeout: Duration::from_secs(3),
        answer_bytes: 1 << 20,
        references: 1000,
        pack_bytes: 1 << 20,
        pack_objects: 1000,
        inflated_bytes: 4 << 20,
        object_bytes: 1 << 20,
        memory_bytes: 1 << 20,
        ..Limits::default()
    }
}

pub(crate) fn packet(payload: &[u8]) -> Vec<u8> {
    [format!("{:04x}", payload.len() + 4).as_bytes(), payload].concat()
}

type Expected = fn(&Cause) -> bool;

/// How an answer is sent.
#[derive(Clone)]
pub(crate) enum Answer {
    /// All at once, in one piece.
    Whole(&'static str, Vec<u8>),
    /// A good head, and then the same bytes over and over.
    Endless(&'static str, Vec<u8>),
    /// One byte at a time.
    Drip(&'static str, Vec<u8>),
    /// Raw bytes instead of HTTP.
    Raw(Vec<u8>),
    /// Nothing at all, for ever.
    Silence,
}

const WORDS: &str = "application/x-git-upload-pack-advertisement";
pub(crate) const RESULT: &str = "application/x-git-upload-pack-result";

pub(crate) fn good_words() -> Answer {
    let lines: [&[u8]; 4] =
        [b"version 2\n", b"ls-refs\n", b"fetch=shallow\n", b"object-format=sha1\n"];
    Answer::Whole(WORDS, [lines.map(packet).concat(), b"0000".to_vec()].concat())
}

/// A server that gives one answer to a GET and one to every POST.
pub(crate) async fn serve(get: Answer, post: Answer) -> Remote {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/shop", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(talk(stream, get.clone(), post.clone()));
        }
    });
    Remote::new(Url::parse(&url).unwrap())
}

/// Answers one request and closes; errors mean that the client has gone, as it should.
async fn talk(mut stream: TcpStream, get: Answer, post: Answer) -> std::io::Result<()> {
    let mut request = vec![0; 1 << 16];
    let length = stream.read(&mut request).await?;
    let answer = if request[..length].starts_with(b"GET") { get } else { post };
    let head = |kind: &str| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n")
    };
    match answer {
        Answer::Whole(kind, body) => {
            stream.write_all(head(kind).as_bytes()).await?;
            stream.write_all(&body).await?;
            stream.shutdown().await
        }
        Answer::Endless(kind, body) => {
            stream.write_all(head(kind).as_bytes()).await?;
            loop {
                stream.write_all(&body).await?;
            }
        }
        Answer::Drip(kind, body) => {
            for byte in [head(kind).into_bytes(), body].concat() {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        }
        Answer::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Answer::Silence => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            Ok(())
        }
    }
}

async fn resolve(get: Answer, post: Answer) -> Result<CommitId, Error> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), limits()).unwrap();
    let remote = serve(get, post).await;
    let main = Reference::Branch("main".into());
    timeout(DEADLINE, store.resolve(&remote, &main)).await.expect("it ends by its own limits")
}

async fn fetch(pack: &[u8]) -> Error {
    let mut body = packet(b"packfile\n");
    for chunk in pack.chunks(60_000) {
        body.extend(packet(&[b"\x01", chunk].concat()));
    }
    body.extend_from_slice(b"0000");
    fetch_answer(Answer::Whole(RESULT, body)).await
}

async fn fetch_answer(answer: Answer) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), limits()).unwrap();
    let remote = serve(good_words(), answer).await;
    let fetch = store.fetch(&remote, ID.parse().unwrap(), "k8s");
    timeout(DEADLINE, fetch).await.expect("it ends by its own limits").unwrap_err()
}

fn list(lines: &[&str]) -> Answer {
    let lines = lines.iter().flat_map(|line| packet(format!("{line}\n").as_bytes()));
    Answer::Whole(RESULT, lines.chain(*b"0000").collect())
}

#[tokio::test]
async fn garbage_instead_of_first_words() {
    let good = list(&[&format!("{ID} refs/heads/main")]);
    assert_eq!(resolve(good_words(), good.clone()).await.unwrap().to_string(), ID);
    let garbage: [&[u8]; 7] = [
        b"",
        b"<html>",
        b"ffff",
        b"0003",
        b"000eversion 2\n",
        b"000eversion 2\n00000000",
        b"001e# service=git-upload-pack\n0000",
    ];
    for words in garbage {
        let error = resolve(Answer::Whole(WORDS, words.to_vec()), good.clone()).await.unwrap_err();
        let is_named = matches!(error.cause(), Cause::Protocol { .. } | Cause::Unreachable { .. });
        assert!(is_named, "{words:?}: {error:?}");
    }
    for raw in
        [b"garbage\r\n\r\n".to_vec(), vec![b'a'; 1 << 20], b"HTTP/1.1 200 OK\r\n".to_vec(), vec![]]
    {
        let error = resolve(Answer::Raw(raw), good.clone()).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn lies_in_the_list_of_references() {
    let endless = format!("{ID} refs/heads/x\n");
    let table: [(Answer, Expected); 6] = [
        (list(&["nonsense"]), |cause| matches!(cause, Cause::Protocol { .. })),
        (
            list(&["ERR \u{1b}[2Jgo away"]),
            |cause| matches!(cause, Cause::Refused { message } if message == "[2Jgo away"),
        ),
        (Answer::Whole(RESULT, b"0005".to_vec()), |cause| {
            matches!(cause, Cause::Unreachable { .. })
        }),
        (Answer::Whole(RESULT, b"0000more".to_vec()), |cause| {
            matches!(cause, Cause::Protocol { .. })
        }),
        (Answer::Endless(RESULT, packet(endless.as_bytes())), |cause| {
            matches!(cause, Cause::TooLarge { limit: 1000, .. })
        }),
        (Answer::Endless(RESULT, packet(&vec![b'x'; 60_000])), |cause| {
            matches!(cause, Cause::Protocol { .. })
        }),
    ];
    for (answer, expected) in table {
        let error = resolve(good_words(), answer).await.unwrap_err();
        assert!(expected(error.cause()), "{error:?}");
    }
}

#[tokio::test]
async fn names_of_branches_are_shown_harmlessly_and_not_all() {
    let mut lines = vec![format!("{ID} refs/heads/<script>\u{202e}\u{7}x")];
    lines.extend((0..500).map(|number| format!("{ID} refs/heads/b{number}")));
    let lines = lines.iter().map(String::as_str).collect::<Vec<_>>();
    let error = resolve(good_words(), list(&lines)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`<script>x`") && text.contains("and 491 more"), "{text}");
    assert!(!text.chars().any(char::is_control) && text.len() < 1000, "{text}");
}

#[tokio::test]
async fn silence_and_drips_end_at_the_deadline() {
    let drip = Answer::Drip(WORDS, vec![b'0'; 1000]);
    for (get, post) in [
        (Answer::Silence, Answer::Silence),
        (good_words(), Answer::Silence),
        (drip.clone(), Answer::Silence),
        (good_words(), Answer::Drip(RESULT, vec![b'0'; 1000])),
    ] {
        let error = resolve(get, post).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::TimedOut { .. }), "{error:?}");
        assert!(error.is_transient());
    }
    let error = fetch_answer(Answer::Drip(RESULT, packet(b"packfile\n").repeat(100))).await;
    assert!(matches!(error.cause(), Cause::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/shop", listener.local_addr().unwrap());
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), limits()).unwrap();
    for url in [url.as_str(), "http://nowhere.invalid/shop"] {
        let remote = Remote::new(Url::parse(url).unwrap());
        let error = store.resolve(&remote, &Reference::Branch("main".into())).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Unreachable { .. }), "{error:?}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn packs_that_are_none() {
    for pack in [
        &b""[..],
        b"PACK",
        b"hello world, this is no pack",
        &[0; 100],
        b"PACK\0\0\0\x02\0\0\0\x01\x95\x0a",
    ] {
        let error = fetch(pack).await;
        let is_named = matches!(error.cause(), Cause::Protocol { .. } | Cause::Damaged { .. });
        assert!(is_named, "{pack:?}: {error:?}");
    }
    let answers: [(&[u8], Expected); 5] = [
        (b"0000", |cause| matches!(cause, Cause::Protocol { .. })),
        (b"000dpackfile\n", |cause| matches!(cause, Cause::Unreachable { .. })),
        (
            b"000dpackfile\n0009\x03no\x07!",
            |cause| matches!(cause, Cause::Refused { message } if message == "no!"),
        ),
        (b"000dpackfile\n0005\x09", |cause| matches!(cause, Cause::Protocol { .. })),
        (b"0009hello", |cause| matches!(cause, Cause::Protocol { .. })),
    ];
    for (body, expected) in answers {
        let error = fetch_answer(Answer::Whole(RESULT, body.to_vec())).await;
        assert!(expected(error.cause()), "{body:?}: {error:?}");
    }
}

#[tokio::test]
async fn floods_end_at_their_budget() {
    let head = packet(b"packfile\n");
    let flood = packet(&[&b"\x01"[..], &vec![7; 60_000]].concat());
    let progress = packet(&[&b"\x02"[..], &vec![7; 60_000]].concat());
    for body in [flood, progress] {
        let mut begun = head.clone();
        begun.extend(body.repeat(100));
        let error = fetch_answer(Answer::Endless(RESULT, begun)).await;
        assert_eq!(error.cause(), &Cause::TooLarge { what: "the pack", limit: 1 << 20 });
    }
    let many = fetch(b"PACK\0\0\0\x02\xff\xff\xff\xff").await;
    assert!(matches!(many.cause(), Cause::TooLarge { limit: 1000, .. }), "{many:?}");
}

#[tokio::test]
async fn a_silent_server_delays_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), limits()).unwrap();
    let silent = serve(Answer::Silence, Answer::Silence).await;
    let good = serve(good_words(), list(&[&format!("{ID} refs/heads/main")])).await;
    let main = Reference::Branch("main".into());
    let mut waiting = Box::pin(store.resolve(&silent, &main));
    tokio::select! {
        biased;
        answer = &mut waiting => panic!("the silent server came first: {answer:?}"),
        answer = store.resolve(&good, &main) => drop(answer.unwrap()),
    }
    waiting.await.unwrap_err();
}
