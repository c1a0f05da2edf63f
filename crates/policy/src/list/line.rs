//! What one line of a list can say.

use serde::Serialize;

use crate::{Host, HostError};

/// What a host's entry notes: the line, and four flags above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note(u32);

const LINE_BITS: u32 = 26;
const EXACT: u32 = 1 << 26;
const BELOW: u32 = 1 << 27;
const ALLOW: u32 = 1 << 28;
const IMPORTANT: u32 = 1 << 29;

/// The last line number a note has room for.
pub(super) const LAST_LINE: u32 = (1 << LINE_BITS) - 1;

/// Whom an entry covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The host alone.
    Exact,
    /// What is below it, not itself.
    Below,
    Both,
}

impl Note {
    pub(super) fn new(reach: Reach, allow: bool, important: bool, line: u32) -> Note {
        let reach = match reach {
            Reach::Exact => EXACT,
            Reach::Below => BELOW,
            Reach::Both => EXACT | BELOW,
        };
        let allow = if allow { ALLOW } else { 0 };
        let important = if important { IMPORTANT } else { 0 };
        Note(reach | allow | important | line.min(LAST_LINE))
    }

    pub(super) fn of(bits: u32) -> Note {
        Note(bits)
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    pub(super) fn line(self) -> u32 {
        self.0 & LAST_LINE
    }

    /// Everything but the line: entries of one host that agree in it say the same.
    pub(super) fn flags(self) -> u32 {
        self.0 & !LAST_LINE
    }

    pub(super) fn covers(self, above: usize) -> bool {
        self.0 & if above == 0 { EXACT } else { BELOW } != 0
    }

    pub(super) fn is_allow(self) -> bool {
        self.0 & ALLOW != 0
    }

    pub(super) fn is_important(self) -> bool {
        self.0 & IMPORTANT != 0
    }
}

/// Why a line was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LineFault {
    #[error("not UTF-8")]
    NotText,
    #[error("longer than {} bytes", super::MAX_LINE)]
    TooLong,
    #[error("{0}")]
    Host(HostError),
    #[error("a domain of one label would block a whole top-level domain")]
    OneLabel,
    #[error("not a line of this format")]
    Form,
    #[error("points the name at another address; that blocks nothing")]
    NoBlock,
    #[error("a trigger or option that is not supported")]
    Unsupported,
}

impl Serialize for LineFault {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Blank or a comment.
    Nothing,
    /// Right, and of no meaning to a proxy.
    Beside,
    /// Its hosts were handed over.
    Hosts,
    /// A rule on URLs.
    Rule,
}

/// Takes the hosts that a line names.
pub(super) trait Take {
    fn take(&mut self, host: &Host, reach: Reach, allow: bool, important: bool);
}

/// A host as lists write it: a leading `*.` or `.` is dropped and told.
pub(super) fn host(text: &str) -> Result<(Host, bool), LineFault> {
    let bare = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
    let host = Host::parse(bare.unwrap_or(text)).map_err(LineFault::Host)?;
    Ok((host, bare.is_some()))
}

/// An address that leads nowhere: what blocklists point names at.
pub(super) fn is_nowhere(ip: std::net::IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}
