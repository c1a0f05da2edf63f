//! What one step of a decision found, before it is put into words.

use std::net::IpAddr;
use std::time::SystemTime;

use crate::OwnNetwork;
use crate::content::ShippedGroup;
use crate::list::{List, ListHit};
use crate::rules::{MatchResult, Rule};
use crate::{Host, Target};

/// How a target turned out to be Privet itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum OwnEndpoint {
    /// As it was written.
    Named,
    /// By an address that its name resolved to.
    Resolved(IpAddr),
}

/// Who decides what happens to content.
#[derive(Clone, Copy)]
pub(super) enum ContentSource<'a> {
    Rule(&'a Rule),
    Mode,
    Config,
}

/// What `[inspect]` does with a tunnel.
#[derive(Clone, Copy)]
pub(super) enum InspectionFinding<'a> {
    /// Nothing names the host.
    Unnamed,
    /// An entry of `hosts` names it.
    Named(&'a str),
    Demanded(&'a Rule),
    ByRule(&'a Rule),
    ByMode,
    /// An entry of `except` names it.
    Excepted(&'a str),
    /// The list that comes with the program names it.
    Shipped {
        entry: &'a str,
        group: ShippedGroup,
    },
}

/// What one step found. Holds references only, so that it costs nothing without an observer.
#[derive(Clone, Copy)]
pub(super) enum Finding<'a> {
    OwnEndpoint {
        target: &'a Target,
        found: Option<OwnEndpoint>,
    },
    Rule {
        rule: &'a Rule,
        result: MatchResult,
        /// The addresses that the target's name was looked up to.
        looked_up: &'a [IpAddr],
    },
    /// The rule that matched keeps `[filter]` out.
    FilterOffByRule(&'a Rule),
    /// The mode does not filter.
    FilterOff,
    /// The entry of `[filter] allow` that covers the host.
    Allow(Option<&'a str>),
    /// The entry of `[filter] deny` that covers the host.
    Deny(Option<&'a str>),
    List {
        list: &'a List,
        hit: Option<ListHit>,
        host: &'a Host,
        probation_until: Option<SystemTime>,
    },
    /// What the filter passed goes by this rule.
    RouteOfRule(&'a Rule),
    /// The exception of this list holds against the lists that block the host.
    ListException {
        list: &'a List,
        hit: ListHit,
    },
    /// The host is this machine, which lists do not block.
    OwnName,
    Mode,
    /// What `[inspect]` does with a tunnel to the host.
    Inspection(InspectionFinding<'a>),
    /// Whether `[scan]` looks at its bodies.
    Scan {
        scans: bool,
        by: ContentSource<'a>,
    },
    /// The client is on another machine, and the target, or the address that its name resolved to, is in the gateway's own
    /// network.
    OwnNetwork {
        target: &'a Target,
        kind: OwnNetwork,
        resolved: Option<IpAddr>,
    },
}
