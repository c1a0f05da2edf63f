//! Lines of the hosts and domains formats.

use std::net::IpAddr;

use super::line::{HostScope, HostSink, LineEffect, LineFault, LineKind, host, is_sinkhole};
use crate::Host;

/// Names that every `/etc/hosts` defines and that lists do not mean to block.
const SYSTEM_NAMES: [&str; 14] = [
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
pub(super) fn hosts(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let mut words = without_comment(text).split_ascii_whitespace();
    let Some(first) = words.next() else {
        return Ok(LineKind::Blank);
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
    let mut kind = LineKind::Ignored;
    for word in words.filter(|word| !SYSTEM_NAMES.contains(word)) {
        if !is_sinkhole(ip) {
            return Err(LineFault::NoBlock);
        }
        let host = Host::parse(word).map_err(LineFault::Host)?;
        sink.add(&host, HostScope::Exact, LineEffect::BLOCK);
        kind = LineKind::Hosts;
    }
    Ok(kind)
}

/// One name per line, which covers its subdomains; an address covers itself.
pub(super) fn domains(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let text = without_comment(text);
    if text.starts_with(['!', ';']) || text.starts_with("//") {
        return Ok(LineKind::Blank);
    }
    let mut words = text.split_ascii_whitespace();
    let Some(word) = words.next() else {
        return Ok(LineKind::Blank);
    };
    if words.next().is_some() {
        return Err(LineFault::Form);
    }
    match host(word)?.0 {
        Host::Name(name) if !name.contains('.') => Err(LineFault::OneLabel),
        found => {
            sink.add(&found, HostScope::Both, LineEffect::BLOCK);
            Ok(LineKind::Hosts)
        }
    }
}

fn without_comment(text: &str) -> &str {
    text.split('#').next().unwrap_or_default().trim()
}
