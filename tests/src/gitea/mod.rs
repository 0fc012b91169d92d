//! A real forge: Gitea, built from its Go module and started on loopback.
//!
//! One server serves all tests of a run; each test makes a [`User`] of its own. What users do on
//! a forge's pages is done here over its API. It has no pages: those would have to be built with
//! Node, and nobody looks at them.
//!
//! - `program`: the binary.
//! - `server`: its settings, its start.
//! - `user`: what a user of it can do.
//! - [`key`]: keys for SSH.

pub mod key;
mod program;
mod server;
mod user;

pub use program::provide;
pub use server::Gitea;
pub use user::{Forged, User};
