//! Reads a list's source in pieces of any size. The same bytes give the same list, however they are split.

use privet_config::ListFormat;

use super::adblock_line::adblock;
use super::blocklist::List;
use super::detect::detect;
use super::dnsmasq_line::dnsmasq;
use super::hosts_line::{domains, hosts};
use super::line::{
    HostScope, HostSink, LineEffect, LineFault, LineKind, LineNote, MAX_LINE, MAX_LINES,
};
use super::rpz_line::RpzZone;
use super::stats::{LineError, ListError, ListStats, MAX_LIST};
use super::url_rules::UrlRules;
use crate::Host;
use crate::host_hash::of_host;
use crate::host_set::{HostEntry, HostSet};

/// How much of the source is used to detect its format, in bytes.
const DETECT_BYTES: usize = 64 << 10;
/// Skipped lines that are reported one by one.
const MAX_ERRORS: usize = 10;

/// Reads a list piece by piece.
pub struct ListReader {
    name: String,
    format: ListFormat,
    /// What arrived before the format was known, then the start of a line that has not ended.
    pending: Vec<u8>,
    /// The line that has not ended is longer than [`MAX_LINE`].
    overlong: bool,
    bytes: u64,
    lines: ReadLines,
}

/// What the lines so far contain.
#[derive(Default)]
struct ReadLines {
    line: u32,
    entries: Vec<HostEntry>,
    rules: String,
    rule_lines: Vec<u32>,
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

    fn read(&mut self, piece: &[u8]) -> Result<(), ListError> {
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let ends = parts.peek().is_some();
            if ends && self.pending.is_empty() && !self.overlong {
                self.end_line(part)?;
                continue;
            }
            self.keep(part);
            if ends {
                let line = std::mem::take(&mut self.pending);
                self.end_line(&line)?;
                self.pending = line;
                self.pending.clear();
            }
        }
        Ok(())
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
        let Ok(text) = std::str::from_utf8(line) else {
            return self.fault(LineFault::NotText);
        };
        let text = if self.line == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            text
        };
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
            Ok(LineKind::Blank | LineKind::Hosts) => {}
            Ok(LineKind::Ignored) => self.ignored += 1,
            Ok(LineKind::UrlRule) => {
                self.rules.push_str(text.trim());
                self.rules.push('\n');
                self.rule_lines.push(self.line);
            }
            Err(fault) => self.fault(fault),
        }
    }

    fn fault(&mut self, fault: LineFault) {
        self.skipped += 1;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(LineError {
                line: self.line,
                fault,
            });
        }
    }

    fn list(self, name: String, format: ListFormat, bytes: u64) -> Result<List, ListError> {
        let hosts = HostSet::new(self.entries, |a, b| {
            a.hash() == b.hash()
                && LineNote::from_bits(a.note).flags() == LineNote::from_bits(b.note).flags()
        });
        let rules =
            (!self.rule_lines.is_empty()).then(|| UrlRules::new(self.rules, self.rule_lines));
        let entries = hosts.len() + rules.as_ref().map_or(0, UrlRules::len);
        if let (0, 0, Some(first)) = (entries, self.ignored, self.errors.first()) {
            return Err(ListError::NothingUsable {
                format: format.as_str(),
                first: first.clone(),
            });
        }
        let stats = ListStats {
            format,
            entries,
            ignored: self.ignored,
            skipped: self.skipped,
            errors: self.errors,
            bytes,
            memory: hosts.bytes(),
        };
        Ok(List::new(&name, stats, hosts, rules))
    }
}

impl HostSink for ReadLines {
    fn add(&mut self, host: &Host, scope: HostScope, effect: LineEffect) {
        let scope = match host {
            Host::Ip(_) => HostScope::Exact,
            Host::Name(_) => scope,
        };
        let note = LineNote::new(scope, effect, self.line);
        self.entries
            .push(HostEntry::new(of_host(host), note.bits()));
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
