//! `/api/v1/status`, `/api/v1/mode`: the engine's state and its mode.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::system_proxy::SystemProxy;

/// The engine at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The engine's process id.
    pub pid: u32,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    pub mode: Mode,
    pub listeners: Vec<Listener>,
    /// The desktop's proxy as measured; `null`: this engine does not manage it.
    pub system_proxy: Option<SystemProxy>,
    /// The mode's route, for connections that no rule matches.
    pub route: Route,
    pub totals: Totals,
    /// HTTPS of some hosts is inspected.
    #[serde(default)]
    pub inspection: bool,
    /// Current problems, each with its fix.
    pub problems: Vec<EngineProblem>,
    /// The configuration file; it need not exist.
    pub config: Option<String>,
}

/// The current mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mode {
    #[schema(example = "standard")]
    pub name: String,
    /// All modes that can be set.
    pub available: Vec<String>,
    /// When the route is down, connections fail. They never go direct, and no name is resolved on this machine.
    pub kill_switch: bool,
    /// When it ends, in milliseconds since 1970; `null`: it stays, or until a restart where `then` is set.
    pub until_ms: Option<u64>,
    /// The mode after that.
    pub then: Option<String>,
    /// In the answer to a change of the mode: the change's id in the timeline, by which it can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub change: Option<u64>,
}

/// A listener that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listener {
    /// "mixed", "socks", "http", "https" or "pac".
    #[schema(example = "mixed")]
    pub kind: String,
    #[schema(example = "127.0.0.1:7280")]
    pub address: String,
    /// Of an "https" listener: its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub certificate: Option<ListenerCertificate>,
}

/// The certificate of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerCertificate {
    /// The host names and addresses that it is served for.
    pub names: Vec<String>,
    /// The end of its validity, in milliseconds since 1970.
    pub not_after_ms: u64,
    /// SHA-256 of the certificate, in hexadecimal with colons.
    pub fingerprint: String,
    /// This installation's own authority, which clients have to trust. Absent: the certificate comes from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub authority: Option<ListenerAuthority>,
}

/// The authority that signed a listener's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerAuthority {
    /// SHA-256 of its certificate, in hexadecimal with colons.
    pub fingerprint: String,
    /// PEM file with its certificate, for clients.
    pub path: String,
}

/// The mode's route and its health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// "direct", or the name of an upstream or group; "none": everything is refused.
    #[schema(example = "direct")]
    pub name: String,
    /// `null`: not known yet, or direct.
    pub healthy: Option<bool>,
    /// Milliseconds to the last check's first byte.
    pub latency_ms: Option<f64>,
}

/// Bytes in both directions.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ByteCounts {
    /// From clients.
    pub up: u64,
    /// To clients.
    pub down: u64,
}

/// Since the engine started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Connections that are open now.
    pub active: u64,
    /// All connections, including blocked and failed ones.
    pub connections: u64,
    pub blocked: u64,
    pub failed: u64,
    /// Bytes sent without an upstream.
    pub direct: ByteCounts,
    /// Bytes sent through an upstream.
    pub routed: ByteCounts,
    /// All bytes from clients.
    pub up: u64,
    /// All bytes to clients.
    pub down: u64,
    /// Bytes per second from clients, now.
    pub up_speed: u64,
    /// Bytes per second to clients, now.
    pub down_speed: u64,
}

/// A current problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineProblem {
    /// A stable key: "list:ads", "listen:pac".
    pub about: String,
    pub text: String,
    /// What to do.
    pub fix: String,
}

/// A change of the mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeRequest {
    /// "off", "standard", "strict", or the name of a `[modes.NAME]`.
    #[schema(example = "strict", min_length = 1, max_length = 128)]
    pub mode: String,
    /// How long, then back to the mode before: "90s", "15m", "1h", "2d", or "restart": until the engine restarts. Absent or null: until changed.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schema(example = "15m", pattern = "^([1-9][0-9]{0,2}(s|m|h|d)|restart)$")]
    pub duration: Option<String>,
}
