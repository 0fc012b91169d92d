//! *Killing the run leaves no process behind.*

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kargo_tests::cluster::binaries::Binaries;

/// After SIGKILL nothing may be left for longer than this.
const PROMISE: Duration = Duration::from_secs(5);

/// The processes whose command line mentions `folder`: the control plane's, as their flags name
/// files in it, and the supervisor's. What has ended but was not collected yet has none.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    fs::read_dir("/proc")
        .expect("this test needs Linux")
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&folder))
        .collect()
}

fn wait_until(what: &str, deadline: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < deadline, "waited {deadline:?} until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A control plane that belongs to a process of its own, with a cache folder of its own.
fn start_in_another_process(cache: &Path) -> Child {
    let binaries = Binaries::provide().expect("the control plane can be built");
    let built = binaries.path("etcd").parent().expect("etcd is in a folder").to_owned();
    let child = Command::new(env!("CARGO_BIN_EXE_kargo-cluster"))
        .arg("serve")
        .env("XDG_CACHE_HOME", cache)
        .env("KUBEBUILDER_ASSETS", built)
        .stdin(Stdio::null())
        .spawn()
        .expect("the binary was built with this test");
    let kubeconfig = cache.join("kargo/cluster/kubeconfig");
    wait_until("the control plane is up", Duration::from_mins(2), || kubeconfig.is_file());
    child
}

#[test]
fn a_control_plane_ends_with_the_run_that_started_it_even_after_sigkill() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let mut run = start_in_another_process(cache.path());
    let names = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
    let before = processes_of(cache.path());
    for name in names {
        assert!(before.iter().any(|line| line.contains(name)), "no {name} among {before:#?}");
    }

    run.kill().expect("it runs");
    run.wait().expect("it was started here");

    wait_until("no process is left", PROMISE, || processes_of(cache.path()).is_empty());
    let left: Vec<_> = fs::read_dir(cache.path().join("kargo/runs"))
        .expect("the folder of runs")
        .flatten()
        .filter(|run| run.path().join("data").exists())
        .collect();
    assert!(left.is_empty(), "its data is still there: {left:?}");
}
