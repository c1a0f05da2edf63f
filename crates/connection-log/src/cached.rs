//! What the HTTP cache saved, counted beside a connection's bytes and summed by the minute.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::minutes::Counters;
use crate::usage::UsageRow;

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

/// The sums of one connection. Each field goes into the column of the minutes that is named after it there.
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
    pub(crate) fn take(&self) -> Counters {
        Counters {
            up: self.micros.swap(0, Relaxed),
            down: self.bytes.swap(0, Relaxed),
            connections: self.hits.swap(0, Relaxed),
            blocked: self.requests.swap(0, Relaxed),
        }
    }
}

/// What savings are summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheGroup {
    /// Not at all: one row for each step.
    All,
    Domain,
    App,
}

/// One row of an answer about savings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheRow {
    /// Start of the step, Unix milliseconds.
    pub start: u64,
    /// The domain or the app; empty where all are one.
    pub key: String,
    /// Requests that the cache was asked for.
    pub requests: u64,
    pub hits: u64,
    /// Bytes that origins did not send.
    pub bytes: u64,
    /// How much longer origins would have taken.
    pub time: Duration,
}

impl From<UsageRow> for CacheRow {
    fn from(row: UsageRow) -> Self {
        Self {
            start: row.start,
            key: row.key,
            requests: row.blocked,
            hits: row.connections,
            bytes: row.down,
            time: Duration::from_micros(row.up),
        }
    }
}
