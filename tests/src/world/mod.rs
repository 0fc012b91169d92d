//! A world of its own for one test: namespaces, a git server, a repository and a controller,
//! beside those of all other tests on the same control plane.
//!
//! What is asked of a world panics when it cannot be had, as an assertion does: with a message
//! that says what was waited for. When a test panics, its world prints what people would look
//! at: the apps, their Events, and the end of the controller's log.
//!
//! - `pushes`, `apps`, `live`: what a developer, a user of Kargo and somebody with kubectl do.
//! - `evidence`: what the controller did, by the API server's own account.
//! - `report`: what is printed after a failure.
//! - [`app`]: questions to the status of a `KargoApp`.
//! - [`objects`]: objects of the cluster as JSON.
//! - [`wait`]: waiting with a deadline.
//! - [`identity`]: the controller's `ServiceAccount`.

pub mod app;
mod apps;
mod evidence;
pub mod identity;
mod live;
pub mod objects;
mod pushes;
mod report;
pub mod wait;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use self::objects::Objects;
use self::wait::wait_for;
use crate::cluster::Cluster;
use crate::folders::{self, RunFolder};
use crate::git_server::GitServer;
use crate::kargo_process::{self, KargoProcess, Settings};
use crate::repository::Repository;

/// How long anything may take that is not slow by its nature. Generous, as tests run side by
/// side on small machines; nobody waits for it but a test that fails.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// The name of the repository that every world has.
pub const REPOSITORY: &str = "team-a/shop.git";

/// The poll interval of the apps of tests: the shortest that the CRD admits.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Everything that one test needs.
pub struct World {
    /// The namespace of the test's apps; also the name of the installation.
    pub namespace: String,
    /// The namespace of Kargo's own objects.
    pub system_namespace: String,
    /// The git server.
    pub git: GitServer,
    /// A clone of its repository [`REPOSITORY`].
    pub repository: Repository,
    /// Objects of the cluster, as an administrator sees them.
    pub objects: Objects,
    client: kube::Client,
    cluster: &'static Cluster,
    controller: Option<KargoProcess>,
    folder: PathBuf,
}

impl World {
    /// A world with an empty repository and a ready controller. `name` becomes part of the
    /// namespace; it says what is tested.
    pub async fn new(name: &str) -> Self {
        let mut world = Self::without_controller(name).await;
        world.start_controller(&[]).await;
        world
    }

    /// A world in which no controller runs yet.
    pub async fn without_controller(name: &str) -> Self {
        Self::create(name).await.unwrap_or_else(|error| panic!("no world for {name}: {error:#}"))
    }

    async fn create(name: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let cluster = Cluster::shared().await?;
        let client = cluster.client().await?;
        install_crd(&client).await?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("{name}-{:x}-{number}", std::process::id());
        let system_namespace = format!("{namespace}-system");
        let objects = Objects::new(client.clone());
        for namespace in [&namespace, &system_namespace] {
            objects.apply("", &namespace_object(namespace)).await?;
        }
        let folder = RunFolder::shared()?.path().join(&namespace);
        folders::create_private(&folder)?;
        identity::create(
            &client,
            cluster.kubeconfig(),
            &system_namespace,
            "cluster-admin",
            &folder.join("kubeconfig"),
        )
        .await?;
        let git = GitServer::start()?;
        let repository = Repository::new(&git.create_repository(REPOSITORY)?)?;
        Ok(Self {
            namespace,
            system_namespace,
            git,
            repository,
            objects,
            client,
            cluster,
            controller: None,
            folder,
        })
    }

    /// The cluster.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// A client with the rights of an administrator.
    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    /// The name of this world's installation of Kargo.
    pub fn installation(&self) -> &str {
        &self.namespace
    }

    /// Starts the controller with more flags than usual and waits until it is ready.
    pub async fn start_controller(&mut self, flags: &[&str]) {
        let settings = self.settings(flags);
        self.start(settings).await;
    }

    /// Starts another binary than that of the tests as the controller, and waits until it is ready.
    pub async fn start_program(&mut self, program: PathBuf) {
        let settings = self.settings_of(program, &[]);
        self.start(settings).await;
    }

    async fn start(&mut self, settings: Settings) {
        /// How often a start is tried when somebody else takes its port at the wrong moment.
        const ATTEMPTS: u32 = 3;
        for attempt in 1..=ATTEMPTS {
            let controller = KargoProcess::start(settings.clone())
                .unwrap_or_else(|error| panic!("the controller does not start: {error:#}"));
            let controller = self.controller.insert(controller);
            match controller.wait_until_ready(DEADLINE).await {
                Ok(()) => return,
                Err(error)
                    if attempt < ATTEMPTS
                        && format!("{error:#}").contains("Address already in use") => {}
                Err(error) => panic!("{error:#}"),
            }
        }
    }

    /// How the controller of this world is started.
    pub fn settings(&self, flags: &[&str]) -> Settings {
        self.settings_of(must(kargo_process::binary(), "find the binary kargo"), flags)
    }

    fn settings_of(&self, program: PathBuf, flags: &[&str]) -> Settings {
        Settings {
            program,
            installation: self.installation().to_owned(),
            system_namespace: self.system_namespace.clone(),
            watch_namespaces: vec![self.namespace.clone()],
            cache: self.folder.join("cache"),
            kubeconfig: self.folder.join("kubeconfig"),
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            environment: Vec::new(),
            log: self.folder.join("controller.log"),
        }
    }

    /// The kubeconfig that the controller is started with.
    pub fn controller_kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The controller.
    pub fn controller(&mut self) -> &mut KargoProcess {
        self.controller.as_mut().expect("the test has started a controller")
    }

    /// Creates one more namespace, whose name starts with the world's.
    pub async fn create_namespace(&self, suffix: &str) -> String {
        let name = format!("{}-{suffix}", self.namespace);
        must(self.objects.apply("", &namespace_object(&name)).await, "create a namespace");
        name
    }
}

/// Unwraps what has to work for the test to go on.
fn must<T, E: Into<anyhow::Error>>(result: Result<T, E>, what: &str) -> T {
    result.map_err(Into::into).unwrap_or_else(|error| panic!("failed to {what}: {error:#}"))
}

fn namespace_object(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// Installs the custom resource definition, once in a process.
async fn install_crd(client: &kube::Client) -> Result<()> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let install = async || {
        let objects = Objects::new(client.clone());
        let crd = serde_json::to_value(kargo_api::crd())?;
        objects.apply("", &crd).await.context("the CRD of KargoApp is refused")?;
        wait_for("the CRD of KargoApp is established", DEADLINE, async || {
            let crd = objects
                .get("", "CustomResourceDefinition", "kargoapps.kargo.krampoline.io")
                .await?
                .unwrap_or_default();
            let conditions = crd["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let established = conditions
                .iter()
                .any(|each| each["type"] == "Established" && each["status"] == "True");
            Ok(established.then_some(()))
        })
        .await;
        Ok(())
    };
    INSTALLED.get_or_try_init(install).await.copied()
}
