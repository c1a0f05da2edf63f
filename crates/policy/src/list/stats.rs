//! What reading a list found, and why a list or a line is refused.

use privet_config::ListFormat;

use super::line::MAX_LINES;
use super::line_fault::LineFault;

/// The largest source of a list, in bytes.
pub const MAX_LIST: u64 = 64 << 20;

/// Skipped lines that are reported one by one.
pub const MAX_ERRORS: usize = 1_000;

/// What reading a list's source found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStats {
    /// The format it was read as; never `Auto`.
    pub format: ListFormat,
    /// Distinct hosts and rules.
    pub entries: usize,
    /// Those of `entries` that hold for every connection, HTTPS too: hosts, networks and patterns on hosts. The others need a URL.
    pub host_entries: usize,
    /// Valid lines that do not concern a proxy: rules that hide parts of a page, zone records.
    pub ignored: usize,
    /// Lines that could not be read.
    pub skipped: usize,
    /// The first of the skipped lines, at most [`MAX_ERRORS`].
    pub errors: Vec<LineError>,
    /// Bytes of the source.
    pub bytes: u64,
    /// Bytes in memory of what can be counted.
    pub memory: usize,
}

/// A line that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LineError {
    /// From 1.
    pub line: u32,
    pub fault: LineFault,
}

/// Why a whole list is refused; the last good version stays in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("the list is larger than {} MiB", MAX_LIST >> 20)]
    TooLarge,
    #[error("the list has more than {MAX_LINES} lines")]
    TooManyLines,
    #[error("this is no list in any known format; it may be a web page or an archive")]
    NotAList,
    #[error(
        "none of its {ignored} rules blocks anything in a proxy: they change pages or requests"
    )]
    BlocksNothing { ignored: usize },
    #[error("not one line could be read as {format}; {first}")]
    NothingUsable {
        format: &'static str,
        first: LineError,
    },
}
