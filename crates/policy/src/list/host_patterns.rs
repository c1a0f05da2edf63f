//! Rules of a list that are patterns on hosts: wildcards inside a name, and regular expressions.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::hit::{ListHit, stronger};
use super::line::{LineEffect, LineNote};
use super::line_fault::LineFault;
use crate::Host;

/// The most patterns of one list.
const MAX_PATTERNS: usize = 1_000;
/// The largest single pattern, compiled, in bytes.
const MAX_PATTERN: usize = 64 << 10;
/// The largest set, compiled, in bytes.
const MAX_SET: usize = 8 << 20;

/// Hosts that have nothing in common: a pattern that matches all of them matches nearly everything.
const UNRELATED: [&str; 3] = ["example.com", "kernel.org", "www.wikipedia.de"];

/// Compiles one pattern on hosts, without regard to case.
///
/// # Errors
/// It is no regular expression of this engine, it is too large, or it matches nearly everything.
pub(super) fn check(regex: &str) -> Result<(), LineFault> {
    let regex: Regex = RegexBuilder::new(regex)
        .unicode(false)
        .case_insensitive(true)
        .size_limit(MAX_PATTERN)
        .build()
        .map_err(|_| LineFault::Unsupported)?;
    let matches = |host: &&str| {
        regex.is_match(host.as_bytes()) || regex.is_match(format!("https://{host}/").as_bytes())
    };
    match UNRELATED.iter().all(matches) {
        true => Err(LineFault::TooBroad),
        false => Ok(()),
    }
}

/// The patterns as they are read.
#[derive(Default)]
pub(super) struct PatternBuilder {
    patterns: Vec<String>,
    notes: Vec<LineNote>,
}

impl PatternBuilder {
    pub(super) fn add(&mut self, regex: &str, note: LineNote) -> Result<(), LineFault> {
        if self.patterns.len() == MAX_PATTERNS {
            return Err(LineFault::TooManyPatterns);
        }
        self.patterns.push(regex.to_owned());
        self.notes.push(note);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.patterns.len()
    }

    /// The set, and the lines of patterns that did not fit into its bound.
    pub(super) fn build(mut self) -> (Option<HostPatterns>, Vec<u32>) {
        let mut dropped = Vec::new();
        while !self.patterns.is_empty() {
            let set = RegexSetBuilder::new(&self.patterns)
                .unicode(false)
                .case_insensitive(true)
                .size_limit(MAX_SET)
                .build();
            if let Ok(set) = set {
                let notes = self.notes;
                return (Some(HostPatterns { set, notes }), dropped);
            }
            let half = self.patterns.len() / 2;
            self.patterns.truncate(half);
            dropped.extend(self.notes.split_off(half).iter().map(|note| note.line()));
        }
        (None, dropped)
    }
}

/// The patterns of one list, as one automaton.
pub(super) struct HostPatterns {
    set: RegexSet,
    notes: Vec<LineNote>,
}

impl HostPatterns {
    pub(super) fn len(&self) -> usize {
        self.notes.len()
    }

    /// A pattern may be written for the host alone or for the beginning of a URL.
    pub(super) fn look_up(&self, host: &Host) -> Option<ListHit> {
        let host = host.text();
        let url = compact_str::format_compact!("https://{host}/");
        let mut best = None;
        for text in [host.as_bytes(), url.as_bytes()] {
            if !self.set.is_match(text) {
                continue;
            }
            for at in self.set.matches(text) {
                let hit = self.notes.get(at).map(|note| ListHit {
                    line: note.line(),
                    allow: note.is_allow(),
                    important: note.is_important(),
                    above: 0,
                });
                best = stronger(best, hit);
            }
        }
        best
    }
}

/// What an adblock pattern with `*` means on a host, as a regular expression.
pub(super) fn wildcard(name: &str, begins: &str, ends: &str) -> String {
    let parts: Vec<String> = name.split('*').map(regex::escape).collect();
    format!("{begins}{}{ends}", parts.join(".*"))
}

/// The effect of a pattern, with its line.
pub(super) fn note(effect: LineEffect, line: u32) -> LineNote {
    LineNote::new(super::line::HostScope::Exact, effect, line)
}
