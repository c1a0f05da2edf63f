//! Detects the format of a list by its first lines.

use std::net::IpAddr;

use privet_config::ListFormat;

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
    for line in head.split(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches('\u{feff}').trim();
        let comment = text.starts_with('!')
            || text.starts_with(';')
            || text.starts_with("//")
            || (text.starts_with('#') && !is_cosmetic(text));
        if text.is_empty() || comment {
            continue;
        }
        if text
            .get(..8)
            .is_some_and(|t| t.eq_ignore_ascii_case("[adblock"))
        {
            return Ok(Some(ListFormat::Adblock));
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

fn is_cosmetic(text: &str) -> bool {
    ["##", "#@#", "#?#", "#$#", "#%#"]
        .iter()
        .any(|mark| text.starts_with(mark) && text.len() > mark.len())
        && !text.starts_with("###")
        && !text.starts_with("## ")
}

fn vote(text: &str) -> Option<ListFormat> {
    if text.starts_with("||") || text.starts_with("@@") || text.contains("##") {
        return Some(ListFormat::Adblock);
    }
    if ["address=/", "server=/", "local=/"]
        .iter()
        .any(|key| text.starts_with(key))
    {
        return Some(ListFormat::Dnsmasq);
    }
    let words: Vec<&str> = text.split_ascii_whitespace().take(6).collect();
    if text.starts_with('$')
        || words
            .iter()
            .skip(1)
            .any(|w| w.eq_ignore_ascii_case("CNAME") || w.eq_ignore_ascii_case("SOA"))
    {
        return Some(ListFormat::Rpz);
    }
    match words.as_slice() {
        [ip, _, ..] if ip.parse::<IpAddr>().is_ok() => Some(ListFormat::Hosts),
        [name] | [name, "#", ..] => {
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
