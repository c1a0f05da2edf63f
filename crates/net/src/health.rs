//! How upstreams and groups fare, as the window and the CLI show it.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutletKind {
    Upstream,
    Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutletState {
    Up,
    Down,
    /// Not tried yet.
    Unknown,
}

/// One upstream or group.
#[derive(Debug, Clone, Serialize)]
pub struct OutletHealth {
    pub name: String,
    pub kind: OutletKind,
    pub state: OutletState,
    /// The hops in order; of a group, its policy.
    pub route: String,
    pub last_error: Option<String>,
    /// Milliseconds that connecting through it takes, smoothed.
    pub latency_ms: Option<f64>,
    /// Failures since it was last seen working.
    pub failures: u32,
    /// Of a group: its members' names.
    pub members: Vec<String>,
    /// Of a group: the member that the next connection would take.
    pub current: Option<String>,
}

/// One test of an outlet.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TestReport {
    pub name: String,
    /// Milliseconds until the connection through it stood.
    pub connect_ms: Option<f64>,
    /// Milliseconds from the request to the first byte of its answer.
    pub first_byte_ms: Option<f64>,
    pub error: Option<String>,
}
