//! `kargo build`: what a folder renders to, without a cluster.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use kustomize::{Build, Object, Options, Outcome};

use crate::{
    diagnostic::{Diagnostic, Style},
    folder_tree::FolderTree,
};

/// Prints the objects that a kustomization renders to, exactly as the controller would: no network, no
/// plugins, the same limits. Exits with 1 if it cannot be rendered; every error is printed with its place.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the kustomization, or the kustomization file.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    path: PathBuf,

    /// How the objects are printed: YAML documents, or one JSON array.
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Output,

    /// The order of the objects: by kind, as the command line of kustomize prints them, or as the files name them.
    #[arg(long, value_enum, default_value = "legacy")]
    order: Order,

    /// Print where each object comes from and what changed it, instead of the objects.
    #[arg(long)]
    explain: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Yaml,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Order {
    Legacy,
    None,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = folder_of(&arguments.path)?;
    let (tree, path) = FolderTree::around(&folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    let order = match arguments.order {
        Order::Legacy => kustomize::Order::Legacy,
        Order::None => kustomize::Order::Fifo,
    };
    let outcome = kustomize::build(&tree, &path, &Options { order, ..Options::default() });
    report(&outcome, &tree)?;
    let Ok(build) = outcome.result else { return Ok(ExitCode::FAILURE) };
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = print(&build, arguments, &mut out).and_then(|()| out.flush());
    match printed {
        // The reader has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        printed => printed.map(|()| ExitCode::SUCCESS).context("the result cannot be written"),
    }
}

fn folder_of(path: &Path) -> anyhow::Result<PathBuf> {
    let metadata =
        std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if metadata.is_dir() {
        return Ok(path.to_owned());
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name) {
        bail!(
            "{} is not a kustomization file; give the folder that holds kustomization.yaml",
            path.display()
        );
    }
    Ok(match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    })
}

fn report(outcome: &Outcome, tree: &FolderTree) -> anyhow::Result<()> {
    let style = Style::of_stderr();
    let current = std::env::current_dir().unwrap_or_default();
    let shown = |file: &str| tree.shown(file, &current);
    let mut out = io::stderr().lock();
    for warning in &outcome.warnings {
        let (position, what, help) =
            (warning.position.as_ref(), &warning.what, warning.help.as_deref());
        Diagnostic { severity: "warning", position, what, help }
            .write(&mut out, style, tree, &shown)?;
    }
    for error in outcome.result.as_ref().err().into_iter().flatten() {
        let (position, what, help) = (error.position.as_ref(), &error.what, error.help.as_deref());
        Diagnostic { severity: "error", position, what, help }
            .write(&mut out, style, tree, &shown)?;
    }
    Ok(())
}

fn print(build: &Build, arguments: &Arguments, out: &mut dyn Write) -> io::Result<()> {
    if arguments.explain {
        return build.objects.iter().try_for_each(|object| explain(object, out));
    }
    match arguments.output {
        Output::Yaml => out.write_all(kustomize::to_yaml(&build.objects).as_bytes()),
        Output::Json => {
            let values: Vec<_> = build.objects.iter().map(Object::value).collect();
            serde_json::to_writer_pretty(&mut *out, &values)?;
            writeln!(out)
        }
    }
}

fn explain(object: &Object, out: &mut dyn Write) -> io::Result<()> {
    let text = |value: Option<&serde_json::Value>| {
        value.and_then(serde_json::Value::as_str).unwrap_or("").to_owned()
    };
    let metadata = object.value().get("metadata");
    let kind = text(object.value().get("kind"));
    let name = text(metadata.and_then(|metadata| metadata.get("name")));
    let namespace = text(metadata.and_then(|metadata| metadata.get("namespace")));
    let within = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
    writeln!(out, "{kind}/{name}{within}")?;
    let provenance = object.provenance();
    match &provenance.generator {
        Some(generator) => writeln!(out, "  made by {generator} at {}", provenance.origin)?,
        None => writeln!(
            out,
            "  written in {}, document {}",
            provenance.origin,
            provenance.document + 1
        )?,
    }
    for touch in &provenance.touched_by {
        writeln!(out, "  changed by {} at {}", touch.transformer, touch.position)?;
    }
    Ok(())
}
