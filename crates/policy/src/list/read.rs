//! Reads a list's source in pieces of any size. The same bytes give the same list, however they are split.

use std::collections::HashSet;
use std::net::IpAddr;

use privet_config::ListFormat;

use super::adblock_line::adblock;
use super::blocklist::{List, ListContent};
use super::conditions::Conditions;
use super::detect::detect;
use super::dnsmasq_line::dnsmasq;
use super::host_patterns::{self, HostPatterns, PatternBuilder};
use super::hosts_line::{domains, hosts};
use super::line::{
    HostScope, HostSink, LineEffect, LineKind, LineNote, MAX_LINES, is_local,
    without_inline_comment,
};
use super::line_fault::{LineFault, MAX_LINE};
use super::networks::{AddressRange, Networks};
use super::rpz_line::RpzZone;
use super::stats::{LineError, ListError, ListStats, MAX_ERRORS, MAX_LIST};
use super::url_rules::{UrlRuleTexts, UrlRules};
use crate::Host;
use crate::host_hash::of_host;
use crate::host_set::{HostEntry, HostSet};

/// How much of the source is used to detect its format, in bytes.
const DETECT_BYTES: usize = 64 << 10;

/// Reads a list piece by piece.
pub struct ListReader {
    name: String,
    format: ListFormat,
    /// What arrived before the format was known, then the start of a line that has not ended.
    pending: Vec<u8>,
    /// The line that has not ended is longer than [`MAX_LINE`].
    overlong: bool,
    /// The last line ended in CR: a LF that follows belongs to it.
    after_cr: bool,
    bytes: u64,
    lines: ReadLines,
}

/// What the lines so far contain.
#[derive(Default)]
struct ReadLines {
    line: u32,
    entries: Vec<HostEntry>,
    rules: UrlRuleTexts,
    patterns: PatternBuilder,
    networks: Networks,
    /// Some entry has `$badfilter`.
    cancels: bool,
    conditions: Conditions,
    /// Some line names this machine, and was left out.
    names_this_machine: bool,
    zone: RpzZone,
    ignored: usize,
    skipped: usize,
    errors: Vec<LineError>,
}

impl ListReader {
    pub fn new(name: &str, format: ListFormat) -> ListReader {
        ListReader {
            name: name.to_owned(),
            format,
            pending: Vec::new(),
            overlong: false,
            after_cr: false,
            bytes: 0,
            lines: ReadLines::default(),
        }
    }

    /// Reads the next piece of the source.
    ///
    /// # Errors
    /// The source is too large, or its beginning shows that it is no list.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), ListError> {
        self.bytes += piece.len() as u64;
        if self.bytes > MAX_LIST {
            return Err(ListError::TooLarge);
        }
        if self.format != ListFormat::Auto {
            return self.read(piece);
        }
        let missing = DETECT_BYTES - self.pending.len().min(DETECT_BYTES);
        let (head, rest) = piece.split_at(piece.len().min(missing));
        self.pending.extend_from_slice(head);
        if self.pending.len() < DETECT_BYTES {
            return Ok(());
        }
        self.detect()?;
        self.read(rest)
    }

    /// Detects the format and reads the head in it.
    fn detect(&mut self) -> Result<(), ListError> {
        let head = std::mem::take(&mut self.pending);
        let format = detect(&head).map_err(|()| ListError::NotAList)?;
        // A head of comments alone fits every format; one name per line is the simplest.
        self.format = format.unwrap_or(ListFormat::Domains);
        self.read(&head)
    }

    /// Lines end in LF, CRLF or CR.
    fn read(&mut self, mut piece: &[u8]) -> Result<(), ListError> {
        loop {
            if std::mem::take(&mut self.after_cr) {
                piece = piece.strip_prefix(b"\n").unwrap_or(piece);
            }
            let Some(at) = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.keep(piece);
                return Ok(());
            };
            let (part, end) = piece.split_at(at);
            self.after_cr = end.first() == Some(&b'\r');
            if self.pending.is_empty() && !self.overlong {
                self.end_line(part)?;
            } else {
                self.keep(part);
                let line = std::mem::take(&mut self.pending);
                self.end_line(&line)?;
                self.pending = line;
                self.pending.clear();
            }
            piece = end.get(1..).unwrap_or_default();
            if piece.is_empty() {
                return Ok(());
            }
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.pending.len() + part.len() > MAX_LINE {
            self.overlong = true;
            self.pending.clear();
        }
        if !self.overlong {
            self.pending.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), ListError> {
        if self.lines.line == MAX_LINES {
            return Err(ListError::TooManyLines);
        }
        self.lines.line += 1;
        let overlong = std::mem::take(&mut self.overlong) || line.len() > MAX_LINE;
        if overlong {
            self.lines.fault(LineFault::TooLong);
        } else {
            self.lines.read(self.format, line);
        }
        Ok(())
    }

    /// The list, at the end of the source.
    ///
    /// # Errors
    /// The source has lines, and none can be used.
    pub fn finish(mut self) -> Result<List, ListError> {
        if self.format == ListFormat::Auto {
            self.detect()?;
        }
        if !self.pending.is_empty() || self.overlong {
            let line = std::mem::take(&mut self.pending);
            self.end_line(&line)?;
        }
        self.lines.list(self.name, self.format, self.bytes)
    }
}

