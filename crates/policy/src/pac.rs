//! The proxy auto-configuration (PAC) file: the rules as far as a URL shows their keys, in ECMAScript 3.
//!
//! It never resolves a name, and leaves to Privet what a URL does not show. It answers `DIRECT` without Privet only for what an
//! explicit rule sends direct, for loopback, and for Privet's own listeners.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;
use privet_config::Fallback;

use crate::policy::ModeRoute;
use crate::rules::{CompiledAction, Rule};
use crate::{Host, OwnEndpoints, Policy};

const TEMPLATE: &str = include_str!("pac.js");

/// The proxy that the file names: `host:port` of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacProxy<'a> {
    Http(&'a str),
    /// HTTP over TLS.
    Https(&'a str),
}

impl<'a> From<&'a str> for PacProxy<'a> {
    fn from(http: &'a str) -> Self {
        Self::Http(http)
    }
}

impl std::fmt::Display for PacProxy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(proxy) => write!(f, "PROXY {proxy}"),
            Self::Https(proxy) => write!(f, "HTTPS {proxy}"),
        }
    }
}

/// Writes the file. `proxy` is an HTTP listener, `socks` that of a SOCKS5 listener, which is tried next.
///
/// Everything but loopback goes to Privet, and direct when Privet cannot be reached (`; DIRECT`), unless the mode names an
/// upstream or a group without a fallback, or has a kill switch. What a rule blocks, or sends through an upstream without a
/// fallback, goes to Privet alone.
pub fn pac<'a>(policy: &Policy, proxy: impl Into<PacProxy<'a>>, socks: Option<&str>) -> String {
    pac_of(policy, proxy.into(), socks, None)
}

/// As [`pac`], for the program with this file name: rules for other programs are left out.
pub fn pac_for<'a>(policy: &Policy, proxy: impl Into<PacProxy<'a>>, app: &str) -> String {
    pac_of(policy, proxy.into(), None, Some(app))
}

fn pac_of(policy: &Policy, proxy: PacProxy<'_>, socks: Option<&str>, app: Option<&str>) -> String {
    let kill_switch = policy.mode().kill_switch;
    let mut refuse = proxy.to_string();
    if let Some(socks) = socks {
        let _ = write!(refuse, "; SOCKS5 {socks}");
    }
    let ask = match allows_direct(policy) {
        true => format!("{refuse}; DIRECT"),
        false => refuse.clone(),
    };
    // With a kill switch nothing goes direct: the answer is the same for every target.
    let rules: Vec<&Rule> = if kill_switch {
        Vec::new()
    } else {
        relevant_rules(policy, app)
    };
    let own = policy.own();
    let values = [
        ("$ASK", quoted(&ask)),
        ("$REFUSE", quoted(&refuse)),
        ("$OWN_NAMES", names(&own.names)),
        ("$OWN_PORTS", own_ports(own)),
        ("$OWN_SOCKETS", own_sockets(own)),
        (
            "$RULES",
            array(rules.iter().map(|one| rule(one, policy, app))),
        ),
    ];
    // A placeholder is at the end of a whole line, so that an inserted value is never expanded again.
    let mut text = String::with_capacity(TEMPLATE.len() + 256);
    for line in TEMPLATE.lines() {
        match values
            .iter()
            .find(|(key, _)| line.ends_with(&format!("= {key};")))
        {
            Some((key, value)) => {
                let head = line.strip_suffix(&format!("{key};")).unwrap_or(line);
                let _ = writeln!(text, "{head}{value};");
            }
            None => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

/// Whether what no rule decides may go direct when Privet cannot be reached.
fn allows_direct(policy: &Policy) -> bool {
    let mode = policy.mode();
    let route = match mode.route {
        ModeRoute::Direct => true,
        ModeRoute::Via(_) => mode.fallback == Fallback::Direct,
        ModeRoute::Nothing => false,
    };
    route && !mode.kill_switch
}

/// The rules that may match the program, up to the last one that does not leave the answer to Privet: later ones do not
/// change it.
fn relevant_rules<'a>(policy: &'a Policy, app: Option<&str>) -> Vec<&'a Rule> {
    let may_match = |rule: &&Rule| app.is_none_or(|app| rule.names_app(app) != Some(false));
    let mut all: Vec<&Rule> = policy.rules().iter().filter(may_match).collect();
    let last = all
        .iter()
        .rposition(|rule| answer(rule, policy) != PacAnswer::Ask);
    all.truncate(last.map_or(0, |at| at + 1));
    all
}

/// What the file answers where a rule matches, by its number there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PacAnswer {
    Ask = 0,
    Direct = 1,
    Refuse = 2,
}

