//! Lines of the adblock format: comments, cosmetic rules, bare hosts, and network rules.

use super::adblock_rule::network_rule;
use super::hosts_line::{domains, hosts};
use super::line::{HostSink, LineKind, sinkhole_address, without_inline_comment};
use super::line_fault::LineFault;
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
