//! What is recorded of one connection: how it was opened, its verdict, why it closed.

use std::net::SocketAddr;
use std::sync::Arc;

use privet_policy::{App, Listener, Protocol, Target, Why, WhyKind};

/// What is known when a connection is opened.
#[derive(Debug, Clone)]
pub struct NewConnection {
    pub listener: Listener,
    pub client: SocketAddr,
    pub protocol: Protocol,
    pub user: Option<Arc<str>>,
    pub app: Option<Arc<App>>,
    pub target: Target,
    /// "direct", an upstream or a chain, as the dialer names it; "cache" for a response from the cache.
    pub route: Arc<str>,
    pub why: Why,
}

/// Why a connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CloseReason {
    /// Both sides closed.
    Finished = 1,
    /// Reset by one side, or ended by an error.
    Broken,
    /// No byte within the idle timeout.
    Idle,
    /// Closed by the user.
    Closed,
    /// The new configuration does not allow it.
    Reload,
    /// Privet stopped.
    Shutdown,
    /// Never opened: the policy blocked it.
    Blocked,
    /// Never opened: the dial failed.
    Failed,
}

impl CloseReason {
    pub const ALL: [Self; 8] = [
        Self::Finished,
        Self::Broken,
        Self::Idle,
        Self::Closed,
        Self::Reload,
        Self::Shutdown,
        Self::Blocked,
        Self::Failed,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Broken => "broken",
            Self::Idle => "idle",
            Self::Closed => "closed",
            Self::Reload => "reload",
            Self::Shutdown => "shutdown",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|end| *end as u8 == code)
    }
}

/// What was done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    Direct,
    Routed,
    Blocked,
    Failed,
    Cached,
}

impl Verdict {
    pub const ALL: [Self; 5] = [
        Self::Direct,
        Self::Routed,
        Self::Blocked,
        Self::Failed,
        Self::Cached,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Routed => "routed",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Cached => "cached",
        }
    }

    /// The verdict of an open connection on this route. The direct fallback, "direct (NAME is down)", counts as direct.
    pub fn of_route(route: &str) -> Self {
        match route {
            "direct" => Self::Direct,
            "cache" => Self::Cached,
            _ if route.starts_with("direct (") => Self::Direct,
            _ => Self::Routed,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| *verdict as u8 == code)
    }
}

/// The client protocol as written in the API.
pub const fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Socks4 => "socks4",
        Protocol::Socks5 => "socks5",
        Protocol::Udp => "udp",
        Protocol::Http => "http",
        Protocol::Connect => "connect",
    }
}

pub(crate) fn protocol_from(word: &str) -> Option<Protocol> {
    use Protocol::{Connect, Http, Socks4, Socks5, Udp};
    [Socks4, Socks5, Udp, Http, Connect]
        .into_iter()
        .find(|protocol| protocol_word(*protocol) == word)
}

/// The listener's protocol as written in the API.
pub const fn listener_word(listener: Listener) -> &'static str {
    match listener {
        Listener::Mixed => "mixed",
        Listener::Socks => "socks",
        Listener::Http => "http",
        Listener::Https => "https",
        Listener::Site => "site",
    }
}

pub(crate) fn listener_from(word: &str) -> Option<Listener> {
    use Listener::{Http, Https, Mixed, Site, Socks};
    [Mixed, Socks, Http, Https, Site]
        .into_iter()
        .find(|listener| listener_word(*listener) == word)
}

/// The kind of decision as written in the API.
pub const fn why_word(kind: WhyKind) -> &'static str {
    match kind {
        WhyKind::Loop => "loop",
        WhyKind::OwnNetwork => "own_network",
        WhyKind::Rule => "rule",
        WhyKind::Deny => "deny",
        WhyKind::List => "list",
        WhyKind::Mode => "mode",
        WhyKind::KillSwitch => "kill_switch",
        WhyKind::Undetermined => "undetermined",
        WhyKind::Site => "site",
    }
}

pub(crate) fn why_from(word: &str) -> Option<WhyKind> {
    use WhyKind::{Deny, KillSwitch, List, Loop, Mode, OwnNetwork, Rule, Site, Undetermined};
    [
        Loop,
        OwnNetwork,
        Rule,
        Deny,
        List,
        Mode,
        KillSwitch,
        Undetermined,
        Site,
    ]
    .into_iter()
    .find(|kind| why_word(*kind) == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direct_fallback_counts_as_direct() {
        for (route, verdict) in [
            ("direct", Verdict::Direct),
            ("direct (tor is down)", Verdict::Direct),
            ("directory", Verdict::Routed),
            ("office → tor", Verdict::Routed),
            ("cache", Verdict::Cached),
        ] {
            assert_eq!(Verdict::of_route(route), verdict, "{route}");
        }
    }
}
