//! What the HTTP cache saved, counted beside a connection's bytes and summed by the minute.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What the cache did for one request that it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheSaving {
    /// It was answered without asking its origin.
    pub hit: bool,
    /// Bytes that the origin did not send.
    pub bytes: u64,
    /// How much longer the origin would have taken.
    pub time: Duration,
}

/// The sums of one connection.
#[derive(Debug, Default)]
pub(crate) struct CacheCounters {
    requests: AtomicU64,
    hits: AtomicU64,
    bytes: AtomicU64,
    micros: AtomicU64,
}

impl CacheCounters {
    pub(crate) fn add(&self, saving: CacheSaving) {
        self.requests.fetch_add(1, Relaxed);
        self.hits.fetch_add(u64::from(saving.hit), Relaxed);
        self.bytes.fetch_add(saving.bytes, Relaxed);
        let micros = u64::try_from(saving.time.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Relaxed);
    }

    /// Takes what was counted since the last call.
    pub(crate) fn take(&self) -> CacheSums {
        CacheSums {
            requests: self.requests.swap(0, Relaxed),
            hits: self.hits.swap(0, Relaxed),
            bytes: self.bytes.swap(0, Relaxed),
            micros: self.micros.swap(0, Relaxed),
        }
    }
}

/// What was counted of several requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheSums {
    pub requests: u64,
    pub hits: u64,
    pub bytes: u64,
    /// Microseconds.
    pub micros: u64,
}
