//! Lines of dnsmasq's configuration: `address=/name/`, `server=/name/`, `local=/name/`.

use std::net::IpAddr;

use super::line::{
    HostScope, HostSink, LineEffect, LineKind, host, is_sinkhole, without_inline_comment,
};
use super::line_fault::LineFault;

pub(super) fn dnsmasq(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let text = without_inline_comment(text.trim());
    if text.is_empty() || text.starts_with('#') {
        return Ok(LineKind::Blank);
    }
    let (key, value) = text.split_once('=').ok_or(LineFault::Form)?;
    let names = value
        .trim()
        .strip_prefix('/')
        .ok_or(LineFault::Unsupported)?;
    let (names, answer) = names.rsplit_once('/').ok_or(LineFault::Form)?;
    let answer = answer.split_ascii_whitespace().next().unwrap_or_default();
    let effect = match (key.trim(), answer) {
        ("address" | "server" | "local", "") | ("address", "#") => LineEffect::BLOCK,
        // "Use the standard servers for this name": an exception to a wider line.
        ("server" | "local", "#") => LineEffect::ALLOW,
        ("address", ip) => match ip.parse::<IpAddr>() {
            Ok(ip) if is_sinkhole(ip) => LineEffect::BLOCK,
            Ok(_) => return Err(LineFault::NoBlock),
            Err(_) => return Err(LineFault::Form),
        },
        ("server" | "local", _) => return Err(LineFault::NoBlock),
        _ => return Err(LineFault::Unsupported),
    };
    let mut kind = LineKind::Ignored;
    for name in names.split('/').filter(|name| !name.is_empty()) {
        let (host, below) = host(name)?;
        // A leading dot has no meaning in dnsmasq; a star excludes the name itself.
        let scope = if below && name.starts_with('*') {
            HostScope::Subdomains
        } else {
            HostScope::Both
        };
        sink.add(&host, scope, effect);
        kind = LineKind::Hosts;
    }
    Ok(kind)
}
