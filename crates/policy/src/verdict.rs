//! The result of a decision: block or route, with the reason.

use std::sync::Arc;

use serde::Serialize;

use crate::content::ShippedGroup;

/// The permit to connect directly to a target or to resolve its name here. Only [`crate::decide()`] and
/// [`crate::Policy::permit`] create one, and only in a mode without a kill switch: code without a permit cannot go direct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectPermit(OwnNetworkAccess);

/// Whether a permit covers addresses of the gateway's own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnNetworkAccess {
    Allowed,
    Refused,
}

impl DirectPermit {
    /// The only constructor.
    pub(crate) fn unless(kill_switch: bool) -> Option<DirectPermit> {
        (!kill_switch).then_some(DirectPermit(OwnNetworkAccess::Allowed))
    }

    /// The same permit without the gateway's own network.
    pub(crate) fn without_own_network(&self) -> DirectPermit {
        DirectPermit(OwnNetworkAccess::Refused)
    }

    /// Whether a socket may be connected to addresses of the gateway's own network (see [`crate::own_network()`]).
    pub fn covers_own_network(&self) -> bool {
        self.0 == OwnNetworkAccess::Allowed
    }
}

/// An upstream or a group, by its index in the configuration from 0: upstreams first, then groups, both in the file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outbound(pub u16);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Direct(DirectPermit),
    /// Through an upstream, a chain or a group. With `fallback` the connection goes direct when every member is down: the rule or
    /// the mode says so, and the mode has no kill switch.
    Via {
        outbound: Outbound,
        fallback: Option<DirectPermit>,
    },
}

impl Route {
    /// The same route without the gateway's own network.
    pub(crate) fn without_own_network(self) -> Route {
        match self {
            Route::Direct(permit) => Route::Direct(permit.without_own_network()),
            Route::Via { outbound, fallback } => Route::Via {
                outbound,
                fallback: fallback.map(|permit| permit.without_own_network()),
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Block,
    Route(Route),
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyKind {
    /// The target is Privet itself.
    Loop,
    /// The target is in the gateway's own network, and the client is on another machine.
    OwnNetwork,
    Rule,
    /// `[filter] deny`.
    Deny,
    List,
    Mode,
    /// The rule or mode routes direct and the mode's kill switch forbids it, or the mode needs an upstream and none is configured.
    KillSwitch,
    /// A rule could not be evaluated, and the outcome depends on it.
    Undetermined,
    /// A site, not the policy.
    Site,
}

/// The reason in one sentence. The text is shared by all connections with the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub kind: WhyKind,
    pub text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub action: Action,
    pub why: Why,
    /// The verdict is preliminary: an `ip` rule needs the addresses of the target's name, which may be looked up here. The caller
    /// resolves and decides again.
    pub wants_addresses: bool,
    /// What happens to the content of what passes.
    pub treatment: Treatment,
}

/// What happens to the content of a connection that passes. All off where it is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Treatment {
    pub inspection: Inspection,
    /// Bodies that can be read are scanned.
    pub scan: bool,
}

/// Whether HTTPS in a tunnel is inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inspection {
    /// It is off, or nothing names the host.
    #[default]
    Off,
    Inspect {
        /// A rule demands it: what cannot be inspected does not pass.
        demanded: bool,
    },
    /// The host is among those to be inspected, and passes untouched nevertheless.
    Untouched(UntouchedBy),
}

/// What keeps a host from being inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UntouchedBy {
    /// `inspect = false` of the rule.
    Rule,
    /// `inspect = false` of the mode.
    Mode,
    /// `[inspect] except`.
    Except,
    /// The list that comes with the program.
    Shipped(ShippedGroup),
    /// The program refused the certificate that it was shown, more than once.
    RefusedCertificate,
    /// The host asks for a certificate of the client.
    ClientCertificate,
    /// What the client sent is no TLS.
    NotTls,
    /// The client sent nothing, and the destination spoke first.
    Silent,
    /// The client asks for another host in its TLS handshake.
    OtherName,
    /// The client offers protocols other than HTTP.
    OtherProtocol,
}

impl UntouchedBy {
    /// In a sentence that begins with "passed untouched: ".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Rule => "the rule has inspect = false",
            Self::Mode => "the mode has inspect = false",
            Self::Except => "[inspect] except names the host",
            Self::Shipped(ShippedGroup::Banks) => {
                "the list that comes with Privet names the host (banks and payment)"
            }
            Self::Shipped(ShippedGroup::Medical) => {
                "the list that comes with Privet names the host (health)"
            }
            Self::Shipped(ShippedGroup::Government) => {
                "the list that comes with Privet names the host (government)"
            }
            Self::Shipped(ShippedGroup::Pinned) => {
                "the list that comes with Privet names the host (its programs accept certain certificates only)"
            }
            Self::RefusedCertificate => {
                "the program refused the certificate, and is excepted for this host for a while"
            }
            Self::ClientCertificate => "the host asks for a certificate of the client",
            Self::NotTls => "what the client sent is neither TLS nor HTTP",
            Self::Silent => "the client sent nothing at first, and the host spoke",
            Self::OtherName => "the client asks for another host in its TLS handshake",
            Self::OtherProtocol => "the client offers protocols other than HTTP",
        }
    }
}
