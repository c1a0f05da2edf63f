//! Lines of the hosts and domains formats.

use std::net::IpAddr;

use super::line::{Line, LineFault, Reach, Take, host, is_nowhere};
use crate::Host;

/// Names that every `/etc/hosts` defines and that no list means to block.
const OF_THE_SYSTEM: [&str; 14] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
    "localhost4",
    "localhost6",
    "0.0.0.0",
];

/// `0.0.0.0 name name …`: blocks exactly these names.
pub(super) fn hosts(text: &str, to: &mut impl Take) -> Result<Line, LineFault> {
    let mut words = without_comment(text).split_ascii_whitespace();
    let Some(first) = words.next() else {
        return Ok(Line::Nothing);
    };
    let ip: IpAddr = first
        .split('%')
        .next()
        .and_then(|ip| ip.parse().ok())
        .ok_or(LineFault::Form)?;
    let mut words = words.peekable();
    if words.peek().is_none() {
        return Err(LineFault::Form);
    }
    let mut line = Line::Beside;
    for word in words.filter(|word| !OF_THE_SYSTEM.contains(word)) {
        if !is_nowhere(ip) {
            return Err(LineFault::NoBlock);
        }
        let host = Host::parse(word).map_err(LineFault::Host)?;
        to.take(&host, Reach::Exact, false, false);
        line = Line::Hosts;
    }
    Ok(line)
}

/// One name a line, which covers what is below it; an address covers itself.
pub(super) fn domains(text: &str, to: &mut impl Take) -> Result<Line, LineFault> {
    let text = without_comment(text);
    if text.starts_with(['!', ';']) || text.starts_with("//") {
        return Ok(Line::Nothing);
    }
    let mut words = text.split_ascii_whitespace();
    let Some(word) = words.next() else {
        return Ok(Line::Nothing);
    };
    if words.next().is_some() {
        return Err(LineFault::Form);
    }
    match host(word)?.0 {
        Host::Name(name) if !name.contains('.') => Err(LineFault::OneLabel),
        found => {
            to.take(&found, Reach::Both, false, false);
            Ok(Line::Hosts)
        }
    }
}

fn without_comment(text: &str) -> &str {
    text.split('#').next().unwrap_or_default().trim()
}
