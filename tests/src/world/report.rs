//! What people look at: kubectl, and after a failure the state of the world.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{World, identity};
use crate::cluster::KUBECONFIG_VARIABLE;

impl World {
    /// `kubectl` as administrator, in the world's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = self.cluster.kubectl();
        command.args(["--namespace", &self.namespace]).args(arguments);
        command
    }

    /// Runs `kubectl` and returns what it printed.
    pub fn run_kubectl(&self, arguments: &[&str]) -> Result<String> {
        let output = self.kubectl(arguments).output().context("kubectl cannot be started")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        anyhow::ensure!(
            output.status.success(),
            "`kubectl {}` failed: {}{}",
            arguments.join(" "),
            text(&output.stdout),
            text(&output.stderr)
        );
        Ok(text(&output.stdout))
    }

    #[expect(clippy::print_stderr, reason = "cargo test shows it with the failed test")]
    fn report(&self) {
        eprintln!("\n=== What the world {} looked like ===", self.namespace);
        for arguments in [
            &["get", "kargoapps", "--output", "yaml"][..],
            &["get", "events", "--sort-by", ".lastTimestamp"],
            &["get", "deployments,statefulsets,pods,services,ingresses,configmaps"],
        ] {
            eprintln!("--- kubectl {}", arguments.join(" "));
            match self.run_kubectl(arguments) {
                Ok(text) => eprintln!("{text}"),
                Err(error) => eprintln!("{error:#}"),
            }
        }
        if let Some(controller) = &self.controller {
            eprintln!("--- the end of the controller's log\n{}", controller.log_tail(60));
        }
        eprintln!("--- all of it is in {}", self.folder.display());
        if let Some(logs) = self.cluster.logs() {
            eprintln!("--- the logs of the control plane are in {}", logs.display());
        }
    }

    /// A cluster that is used again shall not keep what a test left in it.
    fn clean_up(&self) {
        let binding = identity::binding_name(&self.system_namespace);
        let _ = self
            .kubectl(&["delete", "--wait=false", "--ignore-not-found", "namespace"])
            .args([&self.namespace, &self.system_namespace])
            .output();
        let _ = self.kubectl(&["delete", "clusterrolebinding", &binding]).output();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.report();
            return;
        }
        drop(self.controller.take());
        let _ = fs::remove_dir_all(&self.folder);
        if std::env::var_os(KUBECONFIG_VARIABLE).is_some() {
            self.clean_up();
        }
    }
}
