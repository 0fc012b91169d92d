//! Resolve, fetch and read against the real `git http-backend`.

use crate::support::{Repository, Server};
use kargo_git::{Cause, CommitId, Limits, Reference, Remote, Snapshot, Store, Url};
use kustomize::{Entry, Tree as _};

struct Setup {
    server: Server,
    repository: Repository,
    store: Store,
    remote: Remote,
    _cache: tempfile::TempDir,
}

async fn setup() -> Setup {
    let server = Server::start().await;
    let repository = server.repository("shop");
    let cache = tempfile::tempdir().unwrap();
    let store = Store::open(cache.path(), Limits::default()).unwrap();
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap());
    Setup { server, repository, store, remote, _cache: cache }
}

fn main_branch() -> Reference {
    Reference::Branch("main".into())
}

async fn read(snapshot: Snapshot, path: &'static str) -> (Snapshot, Result<Vec<u8>, String>) {
    tokio::task::spawn_blocking(move || {
        let content = snapshot.read(path).map_err(|error| error.to_string());
        (snapshot, content)
    })
    .await
    .unwrap()
}

async fn entry(snapshot: Snapshot, path: &'static str) -> (Snapshot, Option<Entry>) {
    tokio::task::spawn_blocking(move || {
        let entry = snapshot.entry(path).unwrap();
        (snapshot, entry)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn the_tip_of_main_is_fetched_and_read() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    repository
        .push(&[("k8s/kustomization.yaml", "resources: [a.yaml]\n"), ("k8s/a.yaml", "kind: A\n")]);
    repository.push(&[("README.md", "shop\n")]);
    let head = repository.head();

    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    assert_eq!(tip.to_string(), head);
    let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
    assert_eq!(snapshot.commit().author, "김민수");
    assert_eq!(snapshot.commit().subject, "change");
    assert_eq!(snapshot.commit().time, 1_700_000_000);
    let requests = server.take_log().requests;
    assert_eq!(requests.len(), 4, "words, references, commit, files: {requests:#?}");
    assert!(
        requests[2].contains("deepen 1") && requests[2].contains("filter blob:none"),
        "{requests:#?}"
    );

    let (snapshot, content) = read(snapshot, "k8s/kustomization.yaml").await;
    assert_eq!(content.unwrap(), b"resources: [a.yaml]\n");
    assert_eq!(server.take_log().requests.len(), 0, "what is below the path was fetched ahead");

    // A file outside of the path is fetched when it is looked at.
    let (snapshot, content) = read(snapshot, "README.md").await;
    assert_eq!(content.unwrap(), b"shop\n");
    assert_eq!(server.take_log().requests.len(), 1);

    let (snapshot, folder) = entry(snapshot, "k8s").await;
    assert_eq!(folder, Some(Entry::Folder));
    let (snapshot, file) = entry(snapshot, "k8s/a.yaml").await;
    assert_eq!(file, Some(Entry::File { size: 8 }));
    let (snapshot, nothing) = entry(snapshot, "k8s/b.yaml").await;
    assert_eq!(nothing, None);
    let mut names = snapshot.list("k8s").unwrap();
    names.sort();
    assert_eq!(names, ["a.yaml", "kustomization.yaml"]);
    assert!(snapshot.list("k8s/a.yaml").is_err());
    assert!(snapshot.read("k8s").is_err());
    assert_eq!(snapshot.failure(), None);
}

#[tokio::test]
async fn ids_tell_what_a_commit_has_changed() {
    let setup = setup().await;
    let Setup { repository, store, remote, .. } = &setup;
    repository.push(&[("k8s/a.yaml", "a"), ("src/main.rs", "1")]);
    let before = store.resolve(remote, &main_branch()).await.unwrap();
    let before = store.fetch(remote, before, "k8s").await.unwrap();
    repository.push(&[("src/main.rs", "2")]);
    let after = store.resolve(remote, &main_branch()).await.unwrap();
    let after = store.fetch(remote, after, "k8s").await.unwrap();
    let same = |path: &str| before.id(path).unwrap() == after.id(path).unwrap();
    assert_ne!(before.commit().id, after.commit().id);
    assert!(same("k8s") && same("k8s/a.yaml") && same("k8s/none"));
    assert!(!same("") && !same("src") && !same("src/main.rs"));
    assert_eq!(after.id("k8s/none").unwrap(), None);
}

#[tokio::test]
async fn an_unchanged_poll_and_a_small_push_cost_little() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    let large = "0123456789abcdef\n".repeat(10_000);
    repository.push(&[("k8s/a.yaml", "a"), ("assets/large.txt", &large)]);
    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    store.fetch(remote, tip, "k8s").await.unwrap();
    server.take_log();

    assert_eq!(store.resolve(remote, &main_branch()).await.unwrap(), tip);
    assert_eq!(server.answered(), 65, "one line and a flush");
    assert_eq!(server.take_log().requests.len(), 1);
    store.fetch(remote, tip, "k8s").await.unwrap();
    assert_eq!(server.take_log().requests.len(), 0, "the commit is here already");
}

#[tokio::test]
async fn a_small_push_is_a_small_fetch() {
    for filter in ["true", "false"] {
        let setup = setup().await;
        let Setup { server, repository, store, remote, .. } = &setup;
        repository.git_on_server(&["config", "uploadpack.allowFilter", filter]);
        let large = "0123456789abcdef\n".repeat(10_000);
        let noise = (0..2000).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string());
        repository.push(&[("assets/noise.txt", &noise.collect::<String>()), ("k8s/a.yaml", "a")]);
        for (turn, content) in ["b", "c", "d"].into_iter().enumerate() {
            let grown = format!("{large}{content}");
            repository.push(&[("k8s/a.yaml", content), ("assets/large.txt", &grown)]);
            server.take_log();
            let tip = store.resolve(remote, &main_branch()).await.unwrap();
            let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
            let answered = server.answered();
            assert!(turn == 0 || answered < 1500, "filter {filter}: {answered} bytes");
            let (snapshot, read_content) = read(snapshot, "k8s/a.yaml").await;
            assert_eq!(read_content.unwrap(), content.as_bytes());
            let (_, read_content) = read(snapshot, "assets/large.txt").await;
            assert_eq!(read_content.unwrap(), grown.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_server_that_stops_leaving_files_out_is_understood_at_the_next_attempt() {
    let setup = setup().await;
    let Setup { repository, store, remote, .. } = &setup;
    repository.push(&[
        ("k8s/a.yaml", "a"),
        ("README.md", "shop"),
        ("large", &"text ".repeat(1000)),
    ]);
    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    store.fetch(remote, tip, "k8s").await.unwrap();
    repository.git_on_server(&["config", "uploadpack.allowFilter", "false"]);
    let grown = format!("{}more", "text ".repeat(1000));
    repository.push(&[("k8s/a.yaml", "b"), ("large", &grown)]);
    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    let error = store.fetch(remote, tip, "k8s").await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
    for (path, expected) in [("k8s/a.yaml", "b"), ("large", grown.as_str())] {
        let again = store.fetch(remote, tip, path).await.unwrap();
        assert_eq!(read(again, path).await.1.unwrap(), expected.as_bytes());
    }
    assert_eq!(read(snapshot, "README.md").await.1.unwrap(), b"shop");
}

#[tokio::test]
async fn a_server_that_leaves_nothing_out_is_fetched_whole() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    repository.git_on_server(&["config", "uploadpack.allowFilter", "false"]);
    repository.push(&[("k8s/a.yaml", "a"), ("README.md", "shop")]);
    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
    assert_eq!(server.take_log().requests.len(), 3);
    let (_, content) = read(snapshot, "README.md").await;
    assert_eq!(content.unwrap(), b"shop");
    repository.push(&[("k8s/a.yaml", "b")]);
    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
    let (snapshot, content) = read(snapshot, "README.md").await;
    assert_eq!(content.unwrap(), b"shop");
    let (_, content) = read(snapshot, "k8s/a.yaml").await;
    assert_eq!(content.unwrap(), b"b");
}

#[tokio::test]
async fn what_is_no_plain_file_is_told_apart() {
    let setup = setup().await;
    let Setup { repository, store, remote, .. } = &setup;
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n";
    std::fs::create_dir(repository.work.join("k8s")).unwrap();
    std::os::unix::fs::symlink("../base/a.yaml", repository.work.join("k8s/link")).unwrap();
    repository.push(&[("k8s/large.bin", pointer), ("base/a.yaml", "a")]);
    let head = repository.head();
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},k8s/module")]);
    repository.git(&["commit", "-q", "-m", "submodule"]);
    repository.git(&["push", "-q", "origin", "main"]);
    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
    let (snapshot, link) = entry(snapshot, "k8s/link").await;
    assert_eq!(link, Some(Entry::Link { target: "../base/a.yaml".into() }));
    let (snapshot, beyond) = entry(snapshot, "k8s/link/b").await;
    assert_eq!(beyond, None, "links are reported, not followed");
    let (snapshot, module) = entry(snapshot, "k8s/module").await;
    assert_eq!(module, Some(Entry::Unreadable { what: "a git submodule" }));
    let (_, large) = entry(snapshot, "k8s/large.bin").await;
    assert!(matches!(large, Some(Entry::Unreadable { what }) if what.contains("LFS")));
}

#[tokio::test]
async fn branches_tags_and_commits_are_resolved() {
    let setup = setup().await;
    let Setup { repository, store, remote, .. } = &setup;
    let first = repository.push(&[("a", "1")]);
    repository.git(&["tag", "plain"]);
    repository.git(&["tag", "-a", "-m", "note", "annotated"]);
    repository.git(&["push", "-q", "origin", "plain", "annotated"]);
    let second = repository.push(&[("a", "2")]);
    repository.git(&["push", "-q", "origin", "main:team/한글"]);
    for (reference, expected) in [
        (Reference::Branch("main".into()), &second),
        (Reference::Branch("team/한글".into()), &second),
        (Reference::Tag("plain".into()), &first),
        (Reference::Tag("annotated".into()), &first),
        (Reference::Commit(first.parse().unwrap()), &first),
    ] {
        let id = store.resolve(remote, &reference).await.unwrap();
        assert_eq!(&id.to_string(), expected, "{reference:?}");
        let snapshot = store.fetch(remote, id, "").await.unwrap();
        let content = if expected == &first { "1" } else { "2" };
        assert_eq!(read(snapshot, "a").await.1.unwrap(), content.as_bytes(), "{reference:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_is() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    let missing = |name: &str| Reference::Branch(name.into());
    let empty = store.resolve(remote, &main_branch()).await.unwrap_err();
    assert_eq!(empty.cause(), &Cause::RepositoryEmpty, "{empty}");

    repository.git(&["checkout", "-q", "-b", "master"]);
    repository.push(&[("a", "1")]);
    repository.git_on_server(&["symbolic-ref", "HEAD", "refs/heads/master"]);
    repository.git(&["push", "-q", "origin", "master:dev", "master:main2"]);
    let error = store.resolve(remote, &main_branch()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} has no branch `main`; it has `master` (the default), `dev`, `main2`. Push to `main`, or name \
             an existing branch in spec.source.branch.",
            server.url("shop")
        )
    );
    assert!(!error.is_transient());
    for name in ["", "a..b", "a b", "-x\nref-prefix refs", "x*"] {
        let error = store.resolve(remote, &missing(name)).await.unwrap_err();
        assert!(
            matches!(error.cause(), Cause::BranchMissing { count: 3, .. }),
            "{name:?}: {error}"
        );
    }
    let error = store.resolve(remote, &Reference::Tag("v1".into())).await.unwrap_err();
    assert_eq!(error.cause(), &Cause::TagMissing { tag: "v1".into(), tags: vec![], count: 0 });

    let unknown = "0123456789abcdef0123456789abcdef01234567".parse::<CommitId>().unwrap();
    let error = store.fetch(remote, unknown, "k8s").await.unwrap_err();
    assert_eq!(error.cause(), &Cause::CommitMissing { id: unknown.to_string() });
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let error = store.fetch(remote, tree.parse().unwrap(), "k8s").await.unwrap_err();
    assert_eq!(error.cause(), &Cause::NotACommit { id: tree });

    let nowhere = Remote::new(Url::parse(&server.url("nowhere")).unwrap());
    let error = store.resolve(&nowhere, &main_branch()).await.unwrap_err();
    assert_eq!(error.cause(), &Cause::NotFoundOrPrivate { authenticated: false });
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_forced_push_is_followed() {
    let setup = setup().await;
    let Setup { repository, store, remote, .. } = &setup;
    repository.push(&[("a", "1")]);
    let tip = store.resolve(remote, &main_branch()).await.unwrap();
    store.fetch(remote, tip, "").await.unwrap();
    std::fs::write(repository.work.join("a"), "2").unwrap();
    repository.git(&["commit", "-q", "--amend", "-a", "-m", "other history"]);
    repository.git(&["push", "-q", "--force", "origin", "main"]);
    let forced = store.resolve(remote, &main_branch()).await.unwrap();
    assert_ne!(forced, tip);
    assert_eq!(store.descends(remote, forced, tip).await.unwrap(), Some(false));
    let snapshot = store.fetch(remote, forced, "").await.unwrap();
    assert_eq!(read(snapshot, "a").await.1.unwrap(), b"2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_ask_at_once_share_answers() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    repository.push(&[("a", "1")]);
    let asking = (0..100).map(|_| {
        let (store, remote) = (store.clone(), remote.clone());
        tokio::spawn(async move { store.resolve(&remote, &main_branch()).await.unwrap() })
    });
    let answers = futures::future::join_all(asking).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().to_string() == repository.head()));
    let requests = server.take_log().requests.len();
    assert!(requests <= 10, "{requests} requests for 100 callers");
}

#[tokio::test]
async fn a_forced_push_is_told_from_a_plain_one() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    let first = repository.push(&[("a", "1")]).parse().unwrap();
    repository.push(&[("a", "2")]);
    let third = repository.push(&[("a", "3")]).parse().unwrap();
    let nowhere = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    for (new, old, expected) in
        [(third, first, true), (third, third, true), (first, third, false), (third, nowhere, false)]
    {
        assert_eq!(store.descends(remote, new, old).await.unwrap(), Some(expected));
    }
    let answered = server.answered();
    assert!(answered < 6000, "{answered} bytes");
    // The usual one: the newest commit is written anew, its parent stays.
    repository.git(&["commit", "-q", "--amend", "--allow-empty", "-m", "amended"]);
    repository.git(&["push", "-q", "--force", "origin", "main"]);
    let amended = repository.head().parse().unwrap();
    assert_eq!(store.descends(remote, amended, third).await.unwrap(), Some(false));
    assert_eq!(store.descends(remote, amended, first).await.unwrap(), Some(true));
    // A merge has two parents.
    repository.git(&["checkout", "-q", "-b", "side", &first.to_string()]);
    let side = repository.push(&[("b", "1")]).parse().unwrap();
    repository.git(&["checkout", "-q", "main"]);
    repository.git(&["merge", "-q", "--no-ff", "-m", "merged", "side"]);
    repository.git(&["push", "-q", "origin", "main"]);
    let merged = repository.head().parse().unwrap();
    for old in [amended, side, first] {
        assert_eq!(store.descends(remote, merged, old).await.unwrap(), Some(true));
    }
    repository.git_on_server(&["config", "uploadpack.allowFilter", "false"]);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Limits::default()).unwrap();
    assert_eq!(store.descends(remote, merged, third).await.unwrap(), Some(false));
}

