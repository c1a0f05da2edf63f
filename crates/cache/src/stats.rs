//! What a cache did since it was made.

use crate::store::disk::store::DiskStats;

/// How look-ups ended. Each part of the index counts for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Answered from the store, fresh or accepted as stale.
    pub hits: u64,
    /// Answered from the store while it is refreshed.
    pub refreshed: u64,
    /// Asked the origin whether the stored response still holds.
    pub validated: u64,
    /// Asked the origin for a response.
    pub missed: u64,
    /// Waited for the response to another's request.
    pub waited: u64,
    /// Went to the origin alone.
    pub bypassed: u64,
    pub stored: u64,
    /// Left because the memory was full.
    pub evicted: u64,
    /// Responses that broke off while they were received.
    pub aborted: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.hits += other.hits;
        self.refreshed += other.refreshed;
        self.validated += other.validated;
        self.missed += other.missed;
        self.waited += other.waited;
        self.bypassed += other.bypassed;
        self.stored += other.stored;
        self.evicted += other.evicted;
        self.aborted += other.aborted;
    }
}

/// The figures of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    pub counts: Counts,
    pub entries: u64,
    /// Bytes in memory: bodies, heads and what each entry costs beside them.
    pub memory: u64,
    /// The most bytes in memory.
    pub memory_limit: u64,
    /// None where nothing is kept on disk.
    pub disk: Option<DiskStats>,
}
