//! Whether a rule matches a request, and if not, which key differs.

use std::net::IpAddr;

use privet_config::RuleProtocol;

use super::rule::Rule;
use crate::{Host, Protocol, Request};

/// The result of comparing one rule with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatchResult {
    Matches,
    /// The first key that does not match.
    KeyDiffers(&'static str),
    /// The rule's time is over.
    Expired,
    /// The rule is for one connection, and another one has it.
    Used,
    /// All other keys match, and `ip` cannot be evaluated: the target is a name without addresses.
    AddressesUnknown,
}

/// Whether the key by which the index finds a rule still has to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameCheck {
    Needed,
    /// The index found the rule by the host's name: `domain`, or `domain_suffix` where there is no `domain`.
    Done,
}

impl Rule {
    pub(crate) fn evaluate(&self, request: &Request<'_>, name_check: NameCheck) -> MatchResult {
        if self.until.is_some_and(|until| request.at >= until) {
            return MatchResult::Expired;
        }
        match self.differing_key(request, name_check) {
            Some(key) => MatchResult::KeyDiffers(key),
            None => self.evaluate_ip(request),
        }
    }

    /// The first key that does not match, `ip` left out.
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
        let app = request.app;
        if !holds(&self.app, |named| app.is_some_and(|app| named.matches(app))) {
            return Some("app");
        }
        None
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

    fn evaluate_ip(&self, request: &Request<'_>) -> MatchResult {
        let within = |ip: &IpAddr| holds(&self.ip, |net| net.contains(&ip.to_canonical()));
        let matches = match &request.target.host {
            _ if self.ip.is_empty() => true,
            Host::Ip(ip) => within(ip),
            Host::Name(_) if request.addresses.is_empty() => return MatchResult::AddressesUnknown,
            Host::Name(_) => request.addresses.iter().any(within),
        };
        match matches {
            true => MatchResult::Matches,
            false => MatchResult::KeyDiffers("ip"),
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
