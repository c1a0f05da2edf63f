//! Lines of the hosts and domains formats.

use std::net::IpAddr;

use super::adblock_rule::host_rule;
use super::line::{
    HostScope, HostSink, LineEffect, LineKind, host, is_local, is_sinkhole, sinkhole_address,
    without_inline_comment,
};
use super::line_fault::LineFault;
use super::networks::AddressRange;
use crate::Host;

/// `0.0.0.0 name name …`: blocks exactly these names. A line that gives this machine its own names blocks nothing.
pub(super) fn hosts(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let text = without_comment(text);
    if text.starts_with(['!', ';']) || text.starts_with("//") {
        return Ok(LineKind::Blank);
    }
    let Some((first, names)) = text.split_once([' ', '\t']) else {
        return match text.is_empty() || sinkhole_address(text).is_some() {
            true if text.is_empty() => Ok(LineKind::Blank),
            true => Err(LineFault::Form),
            false => domains(text, sink),
        };
    };
    let ip = sinkhole_address(first).ok_or(LineFault::Form)?;
    if is_own_name_line(ip, names) {
        return Ok(LineKind::Ignored);
    }
    let mut kind = LineKind::Ignored;
    for word in names.split_ascii_whitespace() {
        let host = Host::parse(word).map_err(LineFault::Host)?;
        if is_local(&host) {
            continue;
        }
        if !is_sinkhole(ip) {
            return Err(LineFault::NoBlock);
        }
        sink.add(&host, HostScope::Exact, LineEffect::BLOCK);
        kind = LineKind::Hosts;
    }
    Ok(kind)
}

/// Names of this machine at a loopback address: `127.0.1.1 name`, a name of one label, or an alias beside the full name, as
/// `/etc/hosts` has them.
fn is_own_name_line(ip: IpAddr, names: &str) -> bool {
    if !ip.is_loopback() {
        return false;
    }
    let machine = IpAddr::from([127, 0, 1, 1]);
    let mut words = names.split_ascii_whitespace();
    ip == machine || words.any(|word| !word.trim_end_matches('.').contains(['.', ':']))
}

/// One name per line, which covers its subdomains; an address covers itself, a network or range its addresses.
pub(super) fn domains(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let text = without_comment(text);
    if text.is_empty() || text.starts_with(['!', ';', '[']) || text.starts_with("//") {
        return Ok(LineKind::Blank);
    }
    if text.starts_with("||") || text.starts_with("@@||") {
        return host_rule(text, sink);
    }
    if let Some(range) = AddressRange::parse(text) {
        sink.add_network(range?);
        return Ok(LineKind::Hosts);
    }
    if let Some((first, _)) = text.split_once([' ', '\t']) {
        return match sinkhole_address(first) {
            Some(_) => hosts(text, sink),
            None => Err(LineFault::Form),
        };
    }
    match host(text)?.0 {
        Host::Ip(ip) if ip.is_loopback() => {
            sink.add(&Host::Ip(ip), HostScope::Exact, LineEffect::BLOCK);
            Ok(LineKind::Hosts)
        }
        found if is_local(&found) => Ok(LineKind::Ignored),
        Host::Name(name) if !name.contains('.') => Err(LineFault::OneLabel),
        found => {
            sink.add(&found, HostScope::Both, LineEffect::BLOCK);
            Ok(LineKind::Hosts)
        }
    }
}

fn without_comment(text: &str) -> &str {
    let text = text.split('#').next().unwrap_or_default().trim();
    without_inline_comment(text)
}
