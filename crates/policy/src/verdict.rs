//! The result of a decision: block or route, with the reason.

use std::sync::Arc;

use serde::Serialize;

/// The permit to connect directly to a target or to resolve its name here. Only [`crate::decide()`] and
/// [`crate::Policy::permit`] create one, and only in a mode without a kill switch: code without a permit cannot go direct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectPermit(());

impl DirectPermit {
    /// The only constructor.
    pub(crate) fn unless(kill_switch: bool) -> Option<DirectPermit> {
        (!kill_switch).then_some(DirectPermit(()))
    }
}

/// An upstream or a group, by its index in the configuration from 0: upstreams first, then groups, both in the file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outbound(pub u16);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Direct(DirectPermit),
    /// Through an upstream, a chain or a group. With `fallback`, in modes without a kill switch, the connection goes direct when
    /// every member is down.
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
    /// The rule or mode routes direct and the mode's kill switch forbids it, or the mode needs an upstream and none is configured.
    KillSwitch,
}

/// The reason in one sentence. The text is shared by all connections with the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    pub kind: WhyKind,
    pub text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub action: Action,
    pub why: Why,
    /// An `ip` rule was skipped because the target is a name without addresses. Where the mode resolves here, the caller resolves
    /// and decides again.
    pub wants_addresses: bool,
}
