//! helm as these tests run it: our version, without anybody's configuration.

use std::path::{Path, PathBuf};
use std::process::Command;

use kargo_tests::cluster::Cluster;
use kargo_tests::folders;
use kargo_tests::helm::{CHART, provide};
use tempfile::TempDir;

/// helm, with a home of its own.
pub(crate) struct Helm {
    program: PathBuf,
    home: TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// For what needs no cluster.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { program: provide().expect("helm can be built"), home, kubeconfig: None }
    }

    /// For what is installed into `cluster`.
    pub(crate) fn on(cluster: &Cluster) -> Self {
        Self { kubeconfig: Some(cluster.kubeconfig().to_owned()), ..Self::new() }
    }

    /// Runs helm in the root of the checkout: what it printed, or what it complained about.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let home = self.home.path();
        let mut command = Command::new(&self.program);
        command
            .current_dir(folders::workspace())
            .args(arguments)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            .env("KUBECONFIG", self.kubeconfig.as_deref().unwrap_or(Path::new("/dev/null")));
        let output = command.output().expect("helm starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Renders the chart with these values, each as `name=value`.
    pub(crate) fn template(&self, values: &[&str]) -> Result<String, String> {
        let mut arguments = vec!["template", "kargo", CHART, "--namespace", "kargo-system"];
        for value in values {
            arguments.extend(["--set", value]);
        }
        self.run(&arguments)
    }
}
