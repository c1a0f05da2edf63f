//! Why a dial failed. SOCKS replies, HTTP statuses and group health depend on the kind.

use std::sync::Arc;

use privet_policy::WhyKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialErrorKind {
    /// The target's host answered with RST.
    Refused,
    NetworkUnreachable,
    HostUnreachable,
    TtlExpired,
    TimedOut,
    /// The name does not exist, or has no address of a usable family.
    NameNotFound,
    /// The resolver did not answer, or its answer was malformed.
    ResolverFailed,
    /// The policy forbids the address that the name was resolved to; what in it decided.
    Forbidden(WhyKind),
    /// The address is one of Privet's own listeners.
    Loop,
    /// The address is in the gateway's own network, which the permit does not cover.
    OwnNetwork,
    /// The upstream could not be reached: its socket or TLS failed.
    UpstreamDown,
    /// The upstream rejected the credentials.
    UpstreamAuth,
    /// The upstream refused to connect to the target.
    UpstreamDenied,
    /// The upstream violated its protocol.
    UpstreamProtocol,
    /// This chain cannot carry the request (BIND, UDP, an IPv6 address, a name).
    Unsupported,
    /// The kill switch is on and there is no route.
    NoRoute,
    /// Out of file descriptors or ports.
    Exhausted,
}

/// A failed dial as a sentence: what failed, where, and what to do. It holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct DialError {
    pub kind: DialErrorKind,
    /// The hop that failed; `None`: the target itself.
    pub hop: Option<Arc<str>>,
    pub text: String,
}

impl DialErrorKind {
    /// Whether the upstream is to blame and not the target: a group then tries its next member and counts the
    /// failure.
    pub fn blames_upstream(self) -> bool {
        matches!(
            self,
            Self::UpstreamDown | Self::UpstreamAuth | Self::UpstreamProtocol
        )
    }
}

impl DialError {
    /// A failure at the target itself, or before any hop was reached.
    pub fn here(kind: DialErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            hop: None,
            text: text.into(),
        }
    }

    /// A failure at the hop with this name.
    pub fn at(hop: &Arc<str>, kind: DialErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            hop: Some(hop.clone()),
            text: text.into(),
        }
    }
}
