//! The health of upstreams and groups, as the API reports it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboundKind {
    Upstream,
    Group,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboundState {
    Up,
    Down,
    /// Not tried yet.
    #[default]
    Unknown,
}

/// One upstream or group.
#[derive(Debug, Clone)]
pub struct OutboundHealth {
    pub name: String,
    pub kind: OutboundKind,
    pub state: OutboundState,
    /// The hops in order; of a group, its policy.
    pub route: String,
    pub last_error: Option<String>,
    /// Smoothed time to connect through it, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Failures since the last success.
    pub failures: u32,
    /// Of a group: the names of its members.
    pub members: Vec<String>,
    /// Of a group: the member that the next connection would take.
    pub current: Option<String>,
}

/// The result of one test of an upstream or group.
#[derive(Debug, Clone, Default)]
pub struct OutboundTest {
    pub name: String,
    /// Milliseconds until the connection was open.
    pub connect_ms: Option<f64>,
    /// Milliseconds from the request to the first byte of the response.
    pub first_byte_ms: Option<f64>,
    pub error: Option<String>,
}

/// The latest results of dials and tests of one upstream.
#[derive(Debug, Default)]
pub(crate) struct HealthRecord(Mutex<LastResults>);

#[derive(Debug, Default, Clone)]
struct LastResults {
    state: OutboundState,
    failures: u32,
    latency: Option<Duration>,
    error: Option<String>,
}

impl HealthRecord {
    /// Weight of a new latency against the smoothed one.
    const SMOOTHING: f64 = 0.3;

    pub(crate) fn succeeded(&self, latency: Option<Duration>) {
        let mut seen = self.seen();
        seen.state = OutboundState::Up;
        seen.failures = 0;
        seen.error = None;
        if let Some(new) = latency {
            seen.latency = Some(match seen.latency {
                None => new,
                Some(old) => old.mul_f64(1.0 - Self::SMOOTHING) + new.mul_f64(Self::SMOOTHING),
            });
        }
    }

    pub(crate) fn failed(&self, error: &str) {
        let mut seen = self.seen();
        seen.state = OutboundState::Down;
        seen.failures = seen.failures.saturating_add(1);
        seen.error = Some(error.to_owned());
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        self.seen().error.clone()
    }

    pub(crate) fn report(&self, name: &str, route: &str) -> OutboundHealth {
        let seen = self.seen().clone();
        OutboundHealth {
            name: name.to_owned(),
            kind: OutboundKind::Upstream,
            state: seen.state,
            route: route.to_owned(),
            last_error: seen.error,
            latency_ms: seen.latency.map(milliseconds),
            failures: seen.failures,
            members: Vec::new(),
            current: None,
        }
    }

    /// Held briefly. After a panic the values are still worth reporting.
    fn seen(&self) -> MutexGuard<'_, LastResults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
