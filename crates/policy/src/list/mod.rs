//! Blocklists: what a list says of a host or a URL, and on which of its lines.
//!
//! A list's exceptions undo only its own lines, so that no list can open what another closes; `[filter] allow` opens.

mod adblock_line;
mod detect;
mod dnsmasq_line;
mod hit_counter;
mod hosts_line;
mod line;
mod read;
mod rpz_line;
mod url_rules;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use privet_config::ListFormat;
use serde::{Serialize, Serializer};

use crate::Host;
use crate::host_hash::Suffixes;
use crate::host_set::HostSet;

pub use hit_counter::{ListHitCounter, MOST_HOSTS};
pub use line::LineFault;
use line::Note;
pub use read::{ListReader, MAX_LINE, MAX_LINES, MAX_LIST};
use url_rules::UrlRules;

/// One list, read and ready to be asked from any thread. Cheap to clone: what was read is shared.
#[derive(Clone)]
pub struct List {
    name: Arc<str>,
    stats: Arc<ListStats>,
    hosts: Arc<HostSet>,
    rules: Option<Arc<UrlRules>>,
    hit_counter: Arc<ListHitCounter>,
    counting_until: Option<SystemTime>,
}

/// A line of a list that speaks of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListHit {
    /// From 1, in the source of the list.
    pub line: u32,
    /// The line is an exception: the list lets the target pass.
    pub allow: bool,
    /// The line names a domain so many labels above the target; 0 is the target itself, or a rule on the URL.
    pub above: usize,
}

/// What was found in a list's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListStats {
    /// The format it was read as: never `Auto`.
    #[serde(serialize_with = "format_name")]
    pub format: ListFormat,
    /// Distinct hosts and rules in force.
    pub entries: usize,
    /// Lines that mean nothing to a proxy, though they are right: rules that hide parts of a page, zone records.
    pub beside: usize,
    /// Lines that could not be read.
    pub skipped: usize,
    /// The first of those.
    pub errors: Vec<LineError>,
    /// Bytes of the source.
    pub bytes: u64,
    /// Bytes kept in memory, where they can be counted.
    pub memory: usize,
}

/// A line that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LineError {
    pub line: u32,
    pub fault: LineFault,
}

/// Why a whole list is refused; the last good one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("the list is larger than {} MiB", MAX_LIST >> 20)]
    TooLarge,
    #[error("the list has more than {MAX_LINES} lines")]
    TooManyLines,
    #[error("this is no list in any known format; it may be a web page or an archive")]
    NotAList,
    #[error("not one line could be read as {format}; {first}")]
    NothingUsable {
        format: &'static str,
        first: LineError,
    },
}

impl List {
    /// Reads a whole source. [`ListReader`] takes it in pieces.
    ///
    /// # Errors
    /// Too large, or nothing in it is a line of the format. An empty source is an empty list.
    pub fn parse(name: &str, bytes: &[u8], format: ListFormat) -> Result<List, ListError> {
        let mut reader = ListReader::new(name, format);
        reader.feed(bytes)?;
        reader.finish()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn stats(&self) -> &ListStats {
        &self.stats
    }

    /// The same list, counted in `hit_counter` and, until that moment, on probation: it counts what it would block, and blocks
    /// nothing.
    #[must_use]
    pub fn with_hit_counter(
        &self,
        hit_counter: Arc<ListHitCounter>,
        counting_until: Option<SystemTime>,
    ) -> List {
        List {
            hit_counter,
            counting_until,
            ..self.clone()
        }
    }

    /// How many connections this list blocked, alone or with others.
    pub fn hits(&self) -> u64 {
        self.hit_counter.hits()
    }

    /// Until when it only counts, if it does at `at`.
    pub fn probation_at(&self, at: SystemTime) -> Option<SystemTime> {
        self.counting_until.filter(|until| at < *until)
    }

    pub(crate) fn hit_counter(&self) -> &ListHitCounter {
        &self.hit_counter
    }

    /// What the list says of the host and, where it can be read, of the URL: its strongest line, if any.
    pub fn matches(&self, host: &Host, url: Option<&str>) -> Option<ListHit> {
        self.look(host, &Suffixes::of(host), url, None)
    }

    /// As [`List::matches`], the host's hashes made once for all lists.
    pub(crate) fn look(
        &self,
        host: &Host,
        suffixes: &Suffixes,
        url: Option<&str>,
        page: Option<&str>,
    ) -> Option<ListHit> {
        let found = self.look_host(suffixes);
        let (Some(rules), Some(url)) = (&self.rules, url) else {
            return found.map(|(hit, _)| hit);
        };
        let by_url = rules.look(url, &host.text(), page);
        stronger(found, by_url).map(|(hit, _)| hit)
    }

    /// The strongest line on the host, and whether it is `$important`.
    fn look_host(&self, suffixes: &Suffixes) -> Option<(ListHit, bool)> {
        if self.hosts.is_empty() {
            return None;
        }
        let mut best = None;
        for (above, hash) in suffixes.iter() {
            for entry in self.hosts.get(hash) {
                let note = Note::of(entry.note);
                if !note.covers(above) {
                    continue;
                }
                let hit = ListHit {
                    line: note.line(),
                    allow: note.is_allow(),
                    above,
                };
                best = stronger(best, Some((hit, note.is_important())));
            }
            // RPZ and dnsmasq: the most specific name decides, be it a block or an exception.
            if best.is_some() && nearest_decides(self.stats.format) {
                break;
            }
        }
        best
    }
}

fn nearest_decides(format: ListFormat) -> bool {
    matches!(format, ListFormat::Rpz | ListFormat::Dnsmasq)
}

/// `$important` beats an exception, an exception beats a block; between equals the first stays.
fn stronger(a: Option<(ListHit, bool)>, b: Option<(ListHit, bool)>) -> Option<(ListHit, bool)> {
    let rank = |(hit, important): &(ListHit, bool)| match (important, hit.allow) {
        (true, false) => 3,
        (true, true) => 4,
        (false, true) => 2,
        (false, false) => 1,
    };
    match (a, b) {
        (Some(a), Some(b)) if rank(&b) > rank(&a) => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}

fn format_name<S: Serializer>(format: &ListFormat, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(format.as_str())
}

/// Longest text that [`line_text`] returns, in characters.
pub const MAX_SHOWN: usize = 300;

/// Line `line` (from 1) of a source, for showing: control characters replaced, cut at [`MAX_SHOWN`] characters. A list
/// keeps only the numbers of its lines; who explains reads the source again.
pub fn line_text(source: &[u8], line: u32) -> Option<String> {
    let at = usize::try_from(line).ok()?.checked_sub(1)?;
    let bytes = source.split(|byte| *byte == b'\n').nth(at)?;
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(4 * MAX_SHOWN))?);
    let shown = text.trim().chars().take(MAX_SHOWN);
    Some(
        shown
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect(),
    )
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("name", &self.name)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
