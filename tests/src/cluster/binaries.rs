//! The programs of the control plane: prebuilt ones where there are some, else our own build.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::go_tools::{Module, Program, required_version};

const MODULE: &str = "control-plane";
const KUBERNETES: &str = "k8s.io/kubernetes";
const KWOK: &str = "sigs.k8s.io/kwok";

/// Small ones first: whoever waits sees early that it moves.
const PROGRAMS: [Program; 6] = [
    Program { name: "etcd", package: "go.etcd.io/etcd/server/v3" },
    Program { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" },
    Program { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
    Program { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
    Program {
        name: "kube-controller-manager",
        package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    },
    Program { name: "kwok", package: "sigs.k8s.io/kwok/cmd/kwok" },
];

/// The folders of kwok's module whose Stages let nodes and pods become ready at once.
const STAGES: [&str; 2] = ["kustomize/stage/node/fast", "kustomize/stage/pod/fast"];

/// The file with all of them, beside the programs.
const STAGES_FILE: &str = "stages.yaml";

/// Where the programs of the control plane are: the folders to look into, in this order.
#[derive(Debug, Clone)]
pub struct Binaries {
    folders: Vec<PathBuf>,
}

impl Binaries {
    /// Finds the programs, and builds what is missing: about twelve minutes the first time.
    ///
    /// `KUBEBUILDER_ASSETS` names a folder with prebuilt ones; those come first, and only what
    /// that folder lacks is built.
    pub fn provide() -> Result<Self> {
        let mut files: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
        files.push(STAGES_FILE);
        Self::provide_files(&files, "about 12 minutes on two cores")
    }

    /// The same for `kubectl` alone, for a control plane that somebody else runs.
    pub fn provide_kubectl() -> Result<Self> {
        Self::provide_files(&["kubectl"], "about 2 minutes on two cores")
    }

    /// The path of one program.
    pub fn path(&self, name: &str) -> PathBuf {
        let paths: Vec<PathBuf> = self.folders.iter().map(|folder| folder.join(name)).collect();
        paths.iter().find(|path| path.is_file()).or(paths.last()).cloned().unwrap_or_default()
    }

    /// kwok's own Stages for nodes and pods, as one YAML stream.
    pub fn stages(&self) -> PathBuf {
        self.path(STAGES_FILE)
    }

    fn provide_files(files: &[&str], duration: &str) -> Result<Self> {
        let mut folders: Vec<PathBuf> = prebuilt_folder()?.into_iter().collect();
        let is_there = |file: &str| folders.iter().any(|folder| folder.join(file).is_file());
        let missing: Vec<&str> = files.iter().copied().filter(|file| !is_there(file)).collect();
        // Nobody needs Go who has everything.
        if !missing.is_empty() {
            let module = Module::open(MODULE, linker_flags()?)?;
            let programs: Vec<Program> =
                PROGRAMS.into_iter().filter(|program| missing.contains(&program.name)).collect();
            module.build(&programs, duration)?;
            if missing.contains(&STAGES_FILE) {
                provide_stages(&module)?;
            }
            folders.push(module.cache().to_owned());
        }
        Ok(Self { folders })
    }
}

fn prebuilt_folder() -> Result<Option<PathBuf>> {
    let Some(folder) = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()) else {
        return Ok(None);
    };
    let folder = PathBuf::from(folder);
    if !folder.is_dir() {
        bail!(
            "KUBEBUILDER_ASSETS names {}, which is not a folder; correct it, or unset it to build the control plane from source",
            folder.display()
        );
    }
    Ok(Some(folder))
}

/// Without a version set at link time, kubectl and others refuse to talk to the server.
fn linker_flags() -> Result<String> {
    let version = required_version(MODULE, KUBERNETES)?;
    let mut parts = version.trim_start_matches('v').split('.');
    let (Some(major), Some(minor)) = (parts.next(), parts.next()) else {
        bail!("go.mod requires {KUBERNETES} in version {version}, which is not a release");
    };
    let values = [
        ("gitVersion", version.as_str()),
        ("gitMajor", major),
        ("gitMinor", minor),
        ("gitCommit", "unknown"),
        ("gitTreeState", "archive"),
        ("buildDate", "1970-01-01T00:00:00Z"),
    ];
    let mut flags = vec!["-s".to_owned(), "-w".to_owned()];
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        flags.extend(values.iter().map(|(name, value)| format!("-X {package}.{name}={value}")));
    }
    Ok(flags.join(" "))
}

fn provide_stages(module: &Module) -> Result<()> {
    let file = module.cache().join(STAGES_FILE);
    if file.is_file() {
        return Ok(());
    }
    let source = module.source_of(KWOK)?;
    let mut stream = String::new();
    for folder in STAGES {
        let folder = source.join(folder);
        let mut stages: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| format!("kwok's module has no {}", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        stages.retain(|path| {
            path.extension().is_some_and(|extension| extension == "yaml")
                && path.file_name().is_some_and(|name| name != "kustomization.yaml")
        });
        stages.sort();
        for stage in stages {
            stream.push_str("---\n");
            stream.push_str(&fs::read_to_string(stage)?);
        }
    }
    let _lock = module.lock()?;
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, stream)?;
    fs::rename(unfinished, file)?;
    Ok(())
}
