//! The `KargoApp` resource, and every name that Kargo writes into a cluster, each defined once.
//!
//! - [`app`]: the resource itself and its custom resource definition (`kargo crd` prints it).
//! - [`spec`]: what a user asks for. A field that is not honoured is absent, never accepted and ignored.
//! - [`status`]: what Kargo answers: the target state (`desired`), the current state (`current`),
//!   conditions, findings.
//! - [`names`]: labels, annotations, field manager: the marks on objects and on `KargoApp`s.
//! - [`reasons`]: condition types, condition reasons and Event reasons, with their meaning.
//! - [`period`]: a duration as people write it (`30s`, `5m`).
//!
//! A good place to start: [`spec::KargoAppSpec`].

pub mod app;
pub mod names;
pub mod period;
pub mod reasons;
pub mod spec;
pub mod status;

pub use app::{KargoApp, crd};
pub use period::Period;
pub use spec::{DeletionPolicy, KargoAppSpec, Source, SourceReference, Sync, SyncMode, Verify};
pub use status::KargoAppStatus;