#[tokio::test]
async fn a_server_that_knows_only_version_0_is_understood() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    server.grow_old();
    let empty = store.resolve(remote, &main_branch()).await.unwrap_err();
    assert_eq!(empty.cause(), &Cause::RepositoryEmpty, "{empty}");
    let first = repository.push(&[("k8s/a.yaml", "a"), ("README.md", "shop")]);
    repository.git(&["tag", "-a", "-m", "note", "v1"]);
    repository.git(&["push", "-q", "origin", "v1", "main:dev"]);
    for content in ["b", "c"] {
        repository.push(&[("k8s/a.yaml", content)]);
        let tip = store.resolve(remote, &main_branch()).await.unwrap();
        assert_eq!(tip.to_string(), repository.head());
        let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
        let (snapshot, read_content) = read(snapshot, "k8s/a.yaml").await;
        assert_eq!(read_content.unwrap(), content.as_bytes());
        let (_, read_content) = read(snapshot, "README.md").await;
        assert_eq!(read_content.unwrap(), b"shop");
    }
    let tag = store.resolve(remote, &Reference::Tag("v1".into())).await.unwrap();
    assert_eq!(tag.to_string(), first);
    let error = store.resolve(remote, &Reference::Branch("x".into())).await.unwrap_err();
    assert_eq!(
        error.cause(),
        &Cause::BranchMissing {
            branch: "x".into(),
            branches: vec!["main".into(), "dev".into()],
            count: 2,
            default: Some("main".into())
        }
    );
}

