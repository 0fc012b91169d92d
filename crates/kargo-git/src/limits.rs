//! How much a remote may take from us. All defaults stand here.

use std::time::Duration;

/// Budgets for one [`Store`](crate::Store); every one of them ends in [`Cause::TooLarge`](crate::Cause) or
/// [`Cause::TimedOut`](crate::Cause), never in a wait without end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// To look up the name, connect and greet by TLS.
    pub connect_timeout: Duration,
    /// The longest silence of a server in the middle of an answer.
    pub idle_timeout: Duration,
    /// All of one [`Store::resolve`](crate::Store::resolve), from the moment it is this remote's turn.
    pub resolve_timeout: Duration,
    /// All of one fetch: requests, pack, indexing.
    pub fetch_timeout: Duration,
    /// Bytes of one answer that is not a pack: an advertisement, a list of references.
    pub answer_bytes: u64,
    /// References in one answer.
    pub references: usize,
    /// Bytes of one pack as it comes over the wire.
    pub pack_bytes: u64,
    /// Objects in one pack.
    pub pack_objects: u32,
    /// Bytes of all objects of one pack after decompression and delta resolution.
    pub inflated_bytes: u64,
    /// Bytes of a single object that is stored whole; it is streamed, not held in memory.
    pub object_bytes: u64,
    /// Bytes of a single object that has to be held in memory: a delta's result, a tree, a commit, a file
    /// that is read.
    pub memory_bytes: u64,
    /// The longest chain of deltas.
    pub delta_depth: u32,
    /// Folders between the root of a tree and a file.
    pub tree_depth: usize,
    /// Files below the app's path that are fetched ahead, in one request, from a server that leaves files out.
    pub prefetch_files: usize,
    /// Requests for further files while one snapshot is read.
    pub late_fetches: u32,
    /// Packs in one remote's cache; then it is fetched anew, which leaves out what nobody needs any more.
    pub cache_packs: u64,
    /// Bytes of all caches; beyond them, those used longest ago go.
    pub cache_bytes: u64,
    /// Caches that nobody used for this long go.
    pub cache_age: Duration,
    /// Packs that are inspected and indexed at the same time in this process.
    pub parallel_indexing: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            resolve_timeout: Duration::from_secs(45),
            fetch_timeout: Duration::from_mins(5),
            answer_bytes: 16 << 20,
            references: 100_000,
            pack_bytes: 512 << 20,
            pack_objects: 1_000_000,
            inflated_bytes: 4 << 30,
            object_bytes: 1 << 30,
            memory_bytes: 64 << 20,
            delta_depth: 4096,
            tree_depth: 64,
            prefetch_files: 5_000,
            late_fetches: 64,
            cache_packs: 64,
            cache_bytes: 4 << 30,
            cache_age: Duration::from_hours(7 * 24),
            parallel_indexing: 2,
        }
    }
}
