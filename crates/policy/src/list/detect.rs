//! Detects the format of a list by its first lines.

use privet_config::ListFormat;

use super::adblock_line::{is_comment, is_cosmetic};
use super::line::{sinkhole_address, split_lines, without_inline_comment};
use super::networks::AddressRange;
use crate::Host;

/// The format of most lines. `Ok(None)`: there are only blank lines and comments. `Err`: no line is of any format, or it is a web
/// page.
pub(super) fn detect(head: &[u8]) -> Result<Option<ListFormat>, ()> {
    const ORDER: [ListFormat; 5] = [
        ListFormat::Adblock,
        ListFormat::Rpz,
        ListFormat::Dnsmasq,
        ListFormat::Hosts,
        ListFormat::Domains,
    ];
    let mut votes = [0usize; 5];
    let mut lines = 0;
    for line in split_lines(head) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches('\u{feff}').trim();
        // A header decides, whatever comments say.
        if let Some(format) = header(text) {
            return Ok(Some(format));
        }
        let text = without_inline_comment(text);
        let comment = text.starts_with(['!', ';', '['])
            || text.starts_with("//")
            || (text.starts_with('#') && is_comment(text));
        if text.is_empty() || comment {
            continue;
        }
        if lines == 0 && text.starts_with('<') {
            return Err(());
        }
        lines += 1;
        let vote = vote(text).and_then(|format| ORDER.iter().position(|f| *f == format));
        if let Some(count) = vote.and_then(|at| votes.get_mut(at)) {
            *count += 1;
        }
    }
    let best = votes.iter().max().copied().unwrap_or(0);
    match ORDER.iter().zip(votes).find(|(_, count)| *count == best) {
        Some((format, 1..)) => Ok(Some(*format)),
        _ if lines == 0 => Ok(None),
        _ => Err(()),
    }
}

/// `[Adblock Plus 2.0]` and its like, and the directives that only a zone file has.
fn header(text: &str) -> Option<ListFormat> {
    let begins = |word: &str| {
        let head = text.get(..word.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    let adblock = ["[adblock", "[ublock", "[adguard", "[abp"];
    if text.ends_with(']') && adblock.iter().any(|word| begins(word)) {
        return Some(ListFormat::Adblock);
    }
    let zone = ["$ttl ", "$origin ", "$ttl\t", "$origin\t"];
    zone.iter()
        .any(|word| begins(word))
        .then_some(ListFormat::Rpz)
}

fn vote(text: &str) -> Option<ListFormat> {
    if text.starts_with("||")
        || text.starts_with("@@")
        || text.starts_with('$')
        || is_cosmetic(text)
    {
        return Some(ListFormat::Adblock);
    }
    if ["address=/", "server=/", "local=/"]
        .iter()
        .any(|key| text.starts_with(key))
    {
        return Some(ListFormat::Dnsmasq);
    }
    let record = text.split(['#', ';']).next().unwrap_or_default();
    let words: Vec<&str> = record.split_ascii_whitespace().take(6).collect();
    if words
        .iter()
        .skip(1)
        .any(|w| w.eq_ignore_ascii_case("CNAME") || w.eq_ignore_ascii_case("SOA"))
    {
        return Some(ListFormat::Rpz);
    }
    match words.as_slice() {
        [ip, _, ..] if sinkhole_address(ip).is_some() => Some(ListFormat::Hosts),
        [one] if AddressRange::parse(one).is_some() => Some(ListFormat::Domains),
        [name] => {
            let name = name.trim_start_matches("*.").trim_start_matches('.');
            let is_domain = name.contains(['.', ':']) && Host::parse(name).is_ok();
            // A pattern that is no host can only be a rule on URLs.
            let is_pattern = name.starts_with(['/', '|', '&', '.', '-', '_'])
                || name.contains(['^', '*'])
                || name.contains("$");
            match (is_domain, is_pattern) {
                (true, _) => Some(ListFormat::Domains),
                (false, true) => Some(ListFormat::Adblock),
                _ => None,
            }
        }
        _ => None,
    }
}
