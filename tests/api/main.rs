//! The pure heart against a real API server, without a controller: what it believes of server-side apply is so.
//!
//! - [`walk`]: after an apply of anything, nothing is reported and nothing is left to do.
//! - [`facts`]: the answers of the API server that adoption and shared fields stand on.

mod facts;
mod walk;
