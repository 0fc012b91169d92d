//! Hears from forges that a repository has changed, so that nobody has to wait for the next poll.
//!
//! A payload is only a hint. No address, branch or revision of it is ever used: what comes out of this crate is the
//! advice to ask a repository that is known already, through the address and with the credentials that are known
//! already. So the worst that a forged delivery could do is to have git asked a little early; and it has to be
//! signed for that.
//!
//! # The way of a delivery
//!
//! ```text
//!   POST /hooks/<provider>
//!        │  server: connections, bytes and time are bounded
//!        ▼
//!      Proof ──▶ judge ──▶ Verdict ──▶ Desk ──▶ Host::trigger
//!   of a secret    │       who is meant   │ seen before? too often?
//!                  ▼                      ▼
//!               Answer ◀──────────────────┘
//! ```
//!
//! A good place to start is [`judge`]: a function of a delivery and of what is known to what becomes of it.
//!
//! - [`provider`]: which forge it is, told by the path alone.
//! - [`proof`] and [`secret`]: how each forge shows that it knows the secret; compared in constant time.
//! - [`payload`]: which repositories a payload speaks of.
//! - [`repository`]: what all addresses of one repository have in common.
//! - [`judge`]: who is meant, and whether the sender may say so.
//! - [`desk`]: a delivery counts once, and a burst of them counts as one; it is told the time.
//! - [`answer`]: what the sender is told.
//! - [`host`]: what this crate asks of the program around it.
//! - [`server`]: the shell: sockets and clocks.
//!
//! # Promises
//!
//! - Who cannot sign learns nothing: not from the answer, and not from the time it takes, which repositories are
//!   known, or which secrets.
//! - Memory is bounded whatever is sent, and a sender who is slow or loud delays nobody else.
//! - No secret, signature or payload is ever part of a text.

pub mod answer;
pub mod desk;
pub mod host;
pub mod judge;
pub mod payload;
pub mod proof;
pub mod provider;
pub mod repository;
pub mod secret;
pub mod server;

pub use answer::Answer;
pub use host::{Host, Known, Receiver, SecretName};
pub use judge::{Delivery, Verdict, judge};
pub use proof::Proof;
pub use provider::Provider;
pub use repository::Repository;
pub use secret::Secret;
pub use server::serve;