impl ReadLines {
    fn read(&mut self, format: ListFormat, line: &[u8]) {
        // Comments need not be UTF-8.
        if line.is_empty() || (line.starts_with(b"#") && format != ListFormat::Adblock) {
            return;
        }
        let Ok(text) = std::str::from_utf8(line) else {
            return self.fault(LineFault::NotText);
        };
        let text = if self.line == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            text
        };
        if format == ListFormat::Adblock {
            let text = text.trim();
            // Also inside a block that is left out, where it may end.
            let directive = self.conditions.directive(text);
            if self.conditions.skip() || (directive && !text.starts_with("!#include")) {
                self.ignored += usize::from(!directive && !text.is_empty());
                return;
            }
        }
        let before = self.named();
        let mut zone = std::mem::take(&mut self.zone);
        let read = match format {
            ListFormat::Hosts => hosts(text, self),
            ListFormat::Domains | ListFormat::Auto => domains(text, self),
            ListFormat::Dnsmasq => dnsmasq(text, self),
            ListFormat::Rpz => zone.line(text, self),
            ListFormat::Adblock => adblock(text, self),
        };
        self.zone = zone;
        match read {
            // It names this machine only.
            Ok(LineKind::Hosts) if self.named() == before => {
                self.names_this_machine = true;
                self.ignored += 1;
            }
            Ok(LineKind::Blank | LineKind::Hosts) => {}
            Ok(LineKind::Ignored) => self.ignored += 1,
            Ok(LineKind::UrlRule) => {
                self.rules
                    .add(without_inline_comment(text.trim()), self.line);
            }
            Err(fault) => self.fault(fault),
        }
    }

    fn fault(&mut self, fault: LineFault) {
        self.fault_at(self.line, fault);
    }

    fn fault_at(&mut self, line: u32, fault: LineFault) {
        self.skipped += 1;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(LineError { line, fault });
        }
    }

    /// What lines have added so far.
    fn named(&self) -> (usize, usize, usize) {
        (self.entries.len(), self.networks.len(), self.patterns.len())
    }

    fn list(mut self, name: String, format: ListFormat, bytes: u64) -> Result<List, ListError> {
        self.drop_cancelled();
        let hosts = HostSet::new(std::mem::take(&mut self.entries), |a, b| {
            a.hash() == b.hash()
                && LineNote::from_bits(a.note).is_duplicate_of(LineNote::from_bits(b.note))
        });
        let rules = std::mem::take(&mut self.rules).build();
        let (patterns, dropped) = std::mem::take(&mut self.patterns).build();
        for line in dropped {
            self.fault_at(line, LineFault::TooManyPatterns);
        }
        self.networks.finish();
        let of_patterns = patterns.as_ref().map_or(0, HostPatterns::len);
        let host_entries = hosts.len() + self.networks.len() + of_patterns;
        let entries = host_entries + rules.as_ref().map_or(0, UrlRules::len);
        match (entries, self.ignored, self.errors.first()) {
            (0, 0, Some(first)) => {
                return Err(ListError::NothingUsable {
                    format: format.as_str(),
                    first: first.clone(),
                });
            }
            (0, ignored @ 1.., _) if format == ListFormat::Adblock && !self.names_this_machine => {
                return Err(ListError::BlocksNothing { ignored });
            }
            _ => {}
        }
        let memory = hosts.bytes() + self.networks.bytes();
        let stats = ListStats {
            format,
            entries,
            host_entries,
            ignored: self.ignored,
            skipped: self.skipped,
            errors: self.errors,
            bytes,
            memory,
        };
        let content = ListContent {
            stats,
            hosts,
            rules,
            patterns,
            networks: self.networks,
        };
        Ok(List::new(&name, content))
    }

    /// `$badfilter`: removes the entries that it names, and itself.
    fn drop_cancelled(&mut self) {
        if !self.cancels {
            return;
        }
        let cancels = |entry: &HostEntry| LineNote::from_bits(entry.note).cancels();
        let cancelled: HashSet<(u64, u32)> = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry.hash(), cancels(entry)?)))
            .collect();
        self.entries.retain(|entry| {
            let flags = LineNote::from_bits(entry.note).flags();
            cancels(entry).is_none() && !cancelled.contains(&(entry.hash(), flags))
        });
    }

    fn push(&mut self, host: &Host, note: LineNote) {
        self.entries
            .push(HostEntry::new(of_host(host), note.bits()));
    }
}

