//! One repository of 5,000 files and 100 MB, whose `k8s/` has 12 files.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use kargo_git::{CommitId, Limits, Reference, Remote, Store, Url};
use kargo_tests::folders::RunFolder;
use kargo_tests::git_server::GitServer;
use kargo_tests::repository::Repository;
use kustomize::Tree as _;

use crate::wire::Wire;

const NAME: &str = "bench/large.git";

/// Files beside those of `k8s/`.
const FILES: usize = 4988;

/// Bytes of each.
const BYTES: usize = 20 << 10;

/// Files below `k8s/`.
const MANIFESTS: usize = 12;

/// How often what takes milliseconds is measured; the median counts.
const TURNS: usize = 15;

/// How often what takes seconds is measured.
const COLD_TURNS: usize = 3;

/// What was measured; times are medians.
pub(crate) struct One {
    pub(crate) poll_bytes: u64,
    pub(crate) poll_ms: f64,
    pub(crate) push_fetch_ms: f64,
    pub(crate) clone_ms: f64,
    pub(crate) cold_ms: f64,
    pub(crate) cold_unfiltered_ms: f64,
}

pub(crate) async fn measure() -> Result<One> {
    let server = GitServer::start()?;
    let repository = Repository::new(&server.create_repository(NAME)?)?;
    fill(&repository)?;
    let wire = Wire::before(repository.url()).await?;
    let remote = Remote::new(Url::parse(&wire.url(repository.url()))?);
    let folder = tempfile::tempdir_in(RunFolder::shared()?.path())?;

    let store = Store::open(&folder.path().join("warm"), Limits::default())?;
    let tip = resolve(&store, &remote).await?;
    read(&store, &remote, tip).await?;
    let (mut polls, mut bytes) = (Vec::new(), 0);
    for _ in 0..TURNS {
        wire.take();
        let begun = Instant::now();
        resolve(&store, &remote).await?;
        polls.push(begun.elapsed());
        bytes = wire.take().max(bytes);
    }
    let mut pushes = Vec::new();
    for turn in 0..TURNS {
        repository.write("k8s/0.yaml", manifest(0, turn + 1))?;
        repository.commit_and_push("small")?;
        let begun = Instant::now();
        let tip = resolve(&store, &remote).await?;
        read(&store, &remote, tip).await?;
        pushes.push(begun.elapsed());
    }

    let (mut clones, mut cold, mut unfiltered) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..COLD_TURNS {
        let clone = folder.path().join(format!("clone-{turn}"));
        let begun = Instant::now();
        let clone = clone.to_str().context("the folder is UTF-8")?;
        repository.git(&["clone", "--quiet", "--depth", "1", repository.url(), clone])?;
        clones.push(begun.elapsed());
        for (filter, times) in [("true", &mut cold), ("false", &mut unfiltered)] {
            let bare = server.path(NAME);
            let bare = bare.to_str().context("the folder is UTF-8")?;
            repository.git(&["-C", bare, "config", "uploadpack.allowFilter", filter])?;
            let begun = Instant::now();
            let cache = folder.path().join(format!("cold-{turn}-{filter}"));
            let store = Store::open(&cache, Limits::default())?;
            let tip = resolve(&store, &remote).await?;
            read(&store, &remote, tip).await?;
            times.push(begun.elapsed());
        }
    }
    Ok(One {
        poll_bytes: bytes,
        poll_ms: median(polls),
        push_fetch_ms: median(pushes),
        clone_ms: median(clones),
        cold_ms: median(cold),
        cold_unfiltered_ms: median(unfiltered),
    })
}

fn fill(repository: &Repository) -> Result<()> {
    // Text that compresses about as well as source code does, the same in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for file in 0..FILES {
        let mut text = String::with_capacity(BYTES + 32);
        while text.len() < BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            writeln!(text, "    let value = {state:x};")?;
        }
        repository.write(&format!("src/{}/{file}.rs", file / 100), text)?;
    }
    for number in 0..MANIFESTS {
        repository.write(&format!("k8s/{number}.yaml"), manifest(number, 0))?;
    }
    repository.commit_and_push("large").map(drop)
}

fn manifest(number: usize, value: usize) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m{number}\ndata:\n  value: \"{value}\"\n"
    )
}

async fn resolve(store: &Store, remote: &Remote) -> Result<CommitId> {
    Ok(store.resolve(remote, &Reference::Branch("main".to_owned())).await?)
}

/// Fetches a commit and reads all that a render would.
async fn read(store: &Store, remote: &Remote, tip: CommitId) -> Result<()> {
    let snapshot = store.fetch(remote, tip, "k8s").await?;
    tokio::task::spawn_blocking(move || {
        for number in 0..MANIFESTS {
            snapshot.read(&format!("k8s/{number}.yaml"))?;
        }
        Ok(())
    })
    .await?
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
