//! The Helm chart, and the plain manifests that are made from it: rendered by the real helm,
//! installed into a real control plane, used by the real controller.

mod helm;
mod lifecycle;
mod rendering;
mod rights;
