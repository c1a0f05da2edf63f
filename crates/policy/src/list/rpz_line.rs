//! Lines of a response policy zone: QNAME triggers in a zone file (RFC 1035, section 5; draft-vixie-dnsop-dns-rpz).

use std::net::IpAddr;

use super::line::{HostScope, HostSink, LineEffect, LineKind, is_sinkhole, without_inline_comment};
use super::line_fault::LineFault;
use crate::Host;

/// What has to be remembered from one line of a zone file to the next.
#[derive(Debug, Default)]
pub(super) struct RpzZone {
    /// The zone's name with a dot before it and none after it, once `$ORIGIN` or the SOA has given it.
    origin: Option<String>,
    /// A record continues over the next lines until its parenthesis is closed.
    open: bool,
    /// The owner of the last record: a line that starts with a blank has the same.
    owner: String,
}

impl RpzZone {
    pub(super) fn line(
        &mut self,
        text: &str,
        sink: &mut impl HostSink,
    ) -> Result<LineKind, LineFault> {
        if text.starts_with('#') {
            return Ok(LineKind::Blank);
        }
        let text = text.split(';').next().unwrap_or_default();
        let text = without_inline_comment(text).trim_end();
        if self.open {
            self.open = !text.contains(')');
            return Ok(LineKind::Ignored);
        }
        let mut words = text.split_ascii_whitespace();
        let Some(first) = words.next() else {
            return Ok(LineKind::Blank);
        };
        if first.eq_ignore_ascii_case("$ORIGIN") {
            self.set_origin(words.next().unwrap_or_default());
            return Ok(LineKind::Ignored);
        }
        if first.starts_with('$') {
            return Ok(LineKind::Ignored);
        }
        self.open = text.contains('(') && !text.contains(')');
        if text.starts_with([' ', '\t']) {
            words = text.split_ascii_whitespace();
        } else {
            first.clone_into(&mut self.owner);
        }
        self.record(words, sink)
    }

    fn record<'a>(
        &mut self,
        words: impl Iterator<Item = &'a str>,
        sink: &mut impl HostSink,
    ) -> Result<LineKind, LineFault> {
        let mut words = words.skip_while(|word| {
            word.bytes().all(|b| b.is_ascii_digit())
                || word.eq_ignore_ascii_case("IN")
                || word.starts_with(|c: char| c.is_ascii_digit())
        });
        let kind = words.next().ok_or(LineFault::Form)?.to_ascii_uppercase();
        let data = words.next().unwrap_or_default();
        match kind.as_str() {
            "CNAME" => self.trigger(self.cname_effect(data)?, sink),
            "A" | "AAAA" => match data.parse::<IpAddr>() {
                Ok(ip) if is_sinkhole(ip) => self.trigger(LineEffect::BLOCK, sink),
                Ok(_) => Err(LineFault::NoBlock),
                Err(_) => Err(LineFault::Form),
            },
            "SOA" => {
                if self.origin.is_none() && self.owner.ends_with('.') {
                    let owner = self.owner.clone();
                    self.set_origin(&owner);
                }
                Ok(LineKind::Ignored)
            }
            "NS" | "TXT" | "MX" | "DNAME" | "SRV" => Ok(LineKind::Ignored),
            _ => Err(LineFault::Form),
        }
    }

    /// What a CNAME does: everything that hides the real answer blocks.
    fn cname_effect(&self, data: &str) -> Result<LineEffect, LineFault> {
        let data = data.to_ascii_lowercase();
        match data.as_str() {
            "" => Err(LineFault::Form),
            "rpz-passthru." | "rpz-passthru" => Ok(LineEffect::ALLOW),
            "rpz-tcp-only." | "rpz-tcp-only" => Err(LineFault::Unsupported),
            // The old form of an exception: the name is an alias of itself.
            data => Ok(LineEffect {
                allow: data.trim_end_matches('.') == self.trigger_name().to_ascii_lowercase(),
                important: false,
            }),
        }
    }

    fn trigger(&self, effect: LineEffect, sink: &mut impl HostSink) -> Result<LineKind, LineFault> {
        let name = self.trigger_name();
        if name == "@" || name.is_empty() {
            return Ok(LineKind::Ignored);
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.to_ascii_lowercase().starts_with("rpz-") {
            return Err(LineFault::Unsupported);
        }
        let (bare, scope) = match name.strip_prefix("*.") {
            Some(bare) => (bare, HostScope::Subdomains),
            None => (name, HostScope::Exact),
        };
        let host = Host::parse(bare).map_err(LineFault::Host)?;
        sink.add(&host, scope, effect);
        Ok(LineKind::Hosts)
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
