//! A real Kubernetes control plane on loopback.
//!
//! [`Cluster::shared`] is one for all tests of a process, [`Cluster::start`] one of your own.
//! Both build its programs on first use ([`binaries`]) and start in a few seconds. What is no
//! real cluster about it: no pod runs (kwok says that they do, see [`stages`]), and nothing
//! routes to Services.
//!
//! - [`credentials`]: certificates, tokens, kubeconfigs, all made at start.
//! - `instance`: the processes and their flags.
//! - [`audit`]: what was asked of the API server, and by whom.
//! - [`kept`]: one control plane that stays up in the background for people.

pub mod audit;
pub mod binaries;
pub mod credentials;
mod instance;
pub mod kept;
pub mod stages;

use std::env;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{Api, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use self::audit::AuditEvent;
use self::binaries::Binaries;
use self::instance::Instance;
use self::stages::Addresses;

/// The environment variable with the kubeconfig of a cluster that the tests shall use instead of
/// starting one. Its audit log, if a test needs it, is `audit.log` beside the file.
pub const KUBECONFIG_VARIABLE: &str = "KARGO_TEST_KUBECONFIG";

/// The `StorageClass` of claims that name none.
pub const STORAGE_CLASS: &str = "standard";

/// How long a control plane may take to become ready; usually it is a few seconds.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// How often a start is tried when somebody else takes a port at the wrong moment.
const ATTEMPTS: u32 = 3;

/// How a control plane is set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Keep an audit log.
    pub audit: bool,
    /// Who gets an address.
    pub addresses: Addresses,
}

/// A control plane that can be talked to.
#[derive(Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    audit_log: PathBuf,
    instance: Option<Instance>,
}

impl Cluster {
    /// Starts one. It ends with the value that is returned, and with this process at the latest.
    pub async fn start(options: Options) -> Result<Self> {
        let binaries = tokio::task::spawn_blocking(Binaries::provide).await??;
        let mut attempt = 1;
        loop {
            match Self::try_start(binaries.clone(), options).await {
                Err(error) if attempt < ATTEMPTS && is_port_taken(&error) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// The control plane that all tests of this process share, with an audit log; or the one
    /// that `KARGO_TEST_KUBECONFIG` names.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| async {
                match env::var_os(KUBECONFIG_VARIABLE).filter(|path| !path.is_empty()) {
                    Some(kubeconfig) => Self::attach(Path::new(&kubeconfig)).await,
                    None => Self::start(Options { audit: true, ..Options::default() }).await,
                }
            })
            .await
    }

    /// The cluster of a kubeconfig that somebody else runs.
    pub async fn attach(kubeconfig: &Path) -> Result<Self> {
        let binaries = tokio::task::spawn_blocking(Binaries::provide_kubectl).await??;
        let cluster = Self {
            kubeconfig: kubeconfig.to_owned(),
            kubectl: binaries.path("kubectl"),
            audit_log: kubeconfig.with_file_name("audit.log"),
            instance: None,
        };
        let client = cluster.client().await?;
        timeout(Duration::from_secs(10), client.apiserver_version())
            .await
            .context("the API server does not answer")?
            .with_context(|| {
                format!("the cluster of {} cannot be reached", kubeconfig.display())
            })?;
        Ok(cluster)
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The folder with the logs of its processes; none for a cluster that somebody else runs.
    pub fn logs(&self) -> Option<&Path> {
        self.instance.as_ref().map(Instance::logs)
    }

    /// A client of its own for the calling runtime. A client does not outlive the runtime in
    /// which it was made, so tests do not share one.
    pub async fn client(&self) -> Result<kube::Client> {
        client(&self.kubeconfig).await
    }

    /// `kubectl` as administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// What `user` asked of the API server so far, oldest first.
    pub fn audit_of(&self, user: &str) -> Result<Vec<AuditEvent>> {
        audit::read(&self.audit_log, user)
    }

    /// The file of the audit log.
    pub fn audit_log(&self) -> &Path {
        &self.audit_log
    }

    async fn try_start(binaries: Binaries, options: Options) -> Result<Self> {
        let kubectl = binaries.path("kubectl");
        let mut instance = Instance::start(binaries, options)?;
        let kubeconfig = instance.write_kubeconfig()?;
        let logs = instance.logs().to_owned();
        make_ready(&mut instance, &kubeconfig, options).await.with_context(|| {
            format!("the control plane did not start; its logs are in {}", logs.display())
        })?;
        let audit_log = instance.audit_log();
        Ok(Self { kubeconfig, kubectl, audit_log, instance: Some(instance) })
    }
}

/// A client for a kubeconfig that does not try again on its own: tests see what happens.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let file = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("{} cannot be read", kubeconfig.display()))?;
    let mut config =
        kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    config.default_retry = false;
    Ok(kube::Client::try_from(config)?)
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains("address already in use")
}

async fn make_ready(instance: &mut Instance, kubeconfig: &Path, options: Options) -> Result<()> {
    let client = client(kubeconfig).await?;
    until(instance, "the API server is ready", || async {
        let request = http_get("/readyz")?;
        Ok(client.request_text(request).await.is_ok())
    })
    .await?;
    instance.start_controllers(options)?;
    create_node_and_storage(&client).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    until(instance, "pods can be made in the namespace default", || async {
        Ok(accounts.get_opt("default").await?.is_some())
    })
    .await?;
    let nodes: Api<Node> = Api::all(client.clone());
    until(instance, "the node takes pods", || async {
        Ok(nodes.get_opt(NODE).await?.is_some_and(|node| takes_pods(&node)))
    })
    .await
}

const NODE: &str = "node-1";

async fn create_node_and_storage(client: &kube::Client) -> Result<()> {
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": {
            "kubernetes.io/hostname": NODE,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
        }},
    });
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
    });
    let apply = PatchParams::apply("kargo-tests");
    Api::<Node>::all(client.clone()).patch(NODE, &apply, &Patch::Apply(node)).await?;
    Api::<k8s_openapi::api::storage::v1::StorageClass>::all(client.clone())
        .patch(STORAGE_CLASS, &apply, &Patch::Apply(class))
        .await?;
    Ok(())
}

fn takes_pods(node: &Node) -> bool {
    let status = node.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    taints.is_empty()
        && conditions.iter().any(|each| each.type_ == "Ready" && each.status == "True")
}

/// Asks until the answer is yes. A process that ends meanwhile is an error at once.
async fn until<F>(instance: &mut Instance, what: &str, mut ask: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let start = Instant::now();
    loop {
        let outcome = match timeout(Duration::from_secs(5), ask()).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => "not yet".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "no answer within 5 s".to_owned(),
        };
        instance.check()?;
        if start.elapsed() > START_DEADLINE {
            bail!("waited {} s until {what}: {outcome}", START_DEADLINE.as_secs());
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn http_get(path: &str) -> Result<axum::http::Request<Vec<u8>>> {
    Ok(axum::http::Request::get(path).body(Vec::new())?)
}
