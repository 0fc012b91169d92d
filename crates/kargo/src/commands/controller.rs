//! `kargo controller`: arguments, logs, signals; the rest is in the room `kargo-controller`.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use clap::ValueEnum;
use kargo_controller::{
    cluster::identity::{Identities, ServiceAccount},
    lease::Timing,
    settings::{DefaultTargetNamespace, Lease, Settings, Webhooks},
};
use kargo_git::Policy;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Runs until SIGTERM or SIGINT. Inside a cluster it uses the `ServiceAccount` of its pod; outside, the
/// kubeconfig of `--kubeconfig` or `KUBECONFIG`.
#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Arguments {
    /// The name of this installation; several can share a cluster under different names.
    #[arg(long, env = "KARGO_INSTALLATION", default_value = "kargo", value_parser = label_value)]
    installation: String,

    /// The namespace that Kargo lives in; its inventory is kept there.
    #[arg(long, env = "KARGO_NAMESPACE", default_value = "kargo-system", value_parser = label_value)]
    namespace: String,

    /// Serve only the `KargoApps` of this namespace; may be given several times. Without it, all are served.
    #[arg(long = "watch-namespace", env = "KARGO_WATCH_NAMESPACES", value_delimiter = ',', value_parser = label_value)]
    watch_namespaces: Vec<String>,

    /// Where objects go if the `KargoApp` has no targetNamespace: where the repository says (`source`), or all
    /// to the namespace of the `KargoApp` (`app`).
    #[arg(long, env = "KARGO_DEFAULT_TARGET_NAMESPACE", value_enum, default_value = "source")]
    default_target_namespace: TargetNamespace,

    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, env = "KARGO_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// Where webhooks of forges are taken, as `POST /hooks/<provider>`, such as `0.0.0.0:8090`. Without it, nobody
    /// can tell Kargo of a push, and it asks at the interval of each app.
    #[arg(long, env = "KARGO_WEBHOOK_LISTEN")]
    webhook_listen: Option<SocketAddr>,

    /// A file with the secret that webhooks are signed by, for all apps that have no webhookSecretRef.
    #[arg(long, env = "KARGO_WEBHOOK_SECRET_FILE", requires = "webhook_listen")]
    webhook_secret_file: Option<PathBuf>,

    /// The only hosts that repositories may be on, such as `github.com` or `*.example.com`; may be given several
    /// times. Without it, all hosts may be asked.
    #[arg(long = "allow-git-host", env = "KARGO_ALLOW_GIT_HOSTS", value_delimiter = ',')]
    allow_git_hosts: Vec<String>,

    /// Addresses that no repository may be on, such as those of the cluster's own services: 10.96.0.0/12; may be
    /// given several times.
    #[arg(long = "refuse-git-address", env = "KARGO_REFUSE_GIT_ADDRESSES", value_delimiter = ',')]
    refuse_git_addresses: Vec<kargo_git::policy::Range>,

    /// How much a git server may take from us, in place of the defaults that docs/reference.md lists:
    /// `pack-bytes=1Gi`, `fetch-timeout=10m`; may be given several times.
    #[arg(long = "git-limit", env = "KARGO_GIT_LIMITS", value_delimiter = ',', value_name = "NAME=VALUE", value_parser = git_limit)]
    git_limits: Vec<String>,

    /// Let repositories be on link-local addresses, where clouds hand out credentials of the node.
    #[arg(long, env = "KARGO_ALLOW_LINK_LOCAL")]
    allow_link_local: bool,

    /// Let credentials for git travel over http://, readable for everybody on the way.
    #[arg(long, env = "KARGO_ALLOW_CREDENTIALS_IN_CLEAR")]
    allow_credentials_in_clear: bool,

    /// The folder of the git caches. It may be empty at every start.
    #[arg(long, env = "KARGO_CACHE", default_value = "/var/cache/kargo")]
    cache: PathBuf,

    /// Deploy `KargoApps` without a serviceAccountName as the `ServiceAccount` of this name in their own namespace,
    /// and not as Kargo itself.
    #[arg(long, env = "KARGO_DEFAULT_SERVICE_ACCOUNT", value_parser = account_name)]
    default_service_account: Option<String>,

    /// Deploy no `KargoApp` as Kargo itself: whatever is outside of its namespace, or of none, it can touch only if
    /// its `ServiceAccount` may. Without one it is refused.
    #[arg(long, env = "KARGO_NO_CROSS_NAMESPACE")]
    no_cross_namespace: bool,

    /// The name of this process among those of the installation, such as that of its pod. No two that run at the
    /// same time may have the same. Without it, it is made up.
    #[arg(long, env = "KARGO_IDENTITY", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    identity: Option<String>,

    /// Write without holding the Lease. Only where nothing else can start a second process.
    #[arg(long, env = "KARGO_NO_LEASE")]
    no_lease: bool,

    /// After so many seconds without a sign of life of the process that writes, another one may take over.
    #[arg(long, env = "KARGO_LEASE_SECONDS", default_value = "30")]
    lease_seconds: u64,

    /// The kubeconfig to use outside of a cluster.
    #[arg(long, env = "KUBECONFIG")]
    kubeconfig: Option<PathBuf>,

    /// How logs are written: for people or for machines.
    #[arg(long, env = "KARGO_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,

    /// What is logged: a level (error, warn, info, debug, trace), or targets with levels as in `kargo_git=debug,info`.
    #[arg(long, env = "KARGO_LOG", default_value = "info")]
    log: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum TargetNamespace {
    Source,
    App,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    start_logs(arguments.log_format, &arguments.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let result = runtime.block_on(serve(arguments));
    // A git fetch that is stuck in a blocking thread does not hold the process.
    runtime.shutdown_background();
    result
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.cancel();
    });
    let config = configuration(arguments.kubeconfig.as_deref()).await?;
    let mut git_limits = kargo_git::Limits::default();
    for limit in &arguments.git_limits {
        git_limits.set(limit).with_context(|| format!("--git-limit {limit}"))?;
    }
    let settings = Settings {
        installation: arguments.installation,
        namespace: arguments.namespace,
        watch_namespaces: arguments.watch_namespaces,
        default_target_namespace: match arguments.default_target_namespace {
            TargetNamespace::Source => DefaultTargetNamespace::Source,
            TargetNamespace::App => DefaultTargetNamespace::App,
        },
        listen: arguments.listen,
        git_policy: Policy {
            allow_link_local: arguments.allow_link_local,
            allow_credentials_in_clear: arguments.allow_credentials_in_clear,
            allowed_hosts: arguments
                .allow_git_hosts
                .iter()
                .map(|host| host.to_lowercase())
                .collect(),
            refused_addresses: arguments.refuse_git_addresses,
        },
        git_limits,
        webhooks: arguments
            .webhook_listen
            .map(|listen| Webhooks { listen, secret_file: arguments.webhook_secret_file }),
        cache_folder: arguments.cache,
        identities: Identities {
            default_account: arguments.default_service_account,
            account_required: arguments.no_cross_namespace,
        },
        lease: Lease {
            is_used: !arguments.no_lease,
            identity: arguments.identity.unwrap_or_else(made_up_identity),
            timing: Timing::of(Duration::from_secs(arguments.lease_seconds))
                .context("--lease-seconds cannot be used")?,
        },
    };
    kargo_controller::run(settings, config, stop).await
}

