//! What the black-box tests and the demo of Kargo stand on. Nothing here is a fake of ours: the
//! API server, the git server and the controller are the real programs, started for one run on
//! loopback and gone with it.
//!
//! Good places to start: [`world::World`] for a test, [`cluster::Cluster`] for everything else.
//!
//! - [`cluster`]: a Kubernetes control plane out of its own Go modules: built once, cached
//!   outside of the checkout, started in seconds. kwok plays the kubelet.
//! - [`git_server`]: `git http-backend` behind a small HTTP front that counts, asks for
//!   passwords and breaks down on demand.
//! - [`gitea`]: a real forge: private repositories, tokens, deploy keys over its own SSH server,
//!   webhooks.
//! - [`repository`]: a working clone whose commits are pushed by the real git.
//! - [`kargo_process`]: the `kargo` binary as a child process: start, kill, restart, measure.
//! - [`world`]: all of it together for one test, in namespaces of its own, with waits that have
//!   a deadline and a report when they miss it.
//! - [`sample`]: the sample repositories below `tests/samples`.
//! - [`kustomize`]: the real kustomize, which our engine is compared with.
//! - [`webhook`]: a sender of webhooks, honest or not.
//! - [`helm`]: the helm binary for the tests of the chart.
//! - [`installation`]: Kargo's own objects, as people install them.
//! - [`go_tools`]: builds Go programs out of a module of ours into the cache.
//! - [`supervisor`]: child processes that do not outlive the run that started them.
//! - [`folders`]: where the cache and the checkout are.

pub mod cluster;
pub mod faults;
pub mod folders;
pub mod git_server;
pub mod gitea;
pub mod go_tools;
pub mod helm;
pub mod installation;
pub mod kargo_process;
pub mod kustomize;
pub mod manifests;
pub mod ports;
pub mod repository;
pub mod sample;
pub mod supervisor;
pub mod webhook;
pub mod world;
