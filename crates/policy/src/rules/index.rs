//! Finds the rules that may match a host without looking at all of them.

use smallvec::SmallVec;

use super::matching::NameCheck;
use super::rule::Rule;
use crate::Host;
use crate::host_hash::{SuffixHashes, of_host};
use crate::host_set::{HostEntry, HostSet};

/// All rules. Those with a `domain` or `domain_suffix` key are found by the hash of the host and of the domains above it; the
/// others are checked one by one. Both in the order of the policy.
#[derive(Debug, Default)]
pub(crate) struct RuleIndex {
    all: Vec<Rule>,
    /// Rules with `domain`; the note of an entry is the rule's index.
    exact: HostSet,
    /// Rules with `domain_suffix` alone.
    below: HostSet,
    /// Indices of the rules without either.
    general: Vec<u32>,
}

impl RuleIndex {
    pub(crate) fn new(all: Vec<Rule>) -> RuleIndex {
        let (mut exact, mut below, mut general) = (Vec::new(), Vec::new(), Vec::new());
        for (index, rule) in (0u32..).zip(&all) {
            let entry = |host: &Host| HostEntry::new(of_host(host), index);
            if !rule.domain.is_empty() {
                exact.extend(rule.domain.iter().map(entry));
            } else if !rule.suffix.is_empty() {
                below.extend(rule.suffix.iter().map(entry));
            } else {
                general.push(index);
            }
        }
        RuleIndex {
            all,
            exact: HostSet::new(exact, |a, b| a == b),
            below: HostSet::new(below, |a, b| a == b),
            general,
        }
    }

    pub(crate) fn all(&self) -> &[Rule] {
        &self.all
    }

    fn has_names(&self) -> bool {
        !(self.exact.is_empty() && self.below.is_empty())
    }

    /// The rules that may match the host, in order.
    pub(crate) fn candidates<'a>(&'a self, suffixes: &SuffixHashes) -> Candidates<'a> {
        let mut named: SmallVec<[&[HostEntry]; 4]> = SmallVec::new();
        if self.has_names() {
            let whole = suffixes
                .iter()
                .take(1)
                .map(|(_, hash)| self.exact.get(hash));
            let parts = suffixes.iter().map(|(_, hash)| self.below.get(hash));
            named.extend(whole.chain(parts).filter(|found| !found.is_empty()));
        }
        Candidates {
            rules: &self.all,
            named,
            general: &self.general,
        }
    }
}

/// A rule that may match.
pub(crate) struct Candidate<'a> {
    /// Its index among all rules, from 0.
    pub(crate) index: usize,
    pub(crate) rule: &'a Rule,
    pub(crate) name_check: NameCheck,
}

/// Merges the sorted results of the look-ups; each rule comes once.
#[derive(Clone)]
pub(crate) struct Candidates<'a> {
    rules: &'a [Rule],
    named: SmallVec<[&'a [HostEntry]; 4]>,
    general: &'a [u32],
}

impl<'a> Iterator for Candidates<'a> {
    type Item = Candidate<'a>;

    fn next(&mut self) -> Option<Candidate<'a>> {
        let by_name = self.named.iter().filter_map(|found| found.first());
        let by_name = by_name.map(|entry| entry.note).min();
        let next = match (by_name, self.general.first().copied()) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b)?,
        };
        for found in &mut self.named {
            if found.first().is_some_and(|entry| entry.note == next) {
                *found = found.get(1..).unwrap_or_default();
            }
        }
        if self.general.first() == Some(&next) {
            self.general = self.general.get(1..).unwrap_or_default();
        }
        let index = next as usize;
        Some(Candidate {
            index,
            rule: self.rules.get(index)?,
            name_check: match by_name == Some(next) {
                true => NameCheck::Done,
                false => NameCheck::Needed,
            },
        })
    }
}