async fn configuration(kubeconfig: Option<&std::path::Path>) -> anyhow::Result<kube::Config> {
    let Some(path) = kubeconfig else {
        return kube::Config::infer()
            .await
            .context("no cluster to work on: give --kubeconfig, or run in a pod");
    };
    let file = kube::config::Kubeconfig::read_from(path)
        .with_context(|| format!("the kubeconfig {} cannot be read", path.display()))?;
    kube::Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default())
        .await
        .with_context(|| format!("the kubeconfig {} cannot be used", path.display()))
}

fn start_logs(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!("--log {filter} is not a level or a list of targets with levels")
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr())
        && std::env::var_os("NO_COLOR").is_none();
    match format {
        LogFormat::Text => {
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(colour)
                .with_target(false);
            registry.with(layer).init();
        }
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .json()
                .flatten_event(true);
            registry.with(layer).init();
        }
    }
    Ok(())
}

/// Unique without any help: the process, and a number that no other one has.
fn made_up_identity() -> String {
    let chance = RandomState::new().build_hasher().finish();
    format!("kargo-{}-{chance:016x}", std::process::id())
}

fn account_name(text: &str) -> Result<String, String> {
    match ServiceAccount::new("default", text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("must be the name of a ServiceAccount, without its namespace".to_owned()),
    }
}

/// A limit with a name that exists and a value that fits.
fn git_limit(text: &str) -> Result<String, kargo_git::limits::LimitError> {
    kargo_git::Limits::default().set(text).map(|()| text.to_owned())
}

/// Names that become labels or namespaces.
fn label_value(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inside = |byte: u8| letter(byte) || byte == b'-';
    let bytes = text.as_bytes();
    let ends =
        bytes.first().copied().is_some_and(letter) && bytes.last().copied().is_some_and(letter);
    if ends && bytes.len() <= 63 && bytes.iter().copied().all(inside) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 63 lower case letters, digits and hyphens, beginning and ending with a letter or digit".to_owned())
    }
}
