//! The only room that talks to the API server: watches feed the world, the world's commands are carried out.
//!
//! Nothing is decided here; every decision is made by [`kargo_core::world::World`].
//!
//! - [`settings`]: what an installation decides, checked.
//! - [`process`]: from start to stop: probes, the lease, one engine for each term of it.
//! - [`engine`]: the loop: event in, commands out. A good place to start.
//! - [`lease`]: at most one process of an installation writes.
//! - [`cluster`]: a cluster as a value: clients with a deadline on every call, what it serves, the record of
//!   the kinds that this installation has used.
//! - `watches`: `KargoApps`, managed objects, custom resource definitions; each event is reduced at once.
//! - `source`: one poller per repository and branch, shared by all apps that follow it.
//! - `webhooks`: who wants to be told of which repository; deliveries make the pollers ask at once.
//! - `commands`: load, apply, prune, status, finalizer; each ends with an event to the world.
//! - `recorder`: Events for people. [`metrics`], `http`: what machines ask for.

pub mod cluster;
mod commands;
pub mod engine;
mod http;
pub mod lease;
pub mod metrics;
pub mod process;
mod recorder;
pub mod settings;
mod source;
mod watches;
mod webhooks;

pub use process::run;
pub use settings::Settings;
