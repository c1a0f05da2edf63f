//! What one line of a list can mean.

use serde::Serialize;

use crate::{Host, HostError};

/// The longest line that is read, in bytes; a longer one is skipped.
pub const MAX_LINE: usize = 8 << 10;
/// The most lines of a source: the highest line number that a note has room for.
pub const MAX_LINES: u32 = (1 << LINE_BITS) - 1;

/// The note of a host's entry: the line number, and four flags above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineNote(u32);

const LINE_BITS: u32 = 26;
const EXACT: u32 = 1 << 26;
const BELOW: u32 = 1 << 27;
const ALLOW: u32 = 1 << 28;
const IMPORTANT: u32 = 1 << 29;

/// Which hosts an entry covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostScope {
    /// The host alone.
    Exact,
    /// The subdomains, not the host itself.
    Subdomains,
    /// The host and its subdomains.
    Both,
}

/// What an entry does to the hosts that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineEffect {
    /// An exception: it lets pass.
    pub allow: bool,
    /// `$important`: it wins over those without.
    pub important: bool,
}

impl LineEffect {
    pub(super) const BLOCK: Self = Self {
        allow: false,
        important: false,
    };
    pub(super) const ALLOW: Self = Self {
        allow: true,
        important: false,
    };
}

impl LineNote {
    pub(super) fn new(scope: HostScope, effect: LineEffect, line: u32) -> LineNote {
        let scope = match scope {
            HostScope::Exact => EXACT,
            HostScope::Subdomains => BELOW,
            HostScope::Both => EXACT | BELOW,
        };
        let allow = if effect.allow { ALLOW } else { 0 };
        let important = if effect.important { IMPORTANT } else { 0 };
        LineNote(scope | allow | important | line.min(MAX_LINES))
    }

    pub(super) fn from_bits(bits: u32) -> LineNote {
        LineNote(bits)
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    pub(super) fn line(self) -> u32 {
        self.0 & MAX_LINES
    }

    /// Everything but the line number: entries of one host with the same flags are duplicates.
    pub(super) fn flags(self) -> u32 {
        self.0 & !MAX_LINES
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
    #[error("longer than {} bytes", MAX_LINE)]
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

/// What kind of line was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Blank or a comment.
    Blank,
    /// Valid, and of no meaning to a proxy.
    Ignored,
    /// Its hosts were added to the sink.
    Hosts,
    /// A rule on URLs.
    UrlRule,
}

/// Receives the hosts that a line names.
pub(super) trait HostSink {
    fn add(&mut self, host: &Host, scope: HostScope, effect: LineEffect);
}

/// A host as lists write it, and whether a leading `*.` or `.` was dropped.
pub(super) fn host(text: &str) -> Result<(Host, bool), LineFault> {
    let bare = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
    let host = Host::parse(bare.unwrap_or(text)).map_err(LineFault::Host)?;
    Ok((host, bare.is_some()))
}

/// An address that blocklists point blocked names at.
pub(super) fn is_sinkhole(ip: std::net::IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}
