//! `/api/v1/usage`: totals that are kept across restarts.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::connections::GroupBy;

/// A span of time, and how to group its totals.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// What the totals are of [default: domain].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub by: Option<GroupBy>,
    /// From when, in milliseconds since 1970 or as RFC 3339 writes it [default: 24 hours before `to`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64, nullable = false)]
    pub from: Option<u64>,
    /// Until when, in milliseconds since 1970 or as RFC 3339 writes it [default: now].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64, nullable = false)]
    pub to: Option<u64>,
    /// Seconds of a step, or 1h; absent: one sum of everything. At most 2,000 steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 60, maximum = 31_536_000, nullable = false)]
    pub step: Option<u64>,
}

/// The range of a wipe. Without either end: everything.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WipeQuery {
    /// From when, in milliseconds since 1970 or as RFC 3339 writes it [default: the beginning].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64, nullable = false)]
    pub from: Option<u64>,
    /// Until when, in milliseconds since 1970 or as RFC 3339 writes it [default: now].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 253_402_300_799_000_i64, nullable = false)]
    pub to: Option<u64>,
}

/// What a wipe deleted: closed connections, and the totals of every minute that overlaps the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wiped {
    /// The whole history and all totals.
    pub all: bool,
    /// Milliseconds since 1970; `null` with `all`.
    pub from: Option<u64>,
    /// Milliseconds since 1970; `null` with `all`.
    pub to: Option<u64>,
}

/// Totals of a span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    pub by: GroupBy,
    /// Milliseconds since 1970.
    pub from: u64,
    /// Milliseconds since 1970.
    pub to: u64,
    /// Milliseconds of a step; 0: one sum of everything.
    pub step: u64,
    /// By time, then the largest first.
    pub rows: Vec<UsageRow>,
}

/// The totals of one app, domain, route or verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// Start of the step, in milliseconds since 1970.
    pub start: u64,
    /// The app, domain, route or verdict; "(other)", "(private)" and "(unknown)" are sums.
    pub key: String,
    /// Bytes from clients.
    pub up: u64,
    /// Bytes to clients.
    pub down: u64,
    pub connections: u64,
    pub blocked: u64,
}