#[tokio::test]
async fn a_signed_commit_names_its_signer() {
    let setup = setup().await;
    let Setup { repository, store, remote, .. } = &setup;
    let signers = |key: &str| {
        let data = [("kim.pub".to_owned(), key.as_bytes().to_vec())].into_iter().collect();
        kargo_git::Signers::from_secret(&data).unwrap()
    };
    let (ours, others) =
        (signers(include_str!("keys/ed25519.pub")), signers(include_str!("keys/rsa.pub")));
    let unsigned = repository.push(&[]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/keys/commit_ed25519");
    repository.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
    let signed = repository.git(&["hash-object", "-t", "commit", "-w", file]);
    repository.git(&["push", "-q", "origin", &format!("{signed}:refs/heads/signed")]);

    let snapshot = store.fetch(remote, signed.parse().unwrap(), "").await.unwrap();
    assert_eq!(snapshot.verify(&ours).unwrap().signer, "test");
    let error = snapshot.verify(&others).unwrap_err();
    assert!(error.to_string().contains("a key that is not trusted (SHA256:"), "{error}");
    let snapshot = store.fetch(remote, unsigned.parse().unwrap(), "").await.unwrap();
    let error = snapshot.verify(&ours).unwrap_err();
    assert!(error.to_string().contains("is not trusted: it is not signed. Sign"), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_server_that_keeps_the_files_it_leaves_out_is_fetched_whole() {
    let setup = setup().await;
    let Setup { server, repository, store, remote, .. } = &setup;
    server.keep_files();
    for content in ["1", "2"] {
        repository.push(&[("k8s/a.yaml", content), ("README.md", "shop")]);
        let tip = store.resolve(remote, &main_branch()).await.unwrap();
        let snapshot = store.fetch(remote, tip, "k8s").await.unwrap();
        let (snapshot, read_content) = read(snapshot, "k8s/a.yaml").await;
        assert_eq!(read_content.unwrap(), content.as_bytes());
        assert_eq!(read(snapshot, "README.md").await.1.unwrap(), b"shop");
    }
}

#[tokio::test]
async fn a_server_that_goes_away_while_a_snapshot_is_read_is_no_verdict_about_the_commit() {
    let mut setup = setup().await;
    setup.repository.push(&[("k8s/a.yaml", "a"), ("README.md", "shop")]);
    let tip = setup.store.resolve(&setup.remote, &main_branch()).await.unwrap();
    let snapshot = setup.store.fetch(&setup.remote, tip, "k8s").await.unwrap();
    setup.server.stop().await;
    let (snapshot, content) = read(snapshot, "k8s/a.yaml").await;
    assert_eq!(content.unwrap(), b"a", "what is here can be read");
    let (snapshot, content) = read(snapshot, "README.md").await;
    assert!(content.is_err());
    let failure = snapshot.failure().unwrap();
    assert!(failure.is_transient(), "{failure}");
    assert!(snapshot.id("README.md").unwrap().is_some(), "folders are here");
}
