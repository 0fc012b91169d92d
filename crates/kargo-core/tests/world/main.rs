//! The world as its users know it: what happens in git and in the cluster, and what Kargo does about it.
//! One file per rule or feature; `model` lets everything happen in every order.

#[path = "../support/mod.rs"]
mod support;

mod claims;
mod deletion;
mod deploy;
mod drift;
mod gate;
mod hand_over;
mod history;
mod holds;
mod jobs;
mod kinds;
mod model;
mod prune;
mod refusals;
mod restart;
mod self_heal;
mod status;
mod timeouts;
