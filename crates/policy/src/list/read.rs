//! Reads a list's source in pieces of any size; the same bytes give the same list however they are cut.

use std::sync::Arc;

use privet_config::ListFormat;

use super::adblock_line::adblock;
use super::detect::detect;
use super::dnsmasq_line::dnsmasq;
use super::hosts_line::{domains, hosts};
use super::line::{LAST_LINE, Line, LineFault, Note, Reach, Take};
use super::rpz_line::Zone;
use super::url_rules::UrlRules;
use super::{LineError, List, ListError, ListStats};
use crate::Host;
use crate::host_hash::of_host;
use crate::host_set::{Entry, HostSet};

/// The largest source of a list, in bytes.
pub const MAX_LIST: u64 = 64 << 20;
/// The longest line that is read, in bytes; a longer one is skipped.
pub const MAX_LINE: usize = 8 << 10;
/// The most lines of a source.
pub const MAX_LINES: u32 = LAST_LINE;
/// How much of the source is looked at to tell its format, in bytes.
const DETECT: usize = 64 << 10;
/// How many faulty lines are remembered.
const MAX_ERRORS: usize = 10;

/// A list in the making.
pub struct ListReader {
    name: String,
    format: ListFormat,
    /// What arrived before the format was known, and behind it a line that has not ended.
    pending: Vec<u8>,
    /// The line that has not ended is too long already.
    overlong: bool,
    bytes: u64,
    lines: Lines,
}

/// What the lines so far have said.
#[derive(Default)]
struct Lines {
    line: u32,
    entries: Vec<Entry>,
    rules: String,
    rule_lines: Vec<u32>,
    zone: Zone,
    beside: usize,
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
            lines: Lines::default(),
        }
    }

    /// Takes the next piece of the source.
    ///
    /// # Errors
    /// The source is too large or, told from its beginning, no list.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), ListError> {
        self.bytes += piece.len() as u64;
        if self.bytes > MAX_LIST {
            return Err(ListError::TooLarge);
        }
        if self.format != ListFormat::Auto {
            return self.read(piece);
        }
        let missing = DETECT - self.pending.len().min(DETECT);
        let (head, rest) = piece.split_at(piece.len().min(missing));
        self.pending.extend_from_slice(head);
        if self.pending.len() < DETECT {
            return Ok(());
        }
        self.detect()?;
        self.read(rest)
    }

    /// Reads the head again, now that its format is known.
    fn detect(&mut self) -> Result<(), ListError> {
        let head = std::mem::take(&mut self.pending);
        let format = detect(&head).map_err(|()| ListError::NotAList)?;
        // A head of nothing but comments fits every format; one name a line is the simplest.
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

    /// The list.
    ///
    /// # Errors
    /// There were lines, and none could be used.
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

impl Lines {
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
        let message = match format {
            ListFormat::Hosts => hosts(text, self),
            ListFormat::Domains | ListFormat::Auto => domains(text, self),
            ListFormat::Dnsmasq => dnsmasq(text, self),
            ListFormat::Rpz => zone.line(text, self),
            ListFormat::Adblock => adblock(text, self),
        };
        self.zone = zone;
        match message {
            Ok(Line::Nothing | Line::Hosts) => {}
            Ok(Line::Beside) => self.beside += 1,
            Ok(Line::Rule) => {
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
            a.hash() == b.hash() && Note::of(a.note).flags() == Note::of(b.note).flags()
        });
        let rules =
            (!self.rule_lines.is_empty()).then(|| UrlRules::new(self.rules, self.rule_lines));
        let entries = hosts.len() + rules.as_ref().map_or(0, UrlRules::len);
        if let (0, 0, Some(first)) = (entries, self.beside, self.errors.first()) {
            return Err(ListError::NothingUsable {
                format: format.as_str(),
                first: first.clone(),
            });
        }
        Ok(List {
            name: name.into(),
            stats: Arc::new(ListStats {
                format,
                entries,
                beside: self.beside,
                skipped: self.skipped,
                errors: self.errors,
                bytes,
                memory: hosts.bytes(),
            }),
            hosts: Arc::new(hosts),
            rules: rules.map(Arc::new),
            hit_counter: Default::default(),
            counting_until: None,
        })
    }
}

impl Take for Lines {
    fn take(&mut self, host: &Host, reach: Reach, allow: bool, important: bool) {
        let reach = match host {
            Host::Ip(_) => Reach::Exact,
            Host::Name(_) => reach,
        };
        let note = Note::new(reach, allow, important, self.line);
        self.entries.push(Entry::new(of_host(host), note.bits()));
    }
}
