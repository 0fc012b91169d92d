//! The room against real and hostile git servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod cache;
mod fetch;
mod hostile;
mod objects;
mod ssh;
mod support;
mod tls;
