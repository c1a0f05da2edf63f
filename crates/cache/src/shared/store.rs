//! What a cache needs of the engine that keeps its shared entries.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::ask::Got;
use super::generations::Purges;
use super::key::{Scope, Scopes, SharedKey};
use super::put::SharedPut;
use crate::store::disk::seal::DiskKey;

/// An engine that keeps entries for several machines. Nothing of it blocks.
pub trait SharedStore: Debug + Send + Sync {
    /// Asks for a value and the generations of its scopes, until `deadline`. `None`: the engine is away, or left alone for
    /// a while after a failure.
    fn get(&self, key: SharedKey, scopes: &Scopes, deadline: Instant) -> Option<Getting>;

    /// Asks for the generations of tags, until `deadline`. `None`: as for [`get`](Self::get).
    fn get_tags(&self, tags: &[Scope], deadline: Instant) -> Option<GettingTags>;

    /// Hands in an entry to be written in the background; it is dropped where too many wait.
    fn put(&self, put: SharedPut);

    /// What was purged here.
    fn purges(&self) -> &Purges;

    /// There are purges that the engine does not know yet.
    fn deliver_purges(&self);

    /// How long a request waits for the engine.
    fn timeout(&self) -> Duration;

    /// The key of all machines, where values are encrypted.
    fn secret(&self) -> Option<&DiskKey>;

    fn counters(&self) -> &SharedCounters;

    fn stats(&self) -> SharedStats;
}

/// The engine's answer; `None`: there was none in time.
pub type Getting = Pin<Box<dyn Future<Output = Option<Got>> + Send>>;

/// The generations in the order of the tags, 0 for what was not purged; `None`: there was no answer in time.
pub type GettingTags = Pin<Box<dyn Future<Output = Option<Vec<u64>>> + Send>>;

/// What requests got of a shared store.
#[derive(Debug, Default)]
pub struct SharedCounters {
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    /// Not asked: the engine was away or left alone, or too many asked.
    pub skipped: AtomicU64,
    /// Values that were no valid entry of what was asked for.
    pub refused: AtomicU64,
    pub written: AtomicU64,
    /// Entries that were not written: the engine was away, or too many waited.
    pub dropped: AtomicU64,
    /// Failures and time-outs of the engine; after each it is left alone for a while.
    pub failures: AtomicU64,
}

impl SharedCounters {
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The state of a shared store, and what it did since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedStats {
    /// Where the engine is, as the configuration says.
    pub address: String,
    pub connected: bool,
    /// Why it is not used now.
    pub problem: Option<String>,
    /// When it is tried again.
    pub retry_at: Option<SystemTime>,
    pub hits: u64,
    pub misses: u64,
    pub skipped: u64,
    pub refused: u64,
    pub written: u64,
    pub dropped: u64,
    pub failures: u64,
    /// Purges that the engine does not know yet. What they name is neither read nor written.
    pub pending_purges: u64,
}

impl SharedStats {
    /// With the counters as they are now.
    #[must_use]
    pub fn counted(self, counters: &SharedCounters) -> SharedStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SharedStats {
            hits: read(&counters.hits),
            misses: read(&counters.misses),
            skipped: read(&counters.skipped),
            refused: read(&counters.refused),
            written: read(&counters.written),
            dropped: read(&counters.dropped),
            failures: read(&counters.failures),
            ..self
        }
    }
}
