//! A thousand apps: first all on one repository, then each on its own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kargo_tests::kargo_process;
use kargo_tests::world::{REPOSITORY, World};
use serde_json::{Value, json};

/// Two intervals of 30 s.
const WINDOW: Duration = Duration::from_mins(1);

/// How long all apps together may take to be deployed.
const PATIENCE: Duration = Duration::from_mins(15);

/// Requests to the API server at once.
const AT_ONCE: usize = 16;

/// What was measured.
pub(crate) struct Many {
    /// Requests for the tip of the one repository, in [`WINDOW`].
    pub(crate) polls: u64,
    /// CPU time of the controller in [`WINDOW`], of one core, while each app has its own repository.
    pub(crate) cpu_percent: f64,
    /// At the end.
    pub(crate) threads: u64,
    pub(crate) rss_mib: f64,
}

pub(crate) async fn measure(apps: usize) -> Result<Many> {
    let mut world = World::without_controller("bench-git").await;
    for app in 0..apps {
        let name = format!("app-{app}");
        world.write(&format!("apps/{name}/kustomization.yaml"), "resources:\n- map.yaml\n");
        let map = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
        world.write(&format!("apps/{name}/map.yaml"), &map);
    }
    world.push("all apps");
    let program = match std::env::var_os(kargo_process::BINARY_VARIABLE) {
        Some(_) => kargo_process::binary()?,
        None => kargo_process::build(&["--release"])?,
    };
    world.start_program(program).await;

    apply(&world, apps, |_| world.repository.url().to_owned()).await?;
    deployed(&world, apps).await?;
    world.git.reset_traffic(REPOSITORY);
    tokio::time::sleep(WINDOW).await;
    let polls = world.git.traffic(REPOSITORY).polls;

    let name = |app: usize| format!("many/{app}.git");
    for app in 0..apps {
        copy(&world.git.path(REPOSITORY), &world.git.path(&name(app)))?;
    }
    apply(&world, apps, |app| world.git.url(&name(app))).await?;
    let begun = Instant::now();
    while (0..apps).any(|app| world.git.traffic(&name(app)).polls == 0) {
        patience(begun, "not all repositories are polled")?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    deployed(&world, apps).await?;
    let id = world.controller().id();
    let before = cpu_time(id)?;
    let begun = Instant::now();
    tokio::time::sleep(WINDOW).await;
    let used = cpu_time(id)? - before;
    Ok(Many {
        polls,
        cpu_percent: used / begun.elapsed().as_secs_f64() * 100.0,
        threads: status(id, "Threads:")?,
        #[expect(clippy::cast_precision_loss, reason = "KiB are far below 2^52")]
        rss_mib: world.controller().memory_in_use()? as f64 / 1024.0,
    })
}

async fn apply(world: &World, apps: usize, url: impl Fn(usize) -> String) -> Result<()> {
    let specs = (0..apps).map(|app| (format!("app-{app}"), url(app)));
    stream::iter(specs)
        .map(|(name, url)| async move {
            let source = json!({"repoURL": url, "path": format!("apps/{name}"), "interval": "30s"});
            let app = json!({
                "apiVersion": "kargo.krampoline.io/v1alpha1", "kind": "KargoApp",
                "metadata": {"name": name}, "spec": {"source": source},
            });
            world.objects.apply(&world.namespace, &app).await.map(drop)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
}

/// Waits until every app is Ready about its newest spec.
async fn deployed(world: &World, apps: usize) -> Result<()> {
    let begun = Instant::now();
    loop {
        let list = world.objects.list(&world.namespace, "KargoApp", "").await?;
        let is_ready = |app: &&Value| {
            let status = &app["status"];
            let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
            status["observedGeneration"] == app["metadata"]["generation"]
                && conditions.iter().any(|each| each["type"] == "Ready" && each["status"] == "True")
        };
        let ready = list.iter().filter(is_ready).count();
        if ready == apps {
            return Ok(());
        }
        patience(begun, &format!("only {ready} of {apps} apps are deployed"))?;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

fn patience(begun: Instant, what: &str) -> Result<()> {
    anyhow::ensure!(begun.elapsed() <= PATIENCE, "{what} after {PATIENCE:?}");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "hooks" {
                copy(&entry.path(), &target)?;
            }
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Seconds of CPU that a process has used (proc(5): `utime` and `stime`, in hundredths).
fn cpu_time(id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The second field, the name, may hold spaces.
    let rest = stat.rsplit_once(')').context("the name ends")?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = [11, 12].iter().try_fold(0_u32, |sum, field| {
        let ticks = fields.get(*field)?.parse::<u32>().ok()?;
        Some(sum + ticks)
    });
    Ok(f64::from(ticks.context("utime and stime are numbers")?) / 100.0)
}

/// A number of `/proc/<id>/status`.
fn status(id: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    Ok(line.context("the field is there")?.trim().parse()?)
}
