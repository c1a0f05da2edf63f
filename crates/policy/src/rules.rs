//! The rules of the configuration, compiled: in order, and found by name without walking all of them.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;
use privet_config::{Rule as Written, RuleAction, RuleProtocol};
use regex::{Regex, RegexBuilder};
use smallvec::SmallVec;

use crate::compile::{CompileError, domain_entry};
use crate::host_hash::{Suffixes, of_host};
use crate::host_set::{Entry, HostSet};
use crate::rule_hit_counter::RuleHitCounter;
use crate::temporary_rule::SingleUse;
use crate::{App, Host, Outbound, Protocol, Request};

/// The most memory one `domain_regex` may take when compiled, in bytes: above what `privet check` lets pass, since here
/// upper and lower case are one.
pub const MAX_REGEX: usize = 16 << 20;

/// Where a rule sends what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Direct,
    Block,
    Via(Outbound),
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RulePosition {
    /// In no file; its number.
    Temporary(u32),
    /// Its place in the file, and the line on which it begins, both from 1.
    File { number: usize, line: usize },
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) place: RulePosition,
    /// What it is known by: see [`privet_config::rule_ids`]; `t1`, `t2`, … for those of no file.
    pub(crate) id: Arc<str>,
    pub(crate) single_use: Option<Arc<SingleUse>>,
    pub(crate) hit_counter: Arc<RuleHitCounter>,
    pub(crate) action: Then,
    pub(crate) until: Option<SystemTime>,
    pub(crate) domain: Vec<Host>,
    pub(crate) suffix: Vec<Host>,
    pub(crate) regex: Vec<Regex>,
    pub(crate) ip: Vec<IpNet>,
    pub(crate) port: Vec<(u16, u16)>,
    pub(crate) app: Vec<AppMatch>,
    pub(crate) protocol: Vec<RuleProtocol>,
    pub(crate) user: Vec<String>,
    /// The sentence for who is told that this rule decided.
    pub(crate) why: Arc<str>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AppMatch {
    /// A file name in lower case without `.exe`.
    Name(String),
    Path(String),
}

/// What a look at one rule found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Matches,
    /// The key that does not match.
    Not(&'static str),
    /// Its time is over.
    Over,
    /// It was for one connection, and this is another.
    Spent,
    /// All else matches, and `ip` cannot be told: the target is a name without addresses.
    NoAddresses,
}

impl Rule {
    pub(crate) fn compile(
        place: RulePosition,
        id: Arc<str>,
        hit_counter: Arc<RuleHitCounter>,
        written: &Written,
        outbound: impl Fn(&str) -> Option<Outbound>,
    ) -> Result<Rule, CompileError> {
        let action = match &written.action {
            RuleAction::Direct => Then::Direct,
            RuleAction::Block => Then::Block,
            RuleAction::Outbound(name) => {
                Then::Via(outbound(name).ok_or_else(|| CompileError::NoOutbound {
                    what: place.to_string(),
                    name: name.clone(),
                })?)
            }
        };
        let hosts = |entries: &[String]| -> Result<Vec<Host>, CompileError> {
            entries
                .iter()
                .map(|text| domain_entry(&place.to_string(), text))
                .collect()
        };
        let matcher = &written.matcher;
        Ok(Rule {
            place,
            id,
            single_use: None,
            hit_counter,
            action,
            until: written.until,
            domain: hosts(&matcher.domain)?,
            suffix: hosts(&matcher.domain_suffix)?,
            regex: place.regexes(&matcher.domain_regex)?,
            ip: matcher.ip.clone(),
            port: matcher.port.clone(),
            app: matcher.app.iter().map(|app| AppMatch::new(app)).collect(),
            protocol: matcher.protocol.clone(),
            user: matcher.user.clone(),
            why: match &written.action {
                RuleAction::Direct => format!("{place} sends it direct"),
                RuleAction::Block => format!("{place} blocks it"),
                RuleAction::Outbound(name) => format!("{place} sends it through “{name}”"),
            }
            .into(),
        })
    }

