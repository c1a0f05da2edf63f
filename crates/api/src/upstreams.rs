//! `/api/v1/upstreams`: upstreams, groups and their health.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All upstreams and groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outbounds {
    pub upstreams: Vec<Upstream>,
    pub groups: Vec<UpstreamGroup>,
}

/// One upstream. Its credentials are never shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Upstream {
    #[schema(example = "tor")]
    pub name: String,
    /// Without credentials.
    #[schema(example = "socks5://127.0.0.1:9050")]
    pub url: String,
    /// The hops from here to it, itself last: "office → tor".
    pub route: String,
    /// "none", "host" or "app".
    pub isolate: String,
    /// "up", "down" or "unknown" (not used yet).
    #[schema(example = "up")]
    pub state: String,
    /// Smoothed milliseconds to connect through it.
    pub latency_ms: Option<f64>,
    /// Failures since it last worked.
    pub failures: u32,
    /// The last failure in one sentence.
    pub last_error: Option<String>,
}

/// A group of upstreams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamGroup {
    pub name: String,
    /// "failover", "latency", "round-robin" or "sticky".
    pub policy: String,
    pub members: Vec<String>,
    /// "up", "down" or "unknown".
    pub state: String,
    /// The member that the next connection would use.
    pub current: Option<String>,
    pub last_error: Option<String>,
}

/// The result of testing one upstream or group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamTest {
    pub name: String,
    pub ok: bool,
    /// Milliseconds until the connection through it was established.
    pub connect_ms: Option<f64>,
    /// Milliseconds from the request to the first byte of its answer.
    pub first_byte_ms: Option<f64>,
    pub error: Option<String>,
}
