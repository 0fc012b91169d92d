//! The world as its users know it: what happens in git and in the cluster, and what Kargo does about it.
//! One file per rule or feature; `model` lets everything happen in every order.

#[path = "../support/mod.rs"]
mod support;

mod claims;
mod deletion;
mod deploy;
mod drift;
mod hand_over;
mod holds;
mod kinds;
mod model;
mod prune;
mod refusals;
mod restart;
mod status;
mod timeouts;
