//! Hosts of `[inspect]`: a host itself, or `*.` and a domain for the hosts below it.

use crate::Host;
use crate::compile_error::CompileError;
use crate::host_hash::{SuffixHashes, of_host};
use crate::host_set::{HostEntry, HostSet};

/// What each entry is about, in the lowest bit of its note; the rest is its index.
const BELOW: u32 = 1;

#[derive(Debug, Default)]
pub(crate) struct HostPatterns {
    set: HostSet,
    texts: Vec<String>,
}

/// An entry that names a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamingEntry<'a> {
    pub(crate) text: &'a str,
    /// It is the host itself.
    pub(crate) is_exact: bool,
}

impl HostPatterns {
    /// `what` names the setting in the error.
    pub(crate) fn compile(what: &str, entries: &[String]) -> Result<Self, CompileError> {
        let mut set = Vec::new();
        for (at, text) in (0u32..).zip(entries) {
            let (bare, kind) = match text.strip_prefix("*.") {
                Some(domain) => (domain, BELOW),
                None => (text.as_str(), 0),
            };
            let host = Host::parse(bare).map_err(|cause| CompileError::Host {
                what: what.to_owned(),
                text: text.clone(),
                cause,
            })?;
            set.push(HostEntry::new(of_host(&host), at << 1 | kind));
        }
        Ok(Self {
            set: HostSet::new(set, |a, b| {
                a.hash() == b.hash() && a.note & BELOW == b.note & BELOW
            }),
            texts: entries.to_vec(),
        })
    }

    /// The entry nearest to the host that names it.
    pub(crate) fn find(&self, suffixes: &SuffixHashes) -> Option<NamingEntry<'_>> {
        if self.set.is_empty() {
            return None;
        }
        suffixes.iter().find_map(|(depth, hash)| {
            let kind = if depth == 0 { 0 } else { BELOW };
            let entries = self.set.get(hash).iter();
            let found = entries.clone().find(|entry| entry.note & BELOW == kind)?;
            Some(NamingEntry {
                text: self.texts.get((found.note >> 1) as usize)?,
                is_exact: depth == 0,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_host_and_a_star_is_what_is_below() {
        let entries = ["a.test", "*.b.test", "b.test", "*.c.test", "192.0.2.1"];
        let entries = entries.map(str::to_owned);
        let patterns = HostPatterns::compile("x", &entries).unwrap();
        for (host, expected) in [
            ("a.test", Some(("a.test", true))),
            ("x.a.test", None),
            ("b.test", Some(("b.test", true))),
            ("x.b.test", Some(("*.b.test", false))),
            ("y.x.b.test", Some(("*.b.test", false))),
            ("c.test", None),
            ("192.0.2.1", Some(("192.0.2.1", true))),
            ("192.0.2.2", None),
            ("test", None),
        ] {
            let suffixes = SuffixHashes::of(&Host::parse(host).unwrap());
            let found = patterns.find(&suffixes);
            let found = found.map(|entry| (entry.text, entry.is_exact));
            assert_eq!(found, expected, "{host}");
        }
    }
}
