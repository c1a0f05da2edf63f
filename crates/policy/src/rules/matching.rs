//! Whether a rule matches a request, and if not, which key differs.

use std::net::IpAddr;

use privet_config::RuleProtocol;

use super::rule::Rule;
use crate::{Addresses, Host, Program, Protocol, Request};

/// One rule compared with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evaluation {
    Matches,
    /// The first key that does not match.
    KeyDiffers(&'static str),
    /// The rule's time is over.
    Expired,
    /// All keys that can be evaluated match.
    Undecided(MissingFact),
}

/// What a rule could not be evaluated without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MissingFact {
    Program,
    /// The target is a name that was not looked up so far.
    Addresses,
    /// The target is a name whose look-up failed.
    FailedAddresses,
}

/// Why the name is not looked up for an `ip` key, which does not match then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoLookupReason {
    /// The mode resolves no names here.
    Mode,
    /// `.onion` and `.alt` are not in the DNS.
    OutsideDns,
    /// Otherwise the name is sent to an upstream.
    Upstream,
    /// `resolve = false`.
    Rule,
}

/// What follows from comparing one rule with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatchResult {
    Matches,
    /// The first key that does not match.
    KeyDiffers(&'static str),
    Expired,
    /// The rule is for one connection, and another one has it.
    Used,
    /// It cannot be evaluated, and the outcome depends on it.
    Undecided(MissingFact),
    /// It cannot be evaluated, and the outcome is the same either way.
    Irrelevant(MissingFact),
    NotLookedUp(NoLookupReason),
}

impl From<Evaluation> for MatchResult {
    fn from(evaluation: Evaluation) -> Self {
        match evaluation {
            Evaluation::Matches => Self::Matches,
            Evaluation::KeyDiffers(key) => Self::KeyDiffers(key),
            Evaluation::Expired => Self::Expired,
            Evaluation::Undecided(unknown) => Self::Irrelevant(unknown),
        }
    }
}

/// Whether the key by which the index finds a rule still has to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameCheck {
    Needed,
    /// The index found the rule by the host's name: `domain`, or `domain_suffix` where there is no `domain`.
    Done,
}

impl Rule {
    pub(crate) fn evaluate(&self, request: &Request<'_>, name_check: NameCheck) -> Evaluation {
        if self.until.is_some_and(|until| request.at >= until) {
            return Evaluation::Expired;
        }
        if let Some(key) = self.differing_key(request, name_check) {
            return Evaluation::KeyDiffers(key);
        }
        let (app, ip) = (self.app_matches(request), self.ip_matches(request));
        match (app, ip) {
            (Ok(false), _) => Evaluation::KeyDiffers("app"),
            (_, Ok(false)) => Evaluation::KeyDiffers("ip"),
            (Err(unknown), _) | (_, Err(unknown)) => Evaluation::Undecided(unknown),
            (Ok(true), Ok(true)) => Evaluation::Matches,
        }
    }

    /// The first key that does not match, `app` and `ip` left out.
    fn differing_key(&self, request: &Request<'_>, name_check: NameCheck) -> Option<&'static str> {
        if let Some(key) = self.differing_name(&request.target.host, name_check) {
            return Some(key);
        }
        let port = request.target.port;
        if !holds(&self.port, |(low, high)| (*low..=*high).contains(&port)) {
            return Some("port");
        }
        if !holds(&self.protocol, |named| covers(*named, request.protocol)) {
            return Some("protocol");
        }
        if !holds(&self.user, |user| Some(user.as_str()) == request.user) {
            return Some("user");
        }
        None
    }

    fn app_matches(&self, request: &Request<'_>) -> Result<bool, MissingFact> {
        match request.app {
            _ if self.app.is_empty() => Ok(true),
            Program::Absent => Ok(false),
            Program::Known(app) => Ok(self.app.iter().any(|named| named.matches(app))),
            Program::Undetermined => Err(MissingFact::Program),
        }
    }

    fn differing_name(&self, host: &Host, name_check: NameCheck) -> Option<&'static str> {
        let found = name_check == NameCheck::Done;
        let found_by_domain = found && !self.domain.is_empty();
        let found_by_suffix = found && self.domain.is_empty();
        if !found_by_domain && !holds(&self.domain, |domain| domain == host) {
            return Some("domain");
        }
        if !found_by_suffix && !holds(&self.suffix, |suffix| is_below(host, suffix)) {
            return Some("domain_suffix");
        }
        if !self.regex.is_empty() {
            let text = host.text();
            if !self.regex.iter().any(|regex| regex.is_match(&text)) {
                return Some("domain_regex");
            }
        }
        None
    }

    fn ip_matches(&self, request: &Request<'_>) -> Result<bool, MissingFact> {
        let within = |ip: &IpAddr| self.names_address(*ip);
        match (&request.target.host, request.addresses) {
            _ if self.ip.is_empty() => Ok(true),
            (Host::Ip(ip), _) => Ok(within(ip)),
            (Host::Name(_), Addresses::Known(addresses)) => Ok(addresses.iter().any(within)),
            (Host::Name(_), Addresses::Unresolved) => Err(MissingFact::Addresses),
            (Host::Name(_), Addresses::Failed) => Err(MissingFact::FailedAddresses),
        }
    }
}

/// One entry matches, or there is none: an empty key holds for every request.
fn holds<T>(entries: &[T], matches: impl Fn(&T) -> bool) -> bool {
    entries.is_empty() || entries.iter().any(matches)
}

/// Whether a rule on the protocol `named` holds for a connection by `spoken`: "socks5" covers UDP, "http" covers CONNECT.
pub(crate) fn covers(named: RuleProtocol, spoken: Protocol) -> bool {
    match spoken {
        Protocol::Socks4 => named == RuleProtocol::Socks4,
        Protocol::Socks5 => named == RuleProtocol::Socks5,
        Protocol::Udp => matches!(named, RuleProtocol::Udp | RuleProtocol::Socks5),
        Protocol::Http => named == RuleProtocol::Http,
        Protocol::Connect => matches!(named, RuleProtocol::Connect | RuleProtocol::Http),
    }
}

/// `host` is `suffix` or a subdomain of it.
pub(crate) fn is_below(host: &Host, suffix: &Host) -> bool {
    match (host, suffix) {
        (Host::Name(host), Host::Name(suffix)) => host
            .strip_suffix(suffix.as_str())
            .is_some_and(|head| head.is_empty() || head.ends_with('.')),
        _ => host == suffix,
    }
}
