//! Lines of the adblock format. Rules on a host alone are told from those that need a URL: the first work for every
//! connection and cost 12 bytes, the second only where a URL can be read.

use adblock::lists::{ParseOptions, ParsedLine, RuleTypes, parse_filter};

use super::line::{Line, LineFault, Reach, Take};
use crate::Host;

/// Marks of rules that change what a page shows.
const COSMETIC: [&str; 9] = [
    "##", "#@#", "#?#", "#@?#", "#$#", "#@$#", "#%#", "#@%#", "$$",
];

pub(super) fn adblock(text: &str, to: &mut impl Take) -> Result<Line, LineFault> {
    let text = text.trim();
    if text.is_empty()
        || text.starts_with(['!', '['])
        || text == "#"
        || text.starts_with("# ")
        || text.starts_with("####")
    {
        return Ok(Line::Nothing);
    }
    if COSMETIC.iter().any(|mark| text.contains(mark)) {
        return Ok(Line::Beside);
    }
    if let Some((ip, _)) = text.split_once([' ', '\t'])
        && ip.parse::<std::net::IpAddr>().is_ok()
    {
        return super::hosts_line::hosts(text, to);
    }
    let (rule, allow) = match text.strip_prefix("@@") {
        Some(rule) => (rule, true),
        None => (text, false),
    };
    if let Some((host, reach, important)) = on_a_host(rule) {
        to.take(&host, reach, allow, important);
        return Ok(Line::Hosts);
    }
    match parse_filter(text, false, options()) {
        Ok(ParsedLine::Network(_)) => Ok(Line::Rule),
        Ok(ParsedLine::Cosmetic(_)) => Ok(Line::Beside),
        Err(_) => Err(LineFault::Unsupported),
    }
}

pub(super) fn options() -> ParseOptions {
    ParseOptions {
        rule_types: RuleTypes::NetworkOnly,
        ..ParseOptions::default()
    }
}

/// `||host^`, with no option that asks for more than the host tells.
fn on_a_host(rule: &str) -> Option<(Host, Reach, bool)> {
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
    let (name, reach) = match name.strip_prefix("*.") {
        Some(name) => (name, Reach::Below),
        None => (name, Reach::Both),
    };
    let host = Host::parse(name).ok()?;
    Some((host, reach, important))
}
