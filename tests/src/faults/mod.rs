//! Faults between a controller and a real API server, and what must hold under them.
//!
//! A scenario is a test of a few lines: it says which call goes wrong, and how, and what has to
//! be true afterwards.
//!
//! ```no_run
//! # use kargo_tests::faults::{Fault, Scene, on};
//! # async fn scenario() {
//! let scene = Scene::new("apply-answer-lost").await;
//! let lost = scene.proxy.add(on("patch", "configmaps").named("web").first(1), Fault::CutAfter);
//! // ... push, apply a KargoApp, wait ...
//! lost.reached().await;
//! # }
//! ```
//!
//! - [`call`]: a request in the words of the audit log.
//! - [`rule`]: which calls go wrong, and how.
//! - [`proxy`]: the proxy that does it; the API server behind it is the real one.
//! - `watches`: the events of open watches: held, dropped, changed, sent again.
//! - [`scene`]: a world whose controller talks through the proxy.
//! - [`oracles`]: what must hold, by the API server's own account.
//! - [`workload`], [`sweep`]: one run for each write of a workload, with a fault at that write.
//! - [`matrix`]: every fault, what must hold, and which test shows it; `docs/faults.md` is made of it.

pub mod call;
pub mod matrix;
pub mod oracles;
pub mod proxy;
pub mod rule;
pub mod scene;
pub mod sweep;
mod tls;
mod watches;
pub mod workload;

pub use call::Call;
pub use proxy::{Attached, FaultProxy};
pub use rule::{Fault, Gate, Rule, on};
pub use scene::Scene;
