//! `[modes.*]`: route, kill switch and DNS of a mode.

use super::content::ScanHold;

/// The settings of a mode.
#[derive(Debug, Clone)]
pub struct Mode {
    pub route: RouteRef,
    pub filter: bool,
    pub headers: HeaderMode,
    /// When the route is down, connections fail. They never go direct, and no name is resolved here.
    pub kill_switch: bool,
    /// Where connections of the mode's route go when that is down. [`Fallback::Direct`] excludes a kill switch.
    pub fallback: Fallback,
    /// `false`: nothing is kept of connections that ended. Checked, but not served yet.
    pub history: bool,
    pub dns: Dns,
    /// Whether `[inspect]` holds.
    pub inspect: bool,
    /// Whether `[scan]` holds.
    pub scan: bool,
    /// In place of `hold` of `[scan]`.
    pub scan_hold: Option<ScanHold>,
}

/// Where a connection goes when the upstream or group that was named for it is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fallback {
    /// Nowhere: it fails.
    #[default]
    None,
    Direct,
}

/// Where a mode sends connections that no rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteRef {
    /// The first group, else the first upstream, else nothing (every connection is refused): the default of "strict".
    FirstOutbound,
    Direct,
    /// The name of an upstream or a group.
    Outbound(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderMode {
    Untouched,
    Reduced,
    Minimal,
}

/// How names are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    System,
    /// Names are sent to the upstream and never resolved here.
    Upstream,
    /// DNS over HTTPS (RFC 8484): the query URL.
    Https(String),
    /// DNS over TLS (RFC 7858): `host` or `host:port`.
    Tls(String),
}
