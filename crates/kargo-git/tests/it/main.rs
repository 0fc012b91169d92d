//! The room against real and hostile git servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod cache;
mod fetch;
mod hostile;
mod hostile_ssh;
mod objects;
mod ssh;
mod support;
mod thieves;
mod tls;
