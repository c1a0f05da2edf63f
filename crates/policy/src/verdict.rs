//! The answer: block or route, with the reason.

use std::sync::Arc;

use serde::Serialize;

/// Leave to open a socket straight to a target or to resolve its name here. Only [`crate::decide`] and
/// [`crate::Policy::permit`] make one, and only in a mode without a kill switch: code that holds none cannot go direct
/// (DESIGN section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectPermit(());

impl DirectPermit {
    /// The only place where one is made.
    pub(crate) fn unless(kill_switch: bool) -> Option<DirectPermit> {
        (!kill_switch).then_some(DirectPermit(()))
    }
}

/// An upstream or a group, by its place in the configuration: upstreams first, then groups, both in the file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outbound(pub u16);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Direct(DirectPermit),
    /// Through an upstream, a chain or a group. `otherwise` is there in modes without a kill switch: when every member
    /// is down the connection may go direct, and says so.
    Via {
        outbound: Outbound,
        fallback: Option<DirectPermit>,
    },
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
    Rule,
    /// `[filter] deny`.
    Deny,
    List,
    Mode,
    /// The rule or mode says direct, and the mode's kill switch forbids it; or the mode needs an upstream and has none.
    KillSwitch,
}

/// The reason in one sentence. Shared: a reason that many connections have is stored once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    pub kind: WhyKind,
    pub text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub action: Action,
    pub why: Why,
    /// An `ip` rule was passed over because the target is a name and no addresses were given. Where the mode resolves
    /// here, the caller resolves and asks again.
    pub wants_addresses: bool,
}
