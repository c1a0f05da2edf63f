//! Lines of the adblock format. Rules on a host alone are kept apart from those that need a URL: the former hold for every
//! connection and take 12 bytes, the latter only where a URL can be read.

use adblock::lists::{ParseOptions, ParsedLine, RuleTypes, parse_filter};

use super::adblock_options::RuleOptions;
use super::host_patterns;
use super::hosts_line::{domains, hosts};
use super::line::{
    HostScope, HostSink, LineEffect, LineFault, LineKind, sinkhole_address, without_inline_comment,
};
use super::networks::AddressRange;
use crate::Host;

/// Separators of rules that change what a page shows.
const COSMETIC: [&str; 9] = [
    "##", "#@#", "#?#", "#@?#", "#$#", "#@$#", "#%#", "#@%#", "$$",
];

/// Endings of file names, which a pattern without a path may be as well as a host.
const FILE_ENDINGS: [&str; 22] = [
    "js", "css", "gif", "png", "jpg", "jpeg", "webp", "svg", "ico", "php", "html", "htm", "swf",
    "asp", "aspx", "jsp", "cgi", "json", "xml", "woff", "woff2", "mp4",
];

pub(super) fn adblock(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let text = text.trim();
    if text.starts_with("!#include") {
        return Err(LineFault::Include);
    }
    if text.is_empty() || text.starts_with(['!', '[']) || is_comment(text) {
        return Ok(LineKind::Blank);
    }
    if is_cosmetic(text) {
        return Ok(LineKind::Ignored);
    }
    let text = without_inline_comment(text);
    if let Some((address, _)) = text.split_once([' ', '\t'])
        && sinkhole_address(address).is_some()
    {
        return hosts(text, sink);
    }
    if is_bare_host(text) || AddressRange::parse(text).is_some() {
        return domains(text, sink);
    }
    network_rule(text, sink)
}

/// A rule on hosts, where the line is one; every other line is a fault.
pub(super) fn host_rule(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    match network_rule(text, sink)? {
        LineKind::UrlRule => Err(LineFault::Form),
        kind => Ok(kind),
    }
}

fn network_rule(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    let (rule, allow) = match text.strip_prefix("@@") {
        Some(rule) => (rule, true),
        None => (text, false),
    };
    let (pattern, options) = RuleOptions::split(rule);
    if options.changes_requests {
        return Ok(LineKind::Ignored);
    }
    let effect = LineEffect {
        allow,
        important: options.important,
    };
    if !options.needs_more_than_host
        && let Some((host, scope)) = host_pattern(pattern)
    {
        if is_too_broad(&host.text()) {
            return Err(LineFault::TooBroad);
        }
        let spared = options.spared_hosts()?;
        if options.badfilter {
            sink.cancel(&host, scope, effect);
        } else {
            sink.add(&host, scope, effect);
            spared.iter().for_each(|host| sink.spare(host));
        }
        return Ok(LineKind::Hosts);
    }
    if !options.restricts && is_too_broad(pattern.trim_matches(['|', '*', '^', ':', '/', '.'])) {
        return Err(LineFault::TooBroad);
    }
    let holds_for_hosts = !options.needs_more_than_host && !options.badfilter;
    if holds_for_hosts && options.denyallow.is_none() {
        if let Some(regex) = wildcard_pattern(pattern) {
            host_patterns::check(&regex)?;
            sink.add_pattern(&regex, effect)?;
            return Ok(LineKind::Hosts);
        }
        if let Some(regex) = regular_expression(pattern) {
            match host_patterns::check(&regex) {
                Ok(()) => sink.add_pattern(&regex, effect)?,
                Err(LineFault::TooBroad) => return Err(LineFault::TooBroad),
                // The engine for URLs understands more.
                Err(_) => {}
            }
        }
    }
    match parse_filter(&options.without_denyallow(text), false, parse_options()) {
        Ok(ParsedLine::Network(_)) => Ok(LineKind::UrlRule),
        Ok(ParsedLine::Cosmetic(_)) => Ok(LineKind::Ignored),
        Err(_) => Err(LineFault::Unsupported),
    }
}

