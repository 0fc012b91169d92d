//! `kargo`: keeps what runs in a cluster in line with git.

mod commands;
mod diagnostic;
mod folder_tree;

use std::process::ExitCode;

use clap::Parser;

// glibc keeps the memory of each relist; jemalloc gives it back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Keeps what runs in a Kubernetes cluster in line with a folder of a git repository.
#[derive(Parser)]
#[command(name = "kargo", version, about, arg_required_else_help = true)]
enum Kargo {
    /// Run the controller: the process that the Helm chart installs.
    Controller(Box<commands::controller::Arguments>),
    /// Render a folder with a kustomization and print the objects.
    Build(commands::build::Arguments),
    /// Print the custom resource definition of `KargoApp` as YAML.
    Crd(commands::crd::Arguments),
}

fn main() -> ExitCode {
    let result = match Kargo::parse() {
        Kargo::Controller(arguments) => {
            commands::controller::run(*arguments).map(|()| ExitCode::SUCCESS)
        }
        Kargo::Build(arguments) => commands::build::run(&arguments),
        Kargo::Crd(arguments) => commands::crd::run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| commands::fail(&error))
}
