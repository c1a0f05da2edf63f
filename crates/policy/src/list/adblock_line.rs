//! Lines of the adblock format. Rules on a host alone are kept apart from those that need a URL: the former hold for every
//! connection and take 12 bytes, the latter only where a URL can be read.

use adblock::lists::{ParseOptions, ParsedLine, RuleTypes, parse_filter};

use super::line::{HostScope, HostSink, LineEffect, LineFault, LineKind};
use crate::Host;

/// Separators of rules that change what a page shows.
const COSMETIC: [&str; 9] = [
    "##", "#@#", "#?#", "#@?#", "#$#", "#@$#", "#%#", "#@%#", "$$",
];

pub(super) fn adblock(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let text = text.trim();
    if text.is_empty()
        || text.starts_with(['!', '['])
        || text == "#"
        || text.starts_with("# ")
        || text.starts_with("####")
    {
        return Ok(LineKind::Blank);
    }
    if COSMETIC.iter().any(|mark| text.contains(mark)) {
        return Ok(LineKind::Ignored);
    }
    if let Some((ip, _)) = text.split_once([' ', '\t'])
        && ip.parse::<std::net::IpAddr>().is_ok()
    {
        return super::hosts_line::hosts(text, sink);
    }
    let (rule, allow) = match text.strip_prefix("@@") {
        Some(rule) => (rule, true),
        None => (text, false),
    };
    if let Some((host, scope, important)) = host_rule(rule) {
        sink.add(&host, scope, LineEffect { allow, important });
        return Ok(LineKind::Hosts);
    }
    match parse_filter(text, false, options()) {
        Ok(ParsedLine::Network(_)) => Ok(LineKind::UrlRule),
        Ok(ParsedLine::Cosmetic(_)) => Ok(LineKind::Ignored),
        Err(_) => Err(LineFault::Unsupported),
    }
}

pub(super) fn options() -> ParseOptions {
    ParseOptions {
        rule_types: RuleTypes::NetworkOnly,
        ..ParseOptions::default()
    }
}

/// `||host^`, with no option that needs more than the host; whether it is `$important`.
fn host_rule(rule: &str) -> Option<(Host, HostScope, bool)> {
    let (pattern, options) = match rule.split_once('$') {
        Some((pattern, options)) => (pattern, options),
        None => (rule, ""),
    };
    let mut important = false;
    for option in options.split(',').map(str::trim) {
        match option {
            "" | "all" | "document" | "doc" => {}
            "important" => important = true,
            _ => return None,
        }
    }
    let name = pattern.strip_prefix("||")?;
    let name = name.strip_suffix("^|").or_else(|| name.strip_suffix('^'))?;
    let (name, scope) = match name.strip_prefix("*.") {
        Some(name) => (name, HostScope::Subdomains),
        None => (name, HostScope::Both),
    };
    let host = Host::parse(name).ok()?;
    Some((host, scope, important))
}
