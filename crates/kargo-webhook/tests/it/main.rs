//! What a sender of webhooks sees and causes: the decisions as tables, and the real server over real sockets.
//!
//! - [`payloads`]: what each provider sends, and which repository it speaks of.
//! - [`proofs`]: who may speak for whom.
//! - [`answers`]: what is answered over HTTP, to whom.
//! - [`storms`]: large, slow, many: nobody else waits.
//! - [`memory_host`]: a program around the crate, in memory. [`client`]: a sender.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod answers;
mod client;
mod memory_host;
mod payloads;
mod proofs;
mod storms;
