//! Kargo under faults: the binary, against a real API server behind a proxy that does harm, and a
//! real git server. `docs/faults.md` says which fault is tested where.

mod answers;
mod away;
mod connections;
mod endings;
mod kinds;
mod lists;
mod objects;
mod owners;
mod sweeps;
mod watching;
