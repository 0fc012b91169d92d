//! The pure heart of Kargo: every decision as a function of typed values. No IO, no clock, no client;
//! clippy refuses them here. The modules in the order in which data passes through them:
//!
//! - [`object`], [`kinds`], [`finding`]: who an object is, what the API server serves, what is said about it.
//! - [`upgrade`], [`normalise`]: removed API versions, and what server-side apply would refuse.
//! - [`desired`]: [`desired::Rendered`], the desired set of one commit, marked ([`marks`], [`digest`]) and
//!   ordered ([`bands`]); [`policy`] is what people said about single objects. Only a render that succeeded
//!   whole makes one.
//! - [`left_out`], [`autoscaling`]: fields that others set; [`adoption`]: objects that others made.
//! - [`live`]: what is kept of a live object; [`ownership`] tells drift (by [`fields`], [`others`], [`managers`]), [`health`],
//!   [`finished`] and [`addresses`] the rest; [`admission`] what was changed on the way (by [`quantity`]).
//! - [`prune`]: [`prune::PrunePermit`], without which nothing is deleted, and what may be deleted with it;
//!   [`users`]: what is still in use; [`recreate`]: what is deleted to be made anew; [`reserved`]: what Kargo
//!   itself lives of.
//! - [`world`]: the state of all apps as one total function of events to commands. A good place to start.

pub mod addresses;
pub mod admission;
pub mod adoption;
pub mod autoscaling;
pub mod bands;
pub mod desired;
pub mod digest;
pub mod fields;
pub mod finding;
pub mod finished;
pub mod health;
pub mod kinds;
pub mod left_out;
pub mod live;
pub mod managers;
pub mod marks;
pub mod normalise;
pub mod object;
pub mod others;
pub mod ownership;
pub mod policy;
pub mod prune;
pub mod quantity;
pub mod recreate;
pub mod reserved;
pub mod upgrade;
pub mod users;
pub mod world;
