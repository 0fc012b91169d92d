//! One control plane as a group of processes: etcd, the API server, the controllers, the
//! scheduler and kwok.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::Options;
use super::binaries::Binaries;
use super::credentials::{Credentials, User};
use super::stages::address_stages;
use crate::folders::RunFolder;
use crate::go_tools::tail;
use crate::ports;
use crate::supervisor::Supervisor;

/// Requests per second that Kubernetes' own controllers may send, so that they are never what a
/// test waits for.
const CONTROLLER_LIMITS: [&str; 2] = ["--kube-api-qps=500", "--kube-api-burst=1000"];

/// What the audit log holds: every request but those of the control plane's own parts. Of a DELETE
/// the body too: its preconditions are what makes it safe.
const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
    {"level": "None", "users": [
      "kwok", "system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]},
    {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version"]},
    {"level": "Request", "verbs": ["delete"]},
    {"level": "Metadata"}
  ]
}
"#;

/// The running processes. They are killed, and their data is removed, when this value goes; the
/// logs stay.
#[derive(Debug)]
pub(crate) struct Instance {
    binaries: Binaries,
    credentials: Credentials,
    data: PathBuf,
    logs: PathBuf,
    port: u16,
    processes: Vec<(&'static str, Child)>,
    supervisor: Supervisor,
    _folder: RunFolder,
}

impl Instance {
    /// Starts etcd and the API server. They are not ready yet.
    pub(crate) fn start(binaries: Binaries, options: Options) -> Result<Self> {
        let folder = RunFolder::create("cluster")?;
        let data = folder.path().join("data");
        let logs = folder.path().join("logs");
        fs::create_dir(&data)?;
        fs::create_dir(&logs)?;
        let credentials = Credentials::create(&data.join("credentials"))?;
        let supervisor = Supervisor::start(&[&data])?;
        let [client, peer, port] = ports::free()?;
        let mut instance = Self {
            binaries,
            credentials,
            data,
            logs,
            port,
            processes: Vec::new(),
            supervisor,
            _folder: folder,
        };
        instance.start_etcd(client, peer)?;
        instance.start_api_server(client, options)?;
        Ok(instance)
    }

    /// Starts what needs a ready API server. Earlier, its parts would be refused and wait.
    pub(crate) fn start_controllers(&mut self, options: Options) -> Result<()> {
        self.start_controller_manager()?;
        self.start_scheduler()?;
        self.start_kwok(options)
    }

    pub(crate) fn write_kubeconfig(&self) -> Result<PathBuf> {
        self.credentials.write_kubeconfig(User::Admin, self.port)
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.logs.join("audit.log")
    }

    /// An error when one of the processes is gone, with the end of its log.
    pub(crate) fn check(&mut self) -> Result<()> {
        for (name, process) in &mut self.processes {
            if let Some(status) = process.try_wait()? {
                let log = self.logs.join(format!("{name}.log"));
                bail!(
                    "{name} ended ({status}); the end of its log {}:\n{}",
                    log.display(),
                    tail(&log, 12)
                );
            }
        }
        Ok(())
    }

    fn start_etcd(&mut self, client: u16, peer: u16) -> Result<()> {
        let client = format!("http://127.0.0.1:{client}");
        let peer = format!("http://127.0.0.1:{peer}");
        let mut command = Command::new(self.binaries.path("etcd"));
        command
            .arg("--data-dir")
            .arg(self.data.join("etcd"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            // Nothing here has to survive a power cut.
            .args(["--unsafe-no-fsync", "--log-level", "warn"]);
        self.spawn("etcd", command)
    }

    fn start_api_server(&mut self, etcd: u16, options: Options) -> Result<()> {
        let mut command = Command::new(self.binaries.path("kube-apiserver"));
        let credentials = &self.credentials;
        command
            .arg(format!("--etcd-servers=http://127.0.0.1:{etcd}"))
            .arg(format!("--secure-port={}", self.port))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            // The reconciler refuses to publish a loopback address as an endpoint.
            .arg("--endpoint-reconciler-type=none")
            .arg("--authorization-mode=RBAC")
            .arg("--allow-privileged=true")
            .arg("--profiling=false")
            .arg("--service-cluster-ip-range=10.96.0.0/16")
            .arg("--service-account-issuer=https://kubernetes.default.svc");
        for (flag, path) in [
            ("--tls-cert-file", credentials.server_certificate()),
            ("--tls-private-key-file", credentials.server_key()),
            ("--token-auth-file", credentials.tokens()),
            ("--service-account-key-file", credentials.account_public_key()),
            ("--service-account-signing-key-file", credentials.account_key()),
        ] {
            command.arg(flag).arg(path);
        }
        if options.audit {
            let policy = self.data.join("audit-policy.json");
            fs::write(&policy, AUDIT_POLICY)?;
            command.arg("--audit-policy-file").arg(policy);
            command.arg("--audit-log-path").arg(self.audit_log());
        }
        self.spawn("kube-apiserver", command)
    }

    fn start_controller_manager(&mut self) -> Result<()> {
        let mut command = Command::new(self.binaries.path("kube-controller-manager"));
        let credentials = &self.credentials;
        command
            .arg("--kubeconfig")
            .arg(credentials.write_kubeconfig(User::ControllerManager, self.port)?)
            .arg("--service-account-private-key-file")
            .arg(credentials.account_key())
            .arg("--root-ca-file")
            .arg(credentials.authority_file())
            .args(["--use-service-account-credentials=true", "--enable-hostpath-provisioner=true"])
            // kwok's fast Stages send no heartbeats.
            .args(["--node-monitor-grace-period=8760h"])
            .args(["--leader-elect=false", "--secure-port=0", "--profiling=false"])
            .args(CONTROLLER_LIMITS);
        self.spawn("kube-controller-manager", command)
    }

    fn start_scheduler(&mut self) -> Result<()> {
        let mut command = Command::new(self.binaries.path("kube-scheduler"));
        command
            .arg("--kubeconfig")
            .arg(self.credentials.write_kubeconfig(User::Scheduler, self.port)?)
            .args(["--leader-elect=false", "--secure-port=0", "--profiling=false"])
            .args(CONTROLLER_LIMITS);
        self.spawn("kube-scheduler", command)
    }

    fn start_kwok(&mut self, options: Options) -> Result<()> {
        let addresses = self.data.join("address-stages.yaml");
        fs::write(&addresses, address_stages(options.addresses))?;
        let mut command = Command::new(self.binaries.path("kwok"));
        command
            .arg("--kubeconfig")
            .arg(self.credentials.write_kubeconfig(User::Kwok, self.port)?)
            .args(["--manage-all-nodes=true", "--node-ip=127.0.0.1"])
            .arg("--config")
            .arg(self.binaries.stages())
            .arg("--config")
            .arg(addresses);
        self.spawn("kwok", command)
    }

    fn spawn(&mut self, name: &'static str, mut command: Command) -> Result<()> {
        let log = File::create(self.logs.join(format!("{name}.log")))?;
        command
            .current_dir(&self.data)
            // Everything is on loopback; a proxy of the environment would only be in the way.
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("no_proxy", "127.0.0.1,localhost")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = self
            .supervisor
            .spawn(&mut command)
            .with_context(|| format!("{name} cannot be started"))?;
        self.processes.push((name, child));
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        for (_, process) in &mut self.processes {
            let _ = process.kill();
        }
        for (_, process) in &mut self.processes {
            let _ = process.wait();
        }
    }
}
