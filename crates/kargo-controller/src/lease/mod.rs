//! The Lease: at most one process of an installation writes.
//!
//! A lease is a promise in time, so it rests on three rules. The holder counts from *before* it sent its last
//! renewal, everybody else from *after* they saw it, each on a monotonic clock of their own; times of day in
//! the Lease are for people. Every change of the Lease names the version that it changes. And whoever is allowed
//! to write has done so before anybody else may begin ([`Timing::is_safe`]).
//!
//! - [`timing`]: how long everything may take, and the proof that this is safe.
//! - [`election`]: the pure state machine of one candidate.
//! - [`record`]: the Lease as the API server has it.
//! - [`term`]: the gate: the only way to the permission for a write.
//! - [`keeper`]: the thread that holds or seeks the lease. Nothing else runs on it.

pub mod election;
pub mod keeper;
#[cfg(test)]
mod model;
pub mod record;
pub mod term;
pub mod timing;

pub use keeper::{Leadership, Standing};
pub use term::{NotHolding, Term, WritePermit};
pub use timing::Timing;
