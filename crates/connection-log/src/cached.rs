//! What the HTTP cache saved, counted by connection until the recorder sums it by the minute.

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

/// What was counted of several requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CacheSums {
    pub requests: u64,
    pub hits: u64,
    pub bytes: u64,
    /// Microseconds.
    pub micros: u64,
}

impl CacheSums {
    pub(crate) fn add(&mut self, saving: CacheSaving) {
        self.requests += 1;
        self.hits += u64::from(saving.hit);
        self.bytes += saving.bytes;
        let micros = u64::try_from(saving.time.as_micros()).unwrap_or(u64::MAX);
        self.micros = self.micros.saturating_add(micros);
    }
}
