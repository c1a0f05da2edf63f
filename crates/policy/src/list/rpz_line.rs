//! Lines of a response policy zone: QNAME triggers in a zone file (RFC 1035, section 5; draft-vixie-dnsop-dns-rpz).

use std::net::IpAddr;

use super::line::{Line, LineFault, Reach, Take, is_nowhere};
use crate::Host;

/// What a zone file's lines share.
#[derive(Debug, Default)]
pub(super) struct Zone {
    /// The zone's name with a dot before it and none behind, once `$ORIGIN` or the SOA told it.
    origin: Option<String>,
    /// A record goes on over the next lines until its parenthesis is closed.
    open: bool,
    /// A line that starts with a blank is about the owner of the line before.
    owner: String,
}

impl Zone {
    pub(super) fn line(&mut self, text: &str, to: &mut impl Take) -> Result<Line, LineFault> {
        let text = text.split(';').next().unwrap_or_default().trim_end();
        if self.open {
            self.open = !text.contains(')');
            return Ok(Line::Beside);
        }
        let mut words = text.split_ascii_whitespace();
        let Some(first) = words.next() else {
            return Ok(Line::Nothing);
        };
        if first.eq_ignore_ascii_case("$ORIGIN") {
            self.set_origin(words.next().unwrap_or_default());
            return Ok(Line::Beside);
        }
        if first.starts_with('$') {
            return Ok(Line::Beside);
        }
        self.open = text.contains('(') && !text.contains(')');
        if text.starts_with([' ', '\t']) {
            words = text.split_ascii_whitespace();
        } else {
            first.clone_into(&mut self.owner);
        }
        self.record(words, to)
    }

    fn record<'a>(
        &mut self,
        words: impl Iterator<Item = &'a str>,
        to: &mut impl Take,
    ) -> Result<Line, LineFault> {
        let mut words = words.skip_while(|word| {
            word.bytes().all(|b| b.is_ascii_digit())
                || word.eq_ignore_ascii_case("IN")
                || word.starts_with(|c: char| c.is_ascii_digit())
        });
        let kind = words.next().ok_or(LineFault::Form)?.to_ascii_uppercase();
        let data = words.next().unwrap_or_default();
        match kind.as_str() {
            "CNAME" => self.trigger(self.policy(data)?, to),
            "A" | "AAAA" => match data.parse::<IpAddr>() {
                Ok(ip) if is_nowhere(ip) => self.trigger(false, to),
                Ok(_) => Err(LineFault::NoBlock),
                Err(_) => Err(LineFault::Form),
            },
            "SOA" => {
                if self.origin.is_none() && self.owner.ends_with('.') {
                    let owner = self.owner.clone();
                    self.set_origin(&owner);
                }
                Ok(Line::Beside)
            }
            "NS" | "TXT" | "MX" | "DNAME" | "SRV" => Ok(Line::Beside),
            _ => Err(LineFault::Form),
        }
    }

    /// Whether the action lets pass; everything that hides the true answer blocks.
    fn policy(&self, data: &str) -> Result<bool, LineFault> {
        let data = data.to_ascii_lowercase();
        match data.as_str() {
            "" => Err(LineFault::Form),
            "rpz-passthru." | "rpz-passthru" => Ok(true),
            "rpz-tcp-only." | "rpz-tcp-only" => Err(LineFault::Unsupported),
            // The old way to write a pass: the name is an alias of itself.
            data => Ok(data.trim_end_matches('.') == self.trigger_name().to_ascii_lowercase()),
        }
    }

    fn trigger(&self, allow: bool, to: &mut impl Take) -> Result<Line, LineFault> {
        let name = self.trigger_name();
        if name == "@" || name.is_empty() {
            return Ok(Line::Beside);
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.to_ascii_lowercase().starts_with("rpz-") {
            return Err(LineFault::Unsupported);
        }
        let (bare, reach) = match name.strip_prefix("*.") {
            Some(bare) => (bare, Reach::Below),
            None => (name, Reach::Exact),
        };
        let host = Host::parse(bare).map_err(LineFault::Host)?;
        to.take(&host, reach, allow, false);
        Ok(Line::Hosts)
    }

    /// The owner without the zone's own name.
    fn trigger_name(&self) -> &str {
        let Some(absolute) = self.owner.strip_suffix('.') else {
            return &self.owner;
        };
        let Some(origin) = &self.origin else {
            return absolute;
        };
        let cut = absolute.len().saturating_sub(origin.len());
        match (absolute.get(..cut), absolute.get(cut..)) {
            (Some(head), Some(tail)) if tail.eq_ignore_ascii_case(origin) => head,
            _ => absolute,
        }
    }

    fn set_origin(&mut self, name: &str) {
        let name = name.trim_matches('.');
        self.origin = (!name.is_empty()).then(|| format!(".{name}"));
    }
}