    /// Whether the rule speaks of this request. `named`: the index has shown already that the key by which the rule
    /// is found matches.
    pub(crate) fn look(&self, request: &Request<'_>, named: bool) -> Look {
        if self.until.is_some_and(|until| request.at >= until) {
            return Look::Over;
        }
        if let ControlFlow::Break(key) = self.look_names(&request.target.host, named) {
            return Look::Not(key);
        }
        let port = request.target.port;
        if !any(&self.port, |(low, high)| (*low..=*high).contains(&port)) {
            return Look::Not("port");
        }
        if !any(&self.protocol, |named| covers(*named, request.protocol)) {
            return Look::Not("protocol");
        }
        if !any(&self.user, |user| Some(user.as_str()) == request.user) {
            return Look::Not("user");
        }
        if !any(&self.app, |app| request.app.is_some_and(|a| app.is(a))) {
            return Look::Not("app");
        }
        self.look_ip(request)
    }

    fn look_names(&self, host: &Host, named: bool) -> ControlFlow<&'static str> {
        let by_domain = named && !self.domain.is_empty();
        let by_suffix = named && self.domain.is_empty();
        if !by_domain && !any(&self.domain, |domain| domain == host) {
            return ControlFlow::Break("domain");
        }
        if !by_suffix && !any(&self.suffix, |suffix| is_below(host, suffix)) {
            return ControlFlow::Break("domain_suffix");
        }
        if !self.regex.is_empty() {
            let text = host.text();
            if !self.regex.iter().any(|regex| regex.is_match(&text)) {
                return ControlFlow::Break("domain_regex");
            }
        }
        ControlFlow::Continue(())
    }

    fn look_ip(&self, request: &Request<'_>) -> Look {
        let within = |ip: &IpAddr| any(&self.ip, |net| net.contains(&ip.to_canonical()));
        let found = match &request.target.host {
            _ if self.ip.is_empty() => true,
            Host::Ip(ip) => within(ip),
            Host::Name(_) if request.addresses.is_empty() => return Look::NoAddresses,
            Host::Name(_) => request.addresses.iter().any(within),
        };
        if found {
            Look::Matches
        } else {
            Look::Not("ip")
        }
    }

    /// Whether the rule speaks of a program of that file name; `None`: it may, by a path that a name does not tell.
    pub(crate) fn speaks_of(&self, name: &str) -> Option<bool> {
        let app = App {
            name: name.into(),
            path: None,
            pid: 0,
        };
        if any(&self.app, |one| one.is(&app)) {
            return Some(true);
        }
        let by_path = self.app.iter().any(|one| matches!(one, AppMatch::Path(_)));
        (!by_path).then_some(false)
    }

    pub(crate) fn names_an_app(&self) -> bool {
        !self.app.is_empty()
    }

    pub(crate) fn names_a_network(&self) -> bool {
        !self.ip.is_empty()
    }

    /// It asks for something that a URL does not tell, or for the time.
    pub(crate) fn is_beyond_urls(&self, app: Option<&str>) -> bool {
        (!self.app.is_empty() && app.is_none_or(|app| self.speaks_of(app) != Some(true)))
            || !self.protocol.is_empty()
            || !self.user.is_empty()
            || !self.regex.is_empty()
            || self.until.is_some()
            || self.single_use.is_some()
    }
}

/// An empty key asks nothing.
fn any<T>(entries: &[T], matches: impl Fn(&T) -> bool) -> bool {
    entries.is_empty() || entries.iter().any(matches)
}

/// `host` is `suffix` or lies below it.
pub(crate) fn is_below(host: &Host, suffix: &Host) -> bool {
    match (host, suffix) {
        (Host::Name(host), Host::Name(suffix)) => host
            .strip_suffix(suffix.as_str())
            .is_some_and(|head| head.is_empty() || head.ends_with('.')),
        _ => host == suffix,
    }
}

/// How a rule is spoken of.
impl std::fmt::Display for RulePosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Temporary(number) => write!(f, "temporary rule {number}"),
            Self::File { number, line } => write!(f, "rule {number} (line {line})"),
        }
    }
}

impl RulePosition {
    /// The line of the file, from 1; `None`: it stands in no file.
    pub fn line(self) -> Option<usize> {
        match self {
            Self::Temporary(_) => None,
            Self::File { line, .. } => Some(line),
        }
    }

    /// Its place in the file, from 1; `None`: it stands in none.
    pub fn number(self) -> Option<usize> {
        match self {
            Self::Temporary(_) => None,
            Self::File { number, .. } => Some(number),
        }
    }

    fn regexes(&self, written: &[String]) -> Result<Vec<Regex>, CompileError> {
        written
            .iter()
            .map(|text| {
                RegexBuilder::new(text)
                    .case_insensitive(true)
                    .size_limit(MAX_REGEX)
                    .build()
                    .map_err(|error| CompileError::Regex {
                        what: self.to_string(),
                        text: text.clone(),
                        cause: error.to_string(),
                    })
            })
            .collect()
    }
}

