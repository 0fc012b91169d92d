//! The control plane, the git server and Kargo. Kargo is installed from the manifests that people
//! install; only its process runs here and not in a pod, as no pod runs on this cluster.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kargo_tests::cluster::{self, Cluster, Options};
use kargo_tests::folders::RunFolder;
use kargo_tests::git_server::{Behaviour, GitServer};
use kargo_tests::installation::{self, SYSTEM_NAMESPACE};
use kargo_tests::kargo_process::{self, BINARY_VARIABLE, KargoProcess, Settings};
use kargo_tests::repository::Repository;
use kargo_tests::world::identity;
use kargo_tests::world::objects::Objects;
use kargo_tests::world::wait::until;
use serde_json::json;

use crate::{say, workload};

const APPS: &str = "bench/apps.git";
const LARGE: &str = "bench/large.git";
const SILENT: &str = "bench/silent.git";

const READY: Duration = Duration::from_mins(1);
/// The deletion of a namespace with thousands of objects takes a while.
const CLEANED: Duration = Duration::from_mins(10);

/// Everything that the cases need. All of it ends with this value.
pub(crate) struct Stage {
    kargo: Option<KargoProcess>,
    settings: Settings,
    starts: u32,
    /// With the rights that Kargo has, and as the same user.
    pub(crate) as_kargo: kube::Client,
    /// As somebody else, whom nobody measures.
    pub(crate) client: kube::Client,
    pub(crate) objects: Objects,
    pub(crate) repository: Repository,
    pub(crate) large: Repository,
    pub(crate) git: GitServer,
    cluster: Cluster,
    user: String,
    pub(crate) folder: RunFolder,
}

impl Stage {
    /// Builds and starts everything but Kargo itself.
    pub(crate) async fn set(apps: usize) -> Result<Self> {
        say("The binary, as it is released");
        let program = match std::env::var_os(BINARY_VARIABLE).filter(|path| !path.is_empty()) {
            Some(program) => PathBuf::from(program),
            None => kargo_process::build(&["--release"])?,
        };
        say("A control plane and a git server on loopback");
        let cluster = Cluster::start(Options { audit: true, ..Options::default() }).await?;
        let account = installation::install(&cluster)?;
        let client = cluster.client().await?;
        let folder = RunFolder::create("bench-cluster")?;
        let kubeconfig = folder.path().join("kubeconfig");
        let admin = cluster.kubeconfig();
        identity::write_kubeconfig(&client, admin, SYSTEM_NAMESPACE, &account, &kubeconfig).await?;
        let as_kargo = cluster::client(&kubeconfig).await?;

        let git = GitServer::start()?;
        let repository = Repository::new(&git.create_repository(APPS)?)?;
        workload::write_apps(&repository, apps)?;
        repository.commit_and_push("all apps")?;
        let large = Repository::new(&git.create_repository(LARGE)?)?;
        workload::write_large(&large, apps * workload::CONFIG_MAPS_PER_APP)?;
        large.commit_and_push("one large app")?;
        git.create_repository(SILENT)?;
        git.set_behaviour(SILENT, Behaviour::Hangs);

        let settings = Settings {
            program,
            installation: "kargo".to_owned(),
            system_namespace: SYSTEM_NAMESPACE.to_owned(),
            watch_namespaces: Vec::new(),
            cache: folder.path().join("cache"),
            kubeconfig,
            flags: Vec::new(),
            environment: Vec::new(),
            log: folder.path().join("controller.log"),
        };
        let objects = Objects::new(client.clone());
        let user = format!("system:serviceaccount:{SYSTEM_NAMESPACE}:{account}");
        let stage = Self {
            kargo: None,
            settings,
            starts: 0,
            as_kargo,
            client,
            objects,
            repository,
            large,
            git,
            cluster,
            user,
            folder,
        };
        for namespace in
            [workload::NAMESPACE, workload::DISTURBED_NAMESPACE, workload::LARGE_NAMESPACE]
        {
            stage.create_namespace(namespace).await?;
        }
        Ok(stage)
    }

    /// Starts Kargo for the first time, or again with empty git caches.
    pub(crate) async fn start_kargo(&mut self) -> Result<()> {
        self.starts += 1;
        let cache = self.folder.path().join(format!("cache-{}", self.starts));
        let mut kargo = KargoProcess::start(Settings { cache, ..self.settings.clone() })?;
        kargo.wait_until_ready(READY).await?;
        self.kargo = Some(kargo);
        Ok(())
    }

    /// The running Kargo.
    pub(crate) fn kargo(&mut self) -> Result<&mut KargoProcess> {
        self.kargo.as_mut().context("Kargo was not started")
    }

    /// Its process.
    pub(crate) fn kargo_id(&self) -> u32 {
        self.kargo.as_ref().map(KargoProcess::id).unwrap_or_default()
    }

    /// Ends Kargo, removes a namespace with all that is in it, and starts Kargo again.
    pub(crate) async fn begin_anew(&mut self, namespace: &str) -> Result<()> {
        self.kargo = None;
        self.remove_namespace(namespace).await?;
        self.start_kargo().await
    }

    /// Creates a namespace.
    pub(crate) async fn create_namespace(&self, name: &str) -> Result<()> {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.objects.apply("", &namespace).await.map(drop)
    }

    /// Removes a namespace with all that is in it, and waits until it is gone.
    pub(crate) async fn remove_namespace(&self, name: &str) -> Result<()> {
        self.objects.delete("", "Namespace", name).await?;
        until(&format!("namespace {name} is gone"), CLEANED, async || {
            Ok(self.objects.get("", "Namespace", name).await?.is_none().then_some(()))
        })
        .await
    }

    /// The repositories that broken apps name.
    pub(crate) fn urls(&self) -> (String, String, String) {
        let working = self.repository.url().to_owned();
        (working, self.git.url("bench/nowhere.git"), self.git.url(SILENT))
    }

    /// What was asked of the server of the apps' repository.
    pub(crate) fn git_requests(&self) -> u64 {
        self.git.traffic(APPS).requests
    }

    /// The cluster, and the name by which its API server knows Kargo and the floor.
    pub(crate) fn audit(&self) -> (&Cluster, &str) {
        (&self.cluster, &self.user)
    }

    /// The end of the controller's log.
    pub(crate) fn log_tail(&self) -> String {
        self.kargo.as_ref().map(|kargo| kargo.log_tail(20)).unwrap_or_default()
    }
}