pub(super) fn parse_options() -> ParseOptions {
    ParseOptions {
        rule_types: RuleTypes::NetworkOnly,
        ..ParseOptions::default()
    }
}

/// A line that begins with `#` and is no rule on the elements of every page.
pub(super) fn is_comment(text: &str) -> bool {
    text.starts_with('#') && (!is_cosmetic(text) || text.starts_with("####"))
}

/// A rule on the elements of pages: `domains##selector` in one of its forms.
pub(super) fn is_cosmetic(text: &str) -> bool {
    if text.starts_with(['|', '@', '/']) || text.starts_with("## ") || text.starts_with("####") {
        return false;
    }
    let first = COSMETIC
        .iter()
        .filter_map(|mark| Some((text.find(mark)?, mark.len())));
    let Some((at, len)) = first.min() else {
        return false;
    };
    let domains = text.get(..at).unwrap_or_default();
    text.len() > at + len && !domains.contains(char::is_whitespace)
}

/// A host that stands alone, as lists of domains write it: `ads.test`, but not `ads.js` or `-ads.`.
fn is_bare_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if !name.contains(['.', ':']) || !name.starts_with(|c: char| c.is_alphanumeric() || c == ':') {
        return false;
    }
    match Host::parse(name) {
        Ok(Host::Ip(_)) => true,
        Ok(Host::Name(host)) => {
            let top = host.rsplit('.').next().unwrap_or_default();
            !name.ends_with('.')
                && (top.bytes().all(|b| b.is_ascii_alphabetic()) || top.starts_with("xn--"))
                && top.len() > 1
                && !FILE_ENDINGS.contains(&top)
        }
        Err(_) => false,
    }
}

/// A literal that nearly every URL contains: nothing, the schemes, `www`, the largest top-level domains, or one letter.
fn is_too_broad(literal: &str) -> bool {
    const BROAD: [&str; 8] = ["http", "https", "ws", "wss", "www", "com", "net", "org"];
    literal.len() < 2
        || BROAD
            .iter()
            .any(|broad| broad.eq_ignore_ascii_case(literal))
}

/// `||host^` and the forms that cover the same connections: without `^`, with `/`, `*` or `|` at the end, `|https://host^`.
fn host_pattern(pattern: &str) -> Option<(Host, HostScope)> {
    let (name, scope) = match pattern.strip_prefix("||") {
        Some(name) => (name, HostScope::Both),
        None => (pattern.strip_prefix("|https://")?, HostScope::Exact),
    };
    let bare = name.trim_end_matches(['^', '|', '/', '*']);
    let end = name.get(bare.len()..).unwrap_or_default();
    // `||ads.` and `||ads*` cover every host that begins so.
    let is_ended = end.starts_with(['^', '/']) || bare.contains(['.', ':']);
    if bare.ends_with('.') || !is_ended {
        return None;
    }
    let (bare, scope) = match bare.strip_prefix("*.") {
        Some(bare) => (bare, HostScope::Subdomains),
        None => (bare, scope),
    };
    Some((Host::parse(bare).ok()?, scope))
}

/// A pattern on hosts with `*` inside or without an end, as a regular expression: `||ad*.test^`, `||ads.*^`, `||ads`.
fn wildcard_pattern(pattern: &str) -> Option<String> {
    let (name, begins) = match pattern.strip_prefix("||") {
        Some(name) => (name, r"^([^/:]*\.)?"),
        None => (pattern.strip_prefix("|https://")?, "^"),
    };
    let bare = name.trim_end_matches(['^', '|', '/']);
    let ends = if bare.len() < name.len() { "$" } else { "" };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.*".contains(&b);
    let letters = bare.bytes().filter(|b| b.is_ascii_alphanumeric()).count();
    if letters == 0 || !bare.bytes().all(is_name) {
        return None;
    }
    Some(host_patterns::wildcard(bare, begins, ends))
}

/// The content of `/…/`.
fn regular_expression(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('/')?.strip_suffix('/')?;
    (!inner.is_empty()).then(|| inner.replace(r"\/", "/"))
}
