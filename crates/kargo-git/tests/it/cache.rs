//! The cache on disk: it survives, it is bounded, and damage to it heals.

use crate::support::{Repository, Server};
use kargo_git::{Limits, Reference, Remote, Snapshot, Store, Url};
use kustomize::Tree as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

async fn setup() -> (Server, Repository, Remote, tempfile::TempDir) {
    let server = Server::start().await;
    let repository = server.repository("shop");
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap());
    (server, repository, remote, tempfile::tempdir().unwrap())
}

async fn fetch(store: &Store, remote: &Remote) -> Snapshot {
    let tip = store.resolve(remote, &Reference::Branch("main".into())).await.unwrap();
    store.fetch(remote, tip, "").await.unwrap()
}

async fn read(snapshot: Snapshot, path: &'static str) -> Result<Vec<u8>, String> {
    let read = move || snapshot.read(path).map_err(|error| error.to_string());
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    let mut packs = files(folder);
    packs.retain(|path| path.extension().is_some_and(|extension| extension == "pack"));
    packs
}

#[tokio::test]
async fn a_restart_finds_the_cache_and_sweeps_what_was_left() {
    let (server, repository, remote, folder) = setup().await;
    repository.push(&[("a", "1")]);
    let store = Store::open(folder.path(), Limits::default()).unwrap();
    let tip = fetch(&store, &remote).await.commit().id;
    drop(store);

    let pack = packs(folder.path()).remove(0);
    let generation = pack.ancestors().nth(3).unwrap().to_owned();
    let left_over = [
        pack.parent().unwrap().join("pack_tmp1"),
        generation.join("incoming/7.pack"),
        folder.path().join("0123/5/commits"),
    ];
    for path in &left_over {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "half").unwrap();
    }
    std::fs::rename(&generation, generation.with_file_name("3")).unwrap();
    std::fs::create_dir_all(&generation).unwrap();
    std::fs::write(generation.join("commits"), "half").unwrap();

    server.take_log();
    let store = Store::open(folder.path(), Limits::default()).unwrap();
    let snapshot = store.fetch(&remote, tip, "").await.unwrap();
    assert_eq!(read(snapshot, "a").await.unwrap(), b"1");
    assert_eq!(server.take_log().requests.len(), 0, "all of it was on disk");
    let names = files(folder.path());
    assert!(!names.iter().any(|path| std::fs::read(path).unwrap() == b"half"), "{names:?}");
}

#[tokio::test]
async fn one_process_at_a_time_uses_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Limits::default()).unwrap();
    let error = Store::open(folder.path(), Limits::default()).unwrap_err();
    assert!(error.to_string().contains("another process uses"), "{error}");
    drop(store);
    Store::open(folder.path(), Limits::default()).unwrap();
}

#[tokio::test]
async fn a_damaged_cache_is_fetched_anew() {
    let damages: [fn(&Path); 3] = [
        |pack| std::fs::remove_file(pack).unwrap(),
        |pack| {
            let mut bytes = std::fs::read(pack).unwrap();
            let length = bytes.len();
            bytes[14..length - 20].fill(0x5a);
            std::fs::remove_file(pack).unwrap();
            std::fs::write(pack, bytes).unwrap();
        },
        |pack| {
            let bytes = std::fs::read(pack).unwrap();
            std::fs::remove_file(pack).unwrap();
            std::fs::write(pack, &bytes[..bytes.len() / 2]).unwrap();
        },
    ];
    for damage in damages {
        let (server, repository, remote, folder) = setup().await;
        repository.push(&[("a", "1"), ("b/c", "2")]);
        let store = Store::open(folder.path(), Limits::default()).unwrap();
        let tip = fetch(&store, &remote).await.commit().id;
        drop(store);
        for pack in packs(folder.path()) {
            damage(&pack);
        }
        let store = Store::open(folder.path(), Limits::default()).unwrap();
        server.take_log();
        let snapshot = store.fetch(&remote, tip, "").await.unwrap();
        assert_eq!(read(snapshot, "b/c").await.unwrap(), b"2");
        assert!(!server.take_log().requests.is_empty());
    }
}

#[tokio::test]
async fn a_cache_of_many_packs_is_begun_anew_while_it_is_read() {
    let (_server, repository, remote, folder) = setup().await;
    let limits = Limits { cache_packs: 4, ..Limits::default() };
    let store = Store::open(folder.path(), limits).unwrap();
    repository.push(&[("a", "0")]);
    let first = fetch(&store, &remote).await;
    for content in ["1", "2", "3", "4", "5"] {
        repository.push(&[("a", content)]);
        let snapshot = fetch(&store, &remote).await;
        assert_eq!(read(snapshot, "a").await.unwrap(), content.as_bytes());
        assert!(packs(folder.path()).len() <= 4 + 5, "the old generation and the new one");
    }
    assert_eq!(read(first, "a").await.unwrap(), b"0", "an old snapshot can still be read");
    assert!(packs(folder.path()).len() <= 5, "its generation goes with it");
}

#[tokio::test]
async fn caches_are_bounded_in_bytes_and_age() {
    let (server, repository, remote, folder) = setup().await;
    repository.push(&[("a", "1")]);
    let other = server.repository("other");
    other.push(&[("a", "2")]);
    let other = Remote::new(Url::parse(&server.url("other")).unwrap());
    for limits in [
        Limits { cache_bytes: 1, ..Limits::default() },
        Limits { cache_age: Duration::ZERO, ..Limits::default() },
    ] {
        let store = Store::open(folder.path(), limits).unwrap();
        let snapshot = fetch(&store, &remote).await;
        let before = packs(folder.path()).len();
        fetch(&store, &other).await;
        assert!(packs(folder.path()).len() > before, "a cache that is read stays");
        assert_eq!(read(snapshot, "a").await.unwrap(), b"1");
        fetch(&store, &other).await;
        assert!(packs(folder.path()).len() <= before, "an idle one goes");
    }
}

#[tokio::test]
async fn the_same_repository_with_other_access_has_another_cache() {
    let (server, repository, remote, folder) = setup().await;
    repository.push(&[("a", "1")]);
    let policy = kargo_git::Policy { allow_credentials_in_clear: true, ..Default::default() };
    let store = Store::open_with(folder.path(), Limits::default(), policy).unwrap();
    let tip = fetch(&store, &remote).await.commit().id;
    let secret = [("bearerToken".to_owned(), b"CANARY-token".to_vec())];
    let access = kargo_git::Access::from_secret(&secret.into_iter().collect()).unwrap();
    let private = remote.clone().with_access(access);
    server.take_log();
    store.fetch(&private, tip, "").await.unwrap();
    assert!(!server.take_log().requests.is_empty(), "nothing is shared");
    for path in files(folder.path()) {
        let content = std::fs::read(&path).unwrap();
        assert!(!content.windows(6).any(|window| window == b"CANARY"), "{}", path.display());
    }
}
