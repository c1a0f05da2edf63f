//! What one line of a list can mean.

use std::net::{IpAddr, Ipv4Addr};

use super::line_fault::LineFault;
use super::networks::AddressRange;
use crate::Host;

/// The most lines of a source: the highest line number that a note has room for.
pub const MAX_LINES: u32 = (1 << LINE_BITS) - 1;

/// The note of a host's entry: the line number, and six flags above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineNote(u32);

const LINE_BITS: u32 = 26;
const EXACT: u32 = 1 << 26;
const BELOW: u32 = 1 << 27;
const ALLOW: u32 = 1 << 28;
const IMPORTANT: u32 = 1 << 29;
const CANCELS: u32 = 1 << 30;
const DENYALLOW: u32 = 1 << 31;

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

    /// `$badfilter`: the entry with the same flags otherwise does not hold.
    pub(super) fn cancelling(self) -> LineNote {
        LineNote(self.0 | CANCELS)
    }

    /// The flags of the entries that a `$badfilter` cancels; `None`: it is an entry like any other.
    pub(super) fn cancels(self) -> Option<u32> {
        (self.0 & CANCELS != 0).then_some(self.flags() & !CANCELS)
    }

    /// `$denyallow`: the rule of this line does not hold for the host and its subdomains.
    pub(super) fn denyallow(line: u32) -> LineNote {
        LineNote(DENYALLOW | EXACT | BELOW | line.min(MAX_LINES))
    }

    pub(super) fn is_denyallow(self) -> bool {
        self.0 & DENYALLOW != 0
    }

    /// Of two entries of the same host one can be dropped. Entries of `$denyallow` belong to their line.
    pub(super) fn is_duplicate_of(self, other: LineNote) -> bool {
        self.flags() == other.flags() && (!self.is_denyallow() || self.line() == other.line())
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

/// Receives what a line names.
pub(super) trait HostSink {
    fn add(&mut self, host: &Host, scope: HostScope, effect: LineEffect);

    /// `$badfilter`: the same entry of another line does not hold.
    fn cancel(&mut self, host: &Host, scope: HostScope, effect: LineEffect);

    /// `$denyallow`: what this line blocks does not hold for `host` and its subdomains.
    fn add_denyallow(&mut self, host: &Host);

    /// Blocks the addresses from the first to the last.
    fn add_network(&mut self, network: AddressRange);

    /// A regular expression on the host.
    ///
    /// # Errors
    /// The list has too many, or this one is too large.
    fn add_pattern(&mut self, regex: &str, effect: LineEffect) -> Result<(), LineFault>;
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

/// The address at the start of a line of the hosts format: `0` stands for `0.0.0.0`, and a zone (`fe80::1%lo0`) is dropped.
pub(super) fn sinkhole_address(word: &str) -> Option<IpAddr> {
    match word {
        "0" => Some(Ipv4Addr::UNSPECIFIED.into()),
        word => word.split('%').next()?.parse().ok(),
    }
}

/// Names and addresses of the machine itself, which no list blocks.
pub(super) fn is_local(host: &Host) -> bool {
    const NAMES: [&str; 12] = [
        "localhost",
        "local",
        "localdomain",
        "broadcasthost",
        "localhost4",
        "localhost6",
        "ip6-localhost",
        "ip6-loopback",
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
    ];
    match host {
        Host::Ip(ip) => is_sinkhole(*ip),
        Host::Name(name) if !name.contains('.') => {
            NAMES.contains(&name.as_str()) || name == "ip6-allhosts"
        }
        Host::Name(name) => [
            ".localhost",
            ".localdomain",
            ".localdomain4",
            ".localdomain6",
        ]
        .iter()
        .any(|end| name.ends_with(end)),
    }
}

/// The line without a comment that begins after a blank: `# …`, `! …`, `; …` or `// …`.
pub(super) fn without_inline_comment(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find([' ', '\t'])) {
        let blank = from + at;
        let rest = text.get(blank + 1..).unwrap_or_default();
        if rest.starts_with(['#', '!', ';']) || rest.starts_with("//") {
            return text.get(..blank).unwrap_or_default().trim_end();
        }
        from = blank + 1;
    }
    text
}

/// Cuts a text into lines, which end in LF, CRLF or CR.
pub(super) fn split_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            return rest.take();
        };
        let (line, end) = text.split_at(at);
        rest = end.strip_prefix(b"\r\n").or_else(|| end.get(1..));
        Some(line)
    })
}
