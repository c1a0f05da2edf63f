//! What the cache did for an answer: for `Cache-Status` (RFC 9211), and for the rows of requests.

use std::time::Duration;

use privet_cache::rules::cache_status::{CacheStatus, Forward};
use privet_cache::{CacheReason, Entry, Reuse, Timestamp};
use privet_connection_log::CacheSaving;

use crate::turn;

/// What the cache did for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    /// Answered from the store. `ttl`: seconds for which it stays fresh.
    Hit { ttl: i64 },
    /// The same with what was in the store that machines share.
    SharedHit { ttl: i64 },
    /// Answered from the store although it is stale. `ttl` is negative.
    Stale { ttl: i64 },
    /// The origin failed, and a stale response was sent in its place.
    StaleOnError {
        ttl: i64,
        why: Forward,
        failure: Failure,
    },
    /// The origin confirmed what is stored.
    Revalidated { ttl: i64, why: Forward },
    /// The response came from the origin. `stored`: it can answer later requests.
    Miss { why: Forward, stored: bool },
    /// It came from the origin, asked by another client.
    Collapsed { ttl: i64 },
    /// The cache was not asked, or had no answer and none of the origin's is kept.
    Bypass(CacheReason),
}

/// Why a stale response is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The origin failed, and `stale-if-error` allows it.
    Origin,
    /// The origin cannot be reached or does not answer, and nothing forbids it.
    NoAnswer,
    /// There is no network, and nothing forbids it.
    Offline,
}

impl Failure {
    fn sentence(self) -> &'static str {
        match self {
            Self::Origin => "the origin failed",
            Self::NoAnswer => "the origin did not answer",
            Self::Offline => "there is no network",
        }
    }
}

/// Why a request goes to the origin, as `why` says of a stored response; `None`: there is none.
pub fn forward_of(why: Option<CacheReason>) -> Forward {
    why.map_or(Forward::UriMiss, Forward::from_why)
}

impl CacheUse {
    /// As in the rows of requests.
    pub fn row(self) -> privet_connection_log::CacheUse {
        privet_connection_log::CacheUse {
            word: match self {
                Self::Hit { .. } | Self::SharedHit { .. } | Self::Collapsed { .. } => "hit",
                Self::Stale { .. } | Self::StaleOnError { .. } => "stale",
                Self::Revalidated { .. } => "revalidated",
                Self::Miss { .. } => "miss",
                Self::Bypass(_) => "bypass",
            },
            why: match self {
                Self::Bypass(why) => Some(why.sentence()),
                Self::SharedHit { .. } => Some("Another machine had stored it."),
                Self::StaleOnError { failure, .. } => Some(match failure {
                    Failure::Origin => {
                        "The origin failed, and the response allows it to be sent stale."
                    }
                    Failure::NoAnswer => "The origin did not answer: the response is stale.",
                    Failure::Offline => "There is no network: the response is stale.",
                }),
                _ => None,
            },
        }
    }

    /// What it saved, where the cache was asked for the request: `sent` bytes that came from the store, and `time` that the
    /// origin would have taken longer.
    pub fn saving(self, sent: u64, time: Duration) -> Option<CacheSaving> {
        let none = CacheSaving::default();
        Some(match self {
            Self::Hit { .. }
            | Self::SharedHit { .. }
            | Self::Stale { .. }
            | Self::Collapsed { .. } => CacheSaving {
                hit: true,
                bytes: sent,
                time,
            },
            // It has waited for the origin.
            Self::StaleOnError { .. } => CacheSaving {
                hit: true,
                bytes: sent,
                ..none
            },
            Self::Revalidated { .. } => CacheSaving {
                bytes: sent,
                ..none
            },
            Self::Miss { .. } => none,
            Self::Bypass(_) => return None,
        })
    }

    /// Appends the field line.
    pub fn write_line(self, out: &mut Vec<u8>) {
        let none = CacheStatus::default();
        let status = match self {
            Self::Hit { ttl } | Self::Stale { ttl } => CacheStatus {
                hit: true,
                ttl: Some(ttl),
                ..none
            },
            Self::SharedHit { ttl } => CacheStatus {
                hit: true,
                ttl: Some(ttl),
                detail: Some("from another machine"),
                ..none
            },
            Self::StaleOnError { ttl, why, failure } => CacheStatus {
                forward: Some(why),
                ttl: Some(ttl),
                detail: Some(failure.sentence()),
                ..none
            },
            Self::Revalidated { ttl, why } => CacheStatus {
                forward: Some(why),
                forward_status: Some(304),
                ttl: Some(ttl),
                ..none
            },
            Self::Miss { why, stored } => CacheStatus {
                forward: Some(why),
                stored,
                ..none
            },
            Self::Collapsed { ttl } => CacheStatus {
                forward: Some(Forward::UriMiss),
                collapsed: true,
                ttl: Some(ttl),
                ..none
            },
            Self::Bypass(why) => CacheStatus {
                forward: Some(Forward::from_why(why)),
                ..none
            },
        };
        status.write_line(out);
    }
}

/// What an answer from the store says of itself.
pub(super) fn used_of(entry: &Entry, reuse: Reuse) -> CacheUse {
    let ttl = ttl_of(entry);
    match reuse {
        Reuse::Fresh { .. } => CacheUse::Hit { ttl },
        _ => CacheUse::Stale { ttl },
    }
}

/// The same after waiting for another request.
pub(super) fn used_after(waits: u8, entry: &Entry, reuse: Reuse) -> CacheUse {
    match waits {
        0 => used_of(entry, reuse),
        _ => collapsed(entry),
    }
}

/// The same for a part.
pub(super) fn part_after(waits: u8, entry: &Entry) -> CacheUse {
    match waits {
        0 => CacheUse::Hit { ttl: ttl_of(entry) },
        _ => collapsed(entry),
    }
}

fn collapsed(entry: &Entry) -> CacheUse {
    CacheUse::Collapsed { ttl: ttl_of(entry) }
}

fn ttl_of(entry: &Entry) -> i64 {
    entry.head().ttl(Timestamp::from(turn::wall_time()))
}
