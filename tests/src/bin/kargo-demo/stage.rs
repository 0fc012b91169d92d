//! The control plane, the git server and Kargo. Kargo is installed from the manifests that
//! people install; only its process runs here and not in a pod, as no pod runs on this cluster.

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use kargo_tests::cluster::stages::Addresses;
use kargo_tests::cluster::{Cluster, Options};
use kargo_tests::folders::RunFolder;
use kargo_tests::git_server::GitServer;
use kargo_tests::helm::PLAIN_MANIFESTS;
use kargo_tests::installation::{self, SYSTEM_NAMESPACE};
use kargo_tests::kargo_process::{self, KargoProcess, Settings};
use kargo_tests::repository::Repository;
use kargo_tests::world::identity;
use kargo_tests::world::objects::Objects;
use serde_json::json;

use crate::teller::Teller;

/// The namespace of the app.
pub(crate) const NAMESPACE: &str = "demo";
const REPOSITORY: &str = "team-a/shop.git";
const READY: Duration = Duration::from_secs(30);

/// Everything that the story needs. All of it ends with this value.
pub(crate) struct Stage {
    pub(crate) controller: KargoProcess,
    pub(crate) program: PathBuf,
    pub(crate) repository: Repository,
    pub(crate) objects: Objects,
    _git: GitServer,
    cluster: Cluster,
    _folder: RunFolder,
}

impl Stage {
    /// Builds and starts everything.
    pub(crate) async fn set(teller: &mut Teller) -> Result<Self> {
        teller.step("The stage").await?;
        teller.say("The binary, as it is released:");
        let program = match env::var_os(kargo_process::BINARY_VARIABLE) {
            Some(program) => PathBuf::from(program),
            None => kargo_process::build(&["--release"])?,
        };
        teller.say("A Kubernetes control plane of its own, on loopback only:");
        let start = Instant::now();
        let cluster =
            Cluster::start(Options { audit: false, addresses: Addresses::Everyone }).await?;
        teller.holds(&format!("it is ready after {:.1} s", start.elapsed().as_secs_f64()));
        teller.say("A git server with an empty repository:");
        let git = GitServer::start()?;
        let repository = Repository::new(&git.create_repository(REPOSITORY)?)?;
        teller.holds(repository.url());

        teller.say(&format!("Kargo, with the rights that {PLAIN_MANIFESTS} gives it:"));
        let account = installation::install(&cluster)?;
        let client = cluster.client().await?;
        let objects = Objects::new(client.clone());
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        objects.apply("", &namespace).await?;
        let folder = RunFolder::create("demo")?;
        let settings = settings(&program, &folder);
        identity::write_kubeconfig(
            &client,
            cluster.kubeconfig(),
            SYSTEM_NAMESPACE,
            &account,
            &settings.kubeconfig,
        )
        .await?;
        let mut controller = KargoProcess::start(settings)?;
        controller.wait_until_ready(READY).await?;
        teller.holds("it is ready");
        Ok(Self { controller, program, repository, objects, _git: git, cluster, _folder: folder })
    }

    /// Runs `kubectl` in the namespace of the app, and returns what it printed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let output = self
            .cluster
            .kubectl()
            .args(["--namespace", NAMESPACE])
            .args(arguments)
            .output()
            .context("kubectl cannot be started")?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Shows a `kubectl` command and what it prints.
    pub(crate) fn show(&self, teller: &Teller, arguments: &[&str]) -> Result<()> {
        let text = self.kubectl(arguments)?;
        teller.say(&format!("\n  $ kubectl --namespace {NAMESPACE} {}", arguments.join(" ")));
        for line in text.lines() {
            teller.say(&format!("  {line}"));
        }
        teller.say("");
        Ok(())
    }

    /// The end of the controller's log.
    pub(crate) fn log_tail(&self) -> String {
        self.controller.log_tail(20)
    }

    /// What people can do now.
    pub(crate) fn how_to_play_on(&self) -> String {
        let kubectl = self.cluster.kubectl();
        let folder = std::path::Path::new(kubectl.get_program()).parent();
        format!(
            "
=== It stays up. Play on, in another terminal ===

  export KUBECONFIG={kubeconfig}
  export PATH={path}:$PATH

  git clone {url} && cd shop      # change something in k8s/, commit, push
  kubectl --namespace {NAMESPACE} get kargoapps --output wide --watch
  kubectl --namespace {NAMESPACE} describe kargoapp shop
  kubectl --namespace {NAMESPACE} delete deployment nginx      # and look again

Ctrl-C ends all of it.",
            kubeconfig = self.cluster.kubeconfig().display(),
            path = folder.unwrap_or(std::path::Path::new("")).display(),
            url = self.repository.url(),
        )
    }
}

fn settings(program: &std::path::Path, folder: &RunFolder) -> Settings {
    Settings {
        program: program.to_owned(),
        installation: "kargo".to_owned(),
        system_namespace: SYSTEM_NAMESPACE.to_owned(),
        watch_namespaces: Vec::new(),
        cache: folder.path().join("cache"),
        kubeconfig: folder.path().join("kubeconfig"),
        flags: Vec::new(),
        environment: Vec::new(),
        log: folder.path().join("controller.log"),
    }
}