/// An address has no subdomains.
fn scope_of(host: &Host, scope: HostScope) -> HostScope {
    match host {
        Host::Ip(_) => HostScope::Exact,
        Host::Name(_) => scope,
    }
}

fn loopback(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Ip(ip) => Some(*ip).filter(IpAddr::is_loopback),
        Host::Name(_) => None,
    }
}

impl HostSink for ReadLines {
    fn add(&mut self, host: &Host, scope: HostScope, effect: LineEffect) {
        if let (false, Some(ip)) = (effect.allow, loopback(host)) {
            // Held like a network, which counts for private addresses only where the list asks for it.
            self.networks.add(AddressRange::single(ip), self.line);
        } else if effect.allow || !is_local(host) {
            self.push(
                host,
                LineNote::new(scope_of(host, scope), effect, self.line),
            );
        }
    }

    fn cancel(&mut self, host: &Host, scope: HostScope, effect: LineEffect) {
        self.cancels = true;
        let note = LineNote::new(scope_of(host, scope), effect, self.line);
        self.push(host, note.cancelling());
    }

    fn add_denyallow(&mut self, host: &Host) {
        self.push(host, LineNote::denyallow(self.line));
    }

    fn add_network(&mut self, network: AddressRange) {
        self.networks.add(network, self.line);
    }

    fn add_pattern(&mut self, regex: &str, effect: LineEffect) -> Result<(), LineFault> {
        self.patterns
            .add(regex, host_patterns::note(effect, self.line))
    }
}

impl List {
    /// Reads a whole source. [`ListReader`] reads it in pieces.
    ///
    /// # Errors
    /// The source is too large, or has lines of which none can be used. An empty source is an empty list.
    pub fn parse(name: &str, bytes: &[u8], format: ListFormat) -> Result<List, ListError> {
        let mut reader = ListReader::new(name, format);
        reader.feed(bytes)?;
        reader.finish()
    }
}
