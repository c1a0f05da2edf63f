//! Why a dial failed, typed so that SOCKS replies, HTTP statuses and group health can be chosen by it.

use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialErrorKind {
    /// The target's host answered RST.
    Refused,
    NetworkUnreachable,
    HostUnreachable,
    TtlExpired,
    TimedOut,
    /// The name does not exist, or has no address of a usable family.
    NameNotFound,
    /// The resolver did not answer or answered nonsense.
    ResolverFailed,
    /// The address is one of our own listeners.
    Loop,
    /// The upstream could not be reached (its own socket or TLS failed).
    UpstreamDown,
    /// The upstream wants other credentials.
    UpstreamAuth,
    /// The upstream forbids the target.
    UpstreamDenied,
    /// The upstream broke its protocol.
    UpstreamProtocol,
    /// What was asked (BIND, UDP, an IPv6 address, a name) is not something this chain can do.
    Unsupported,
    /// A kill switch is on and there is no route.
    NoRoute,
    /// Out of file descriptors or ports.
    Exhausted,
}

/// A failed dial in one sentence: what, through whom, what to do. Holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct DialError {
    pub kind: DialErrorKind,
    /// The hop at which it broke; `None`: at the target itself.
    pub hop: Option<Arc<str>>,
    pub text: String,
}

impl DialErrorKind {
    /// The fault is the upstream's, not the target's: a group moves on to its next member and counts the failure.
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
