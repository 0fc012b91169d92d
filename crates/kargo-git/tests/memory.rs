//! Giants: whatever a server sends, the process that reads it stays small. A program of its own, so that
//! nobody else's memory is counted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use flate2::{Compression, write::ZlibEncoder};
use kargo_git::{Cause, Error, Limits, Reference, Remote, Store, Url};
use std::io::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The most memory that this process may ever have had, in KiB.
const MOST: u64 = 256 << 10;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

fn packet(payload: &[u8]) -> Vec<u8> {
    [format!("{:04x}", payload.len() + 4).as_bytes(), payload].concat()
}

/// What comes after the head of an answer: a beginning, a piece that is repeated, and an end.
#[derive(Clone, Default)]
struct Flood {
    headers: &'static str,
    begin: Vec<u8>,
    piece: Vec<u8>,
    times: usize,
    end: Vec<u8>,
}

/// A server that answers a GET with good first words, and every POST with the flood.
async fn serve(get: Option<Flood>, post: Flood) -> Remote {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/shop", listener.local_addr().unwrap());
    let lines: [&[u8]; 4] =
        [b"version 2\n", b"ls-refs\n", b"fetch=shallow\n", b"object-format=sha1\n"];
    let words = [lines.map(packet).concat(), b"0000".to_vec()].concat();
    let get = get.unwrap_or(Flood { begin: words, ..Flood::default() });
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(talk(stream, get.clone(), post.clone()));
        }
    });
    Remote::new(Url::parse(&url).unwrap())
}

/// Errors mean that the client has gone, as it should.
async fn talk(mut stream: TcpStream, get: Flood, post: Flood) -> std::io::Result<()> {
    let mut request = vec![0; 1 << 16];
    let length = stream.read(&mut request).await?;
    let is_get = request[..length].starts_with(b"GET");
    let (kind, flood) = if is_get { ("advertisement", get) } else { ("result", post) };
    let Flood { headers, begin, piece, times, end } = flood;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-{kind}\r\n{headers}connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&begin).await?;
    for _ in 0..times {
        stream.write_all(&piece).await?;
    }
    stream.write_all(&end).await?;
    stream.shutdown().await
}

async fn resolve(get: Option<Flood>, post: Flood) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Limits::default()).unwrap();
    let remote = serve(get, post).await;
    store.resolve(&remote, &Reference::Branch("main".into())).await.unwrap_err()
}

async fn fetch(flood: Flood) -> Error {
    let folder = tempfile::tempdir().unwrap();
    // The default is 512 MiB; what is written to the disk need not be more than what may be held in memory.
    let limits = Limits { pack_bytes: 300 << 20, ..Limits::default() };
    let store = Store::open(folder.path(), limits).unwrap();
    let remote = serve(None, flood).await;
    store.fetch(&remote, ID.parse().unwrap(), "k8s").await.unwrap_err()
}

/// A pack of one blob of `size` zeros.
fn bomb(size: usize) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
    let mut byte = 0x30 | u8::try_from(size & 15).unwrap();
    let mut rest = size >> 4;
    while rest > 0 {
        pack.push(byte | 0x80);
        byte = u8::try_from(rest & 0x7f).unwrap();
        rest >>= 7;
    }
    pack.push(byte);
    let mut encoder = ZlibEncoder::new(&mut pack, Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..size >> 20 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap();
    pack.extend_from_slice(&[0; 20]);
    pack
}

fn sent(pack: &[u8]) -> Flood {
    let mut begin = packet(b"packfile\n");
    for chunk in pack.chunks(60_000) {
        begin.extend(packet(&[b"\x01", chunk].concat()));
    }
    Flood { begin, end: b"0000".to_vec(), ..Flood::default() }
}

/// The most memory that this process has had so far, in KiB (proc(5)).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn giants_do_not_fit_into_memory_and_do_not_have_to() {
    let line = packet(format!("{ID} refs/heads/a-branch-with-a-long-name\n").as_bytes());
    let million = Flood { piece: line.repeat(1000), times: 1000, ..Flood::default() };
    let error = resolve(None, million.clone()).await;
    assert!(matches!(error.cause(), Cause::TooLarge { .. }), "a million references: {error:?}");
    let error = resolve(Some(million), Flood::default()).await;
    let is_named = matches!(error.cause(), Cause::TooLarge { .. } | Cause::Protocol { .. });
    assert!(is_named, "a million references at once: {error:?}");

    let compressed = Flood {
        headers: "content-encoding: gzip\r\n",
        piece: vec![0; 1 << 20],
        times: 1000,
        ..Flood::default()
    };
    let error = resolve(Some(compressed), Flood::default()).await;
    assert!(matches!(error.cause(), Cause::Protocol { .. }), "gzip: {error:?}");

    let flood = packet(&[&b"\x01"[..], &vec![7; 60_000]].concat());
    let begin = packet(b"packfile\n");
    let endless = Flood { begin, piece: flood, times: 1_000_000, ..Flood::default() };
    let error = fetch(endless).await;
    assert_eq!(error.cause(), &Cause::TooLarge { what: "the pack", limit: 300 << 20 });

    // As much as may lie on the disk, and more than may be held in memory: it is streamed, and found wanting.
    let error = fetch(sent(&bomb(300 << 20))).await;
    assert!(matches!(error.cause(), Cause::Damaged { .. }), "300 MiB in one file: {error:?}");
    let mut announced = bomb(0);
    announced.splice(12..13, [0xb1, 0x80, 0x80, 0x80, 0x80, 0x01]);
    let error = fetch(sent(&announced)).await;
    assert!(matches!(error.cause(), Cause::TooLarge { .. }), "more than 1 GiB: {error:?}");

    let peak = peak();
    assert!(peak < MOST, "{peak} KiB were in use");
}