fn answer(rule: &Rule, policy: &Policy) -> PacAnswer {
    match (rule.action, rule.fallback) {
        // Privet's filter decides whether it passes.
        (CompiledAction::Direct, _) if rule.filter && policy.filters_anything() => PacAnswer::Ask,
        (CompiledAction::Direct, _) => PacAnswer::Direct,
        (CompiledAction::Via(_), Fallback::Direct) => PacAnswer::Ask,
        (CompiledAction::Via(_), Fallback::None) | (CompiledAction::Block, _) => PacAnswer::Refuse,
    }
}

fn rule(rule: &Rule, policy: &Policy, app: Option<&str>) -> String {
    let then = answer(rule, policy) as u8;
    let mut text = format!("{{ then: {then}");
    let mut key = |name: &str, value: String| {
        let _ = write!(text, ", {name}: {value}");
    };
    if !rule.port.is_empty() {
        key("port", ranges(&rule.port));
    }
    if !rule.domain.is_empty() {
        key("domain", names(&rule.domain));
        key("domainIp", addresses(&rule.domain));
    }
    if !rule.suffix.is_empty() {
        key("suffix", names(&rule.suffix));
        key("suffixIp", addresses(&rule.suffix));
    }
    if !rule.ip.is_empty() {
        key("ip", array(rule.ip.iter().map(net)));
    }
    if rule.needs_more_than_url(app) {
        key("more", "1".into());
    }
    text.push_str(" }");
    text
}

fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(", "))
}

fn ranges(ports: &[(u16, u16)]) -> String {
    array(ports.iter().map(|(low, high)| format!("[{low}, {high}]")))
}

fn names(hosts: &[Host]) -> String {
    let names = hosts.iter().filter_map(Host::name);
    let keys: Vec<String> = names
        .map(|name| format!("{}: 1", quoted(&format!("~{name}"))))
        .collect();
    format!("{{{}}}", keys.join(", "))
}

fn addresses(hosts: &[Host]) -> String {
    let addresses = hosts.iter().filter_map(Host::ip);
    array(addresses.map(|ip| net(&IpNet::from(ip))))
}

/// The bytes of the address, followed by the length of the prefix.
fn net(net: &IpNet) -> String {
    let bytes = match net.network() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let numbers = bytes.into_iter().chain([net.prefix_len()]);
    array(numbers.map(|number| number.to_string()))
}

fn own_ports(own: &OwnEndpoints) -> String {
    let ports: Vec<_> = own.listeners.iter().map(|l| (l.port(), l.port())).collect();
    ranges(&ports)
}

fn own_sockets(own: &OwnEndpoints) -> String {
    let mut sockets = Vec::new();
    for listener in &own.listeners {
        let on = [listener.ip()];
        for ip in on.iter().chain(&own.addresses) {
            let ip = ip.to_canonical();
            if own.answers_at(ip, listener.port()) && !ip.is_unspecified() {
                let net = net(&IpNet::from(ip));
                sockets.push(format!("[{net}, {}]", listener.port()));
            }
        }
    }
    sockets.sort();
    sockets.dedup();
    array(sockets.into_iter())
}

/// A string literal of printable ASCII; `<` is escaped too, so that it cannot contain `</script>`.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(c) if c.is_ascii_alphanumeric() || " .:;,_-~[]()/".contains(c) => literal.push(c),
            _ => {
                let _ = write!(literal, "\\u{unit:04x}");
            }
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_cannot_leave_its_quotes() {
        let evil = "a\"; evil()//\\\n\u{2028}</script>";
        let literal = quoted(evil);
        assert_eq!(
            literal,
            "\"a\\u0022; evil()//\\u005c\\u000a\\u2028\\u003c/script\\u003e\""
        );
    }
}