/// Whether a rule on `named` holds for a connection by `spoken`: "socks5" covers UDP, "http" covers CONNECT.
pub(crate) fn covers(named: RuleProtocol, spoken: Protocol) -> bool {
    match spoken {
        Protocol::Socks4 => named == RuleProtocol::Socks4,
        Protocol::Socks5 => named == RuleProtocol::Socks5,
        Protocol::Udp => matches!(named, RuleProtocol::Udp | RuleProtocol::Socks5),
        Protocol::Http => named == RuleProtocol::Http,
        Protocol::Connect => matches!(named, RuleProtocol::Connect | RuleProtocol::Http),
    }
}

impl AppMatch {
    fn new(text: &str) -> AppMatch {
        if text.contains(['/', '\\']) {
            AppMatch::Path(text.to_owned())
        } else {
            AppMatch::Name(bare(text).to_lowercase())
        }
    }

    fn is(&self, app: &App) -> bool {
        match self {
            AppMatch::Name(name) => {
                let other = bare(&app.name);
                name.eq_ignore_ascii_case(other)
                    || (!other.is_ascii() && *name == other.to_lowercase())
            }
            AppMatch::Path(path) => app.path.as_deref() == Some(path.as_str()),
        }
    }
}

fn bare(name: &str) -> &str {
    let cut = name.len().saturating_sub(4);
    match (name.get(..cut), name.get(cut..)) {
        (Some(head), Some(end)) if !head.is_empty() && end.eq_ignore_ascii_case(".exe") => head,
        _ => name,
    }
}

/// All rules. Those that name domains are found by the hash of the host and of what lies above it; the others are
/// looked at one by one. Both in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    all: Vec<Rule>,
    /// Noted beside each host: the rule's index.
    exact: HostSet,
    below: HostSet,
    general: Vec<u32>,
}

impl Rules {
    pub(crate) fn new(all: Vec<Rule>) -> Rules {
        let (mut exact, mut below, mut general) = (Vec::new(), Vec::new(), Vec::new());
        for (at, rule) in (0u32..).zip(&all) {
            let entry = |host: &Host| Entry::new(of_host(host), at);
            if !rule.domain.is_empty() {
                exact.extend(rule.domain.iter().map(entry));
            } else if !rule.suffix.is_empty() {
                below.extend(rule.suffix.iter().map(entry));
            } else {
                general.push(at);
            }
        }
        Rules {
            all,
            exact: HostSet::new(exact, |a, b| a == b),
            below: HostSet::new(below, |a, b| a == b),
            general,
        }
    }

    pub(crate) fn all(&self) -> &[Rule] {
        &self.all
    }

    pub(crate) fn have_names(&self) -> bool {
        !(self.exact.is_empty() && self.below.is_empty())
    }

    /// The rules that may speak of the host, in order.
    pub(crate) fn candidates<'a>(&'a self, suffixes: &Suffixes) -> Candidates<'a> {
        let mut named: SmallVec<[&[Entry]; 4]> = SmallVec::new();
        if self.have_names() {
            let whole = suffixes
                .iter()
                .take(1)
                .map(|(_, hash)| self.exact.get(hash));
            let parts = suffixes.iter().map(|(_, hash)| self.below.get(hash));
            named.extend(whole.chain(parts).filter(|found| !found.is_empty()));
        }
        Candidates {
            rules: &self.all,
            named,
            general: &self.general,
        }
    }
}

/// Merges the sorted finds, each rule once.
pub(crate) struct Candidates<'a> {
    rules: &'a [Rule],
    named: SmallVec<[&'a [Entry]; 4]>,
    general: &'a [u32],
}

impl<'a> Iterator for Candidates<'a> {
    /// Its index, the rule, and whether the index has shown its name to match.
    type Item = (usize, &'a Rule, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let by_name = self.named.iter().filter_map(|found| found.first());
        let by_name = by_name.map(|entry| entry.note).min();
        let at = match (by_name, self.general.first().copied()) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b)?,
        };
        for found in &mut self.named {
            if found.first().is_some_and(|entry| entry.note == at) {
                *found = found.get(1..).unwrap_or_default();
            }
        }
        if self.general.first() == Some(&at) {
            self.general = self.general.get(1..).unwrap_or_default();
        }
        let at_index = at as usize;
        Some((at_index, self.rules.get(at_index)?, by_name == Some(at)))
    }
}
