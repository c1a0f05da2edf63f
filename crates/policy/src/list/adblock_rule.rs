//! Network rules of the adblock format. Rules on a host alone are kept apart from those that need a URL: the former hold for
//! every connection and take 12 bytes, the latter only where a URL can be read.

use adblock::lists::{ParseOptions, ParsedLine, RuleTypes, parse_filter};

use super::adblock_options::RuleOptions;
use super::host_patterns;
use super::line::{HostScope, HostSink, LineEffect, LineKind};
use super::line_fault::LineFault;
use crate::Host;

/// A rule on hosts, where the line is one; every other line is a fault.
pub(super) fn host_rule(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
    match network_rule(text, sink)? {
        LineKind::UrlRule => Err(LineFault::Form),
        kind => Ok(kind),
    }
}

pub(super) fn network_rule(text: &str, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
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
        let denyallow = options.denyallow_hosts()?;
        if options.badfilter {
            sink.cancel(&host, scope, effect);
        } else {
            sink.add(&host, scope, effect);
            denyallow.iter().for_each(|host| sink.add_denyallow(host));
        }
        return Ok(LineKind::Hosts);
    }
    if !options.restricts && is_too_broad(pattern.trim_matches(['|', '*', '^', ':', '/', '.'])) {
        return Err(LineFault::TooBroad);
    }
    let mut holds = false;
    let holds_for_hosts = !options.needs_more_than_host && !options.badfilter;
    if holds_for_hosts && options.denyallow.is_none() {
        if let Some(regex) = wildcard_pattern(pattern) {
            host_patterns::check(&regex)?;
            sink.add_pattern(&regex, effect)?;
            return Ok(LineKind::Hosts);
        }
        if let Some(regex) = regular_expression(pattern) {
            match host_patterns::check(&regex) {
                Ok(()) => {
                    sink.add_pattern(&regex, effect)?;
                    holds = true;
                }
                Err(LineFault::TooBroad) => return Err(LineFault::TooBroad),
                // The engine for URLs understands more.
                Err(_) => {}
            }
        }
    }
    match parse_filter(&options.without_denyallow(text), false, parse_options()) {
        Ok(ParsedLine::Network(_)) => Ok(LineKind::UrlRule),
        Ok(ParsedLine::Cosmetic(_)) => Ok(LineKind::Ignored),
        // An expression that ends with `$` is one of hosts alone.
        Err(_) if holds => Ok(LineKind::Hosts),
        Err(_) => Err(LineFault::Unsupported),
    }
}

pub(super) fn parse_options() -> ParseOptions {
    ParseOptions {
        rule_types: RuleTypes::NetworkOnly,
        ..ParseOptions::default()
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
