//! `[[rule]]`: what a connection must match, and what happens to it.

use std::time::SystemTime;

use ipnet::IpNet;

use super::mode::Fallback;

#[derive(Debug, Clone)]
pub struct Rule {
    pub matcher: RuleMatch,
    pub action: RuleAction,
    /// Where the connection goes when the outbound of `action` is down.
    pub fallback: Fallback,
    /// Whether `[filter]` decides on what the rule routes.
    pub filter: bool,
    /// Whether the rule's `ip` key may cause a look-up of a name.
    pub resolve: bool,
    /// Whether what it matches is inspected; `None`: as `[inspect]` says.
    pub inspect: Option<bool>,
    /// Whether bodies of what it matches are scanned; `None`: as `[scan]` says.
    pub scan: Option<bool>,
    /// From this time on the rule does not match any more.
    pub until: Option<SystemTime>,
    /// The line on which the rule starts, from 1.
    pub line: usize,
}

/// All keys must match, by any of their entries; an empty key matches everything.
#[derive(Debug, Clone, Default)]
pub struct RuleMatch {
    pub domain: Vec<String>,
    pub domain_suffix: Vec<String>,
    pub domain_regex: Vec<String>,
    pub ip: Vec<IpNet>,
    /// Inclusive ranges of ports.
    pub port: Vec<(u16, u16)>,
    pub app: Vec<String>,
    pub protocol: Vec<RuleProtocol>,
    pub user: Vec<String>,
}

/// A protocol that a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleProtocol {
    /// SOCKS4 and SOCKS4a.
    Socks4,
    /// SOCKS5, its UDP associations too.
    Socks5,
    /// SOCKS5 UDP associations.
    Udp,
    /// HTTP, CONNECT too.
    Http,
    /// HTTP CONNECT.
    Connect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    Direct,
    Block,
    /// Ask the user. Nobody can be asked yet: such connections are refused.
    Ask,
    /// The name of an upstream or a group.
    Outbound(String),
}
