//! Whether `[filter]` and the lists block what the rules and the mode would route.

use std::sync::Arc;

use smallvec::SmallVec;

use super::decision::{Decision, block};
use super::finding::Finding;
use super::list_hits::ListHits;
use super::observer::Observer;
use super::wording::{self, ListSentences};
use crate::host_hash::SuffixHashes;
use crate::host_set::HostSet;
use crate::list::ListHit;
use crate::rules::Rule;
use crate::{List, Verdict, Why, WhyKind};

impl<'a, O: Observer> Decision<'a, O> {
    /// Whether `[filter]` decides on what this rule, or the mode, routes.
    pub(super) fn filters(&self, rule: Option<&Rule>) -> bool {
        self.policy.mode().filter && rule.is_none_or(|rule| rule.filter)
    }

    /// Where the mode and the rule filter: `[filter] allow` passes, `[filter] deny` and the lists block.
    pub(super) fn filter(
        &mut self,
        rule: Option<&'a Rule>,
        suffixes: &SuffixHashes,
    ) -> Option<Verdict> {
        let shared = &self.policy.shared;
        if !self.filters(rule) {
            let finding = match rule {
                Some(rule) if self.policy.mode().filter => Finding::FilterOffByRule(rule),
                _ => Finding::FilterOff,
            };
            self.observer.saw(self.policy, finding);
            return None;
        }
        let allowed = nearest_entry(&shared.allow, &shared.allow_text, suffixes);
        self.observer.saw(self.policy, Finding::Allow(allowed));
        if allowed.is_some() {
            return None;
        }
        let denied = nearest_entry(&shared.deny, &shared.deny_text, suffixes);
        self.observer.saw(self.policy, Finding::Deny(denied));
        if let Some(entry) = denied {
            return Some(block(WhyKind::Deny, wording::denied(entry)));
        }
        self.lists(suffixes)
    }

    /// Whether [`Decision::filter`] blocks, without observing or counting anything.
    pub(super) fn is_filtered(&self, suffixes: &SuffixHashes) -> bool {
        let shared = &self.policy.shared;
        if nearest_entry(&shared.allow, &shared.allow_text, suffixes).is_some() {
            return false;
        }
        nearest_entry(&shared.deny, &shared.deny_text, suffixes).is_some()
            || self.is_blocked_by_lists(suffixes)
    }

    /// Whether [`Decision::lists`] blocks, without observing or counting anything.
    fn is_blocked_by_lists(&self, suffixes: &SuffixHashes) -> bool {
        let hits = ListHits::of(self.request, self.policy, suffixes, |_, _, _| {});
        let blocks =
            |(list, _): (&Arc<List>, ListHit)| list.probation_at(self.request.at).is_none();
        !self.policy.own().names.contains(&self.request.target.host) && hits.effective().any(blocks)
    }

    /// Checks every list, even after one has blocked: the reason names all that match. An exception of one list holds against the
    /// blocks of all, unless they are `$important`. A list on probation blocks nothing, excepts nothing, and is counted separately.
    fn lists(&mut self, suffixes: &SuffixHashes) -> Option<Verdict> {
        let (policy, request) = (self.policy, self.request);
        let host = &request.target.host;
        let hits = ListHits::of(request, policy, suffixes, |list, hit, probation_until| {
            let finding = Finding::List {
                list,
                hit,
                host,
                probation_until,
            };
            self.observer.saw(policy, finding);
        });
        if hits.blocks.is_empty() {
            return None;
        }
        if policy.own().names.contains(host) {
            self.observer.saw(policy, Finding::OwnName);
            return None;
        }
        let blocks: SmallVec<[(&Arc<List>, ListHit); 4]> = hits.effective().collect();
        if let Some((list, hit)) = hits.exception
            && blocks.len() < hits.blocks.len()
        {
            self.observer
                .saw(policy, Finding::ListException { list, hit });
        }
        self.blocked_by(&blocks)
    }

    /// The verdict of the lists that block, and the note of those on probation.
    fn blocked_by(&mut self, blocks: &[(&Arc<List>, ListHit)]) -> Option<Verdict> {
        let host = &self.request.target.host;
        let mut sentences = ListSentences::default();
        for (list, hit) in blocks {
            let probation_until = list.probation_at(self.request.at);
            if O::COUNTS {
                match probation_until {
                    Some(_) => list.hit_counter().count_would_block(host),
                    None => list.hit_counter().count_block(),
                }
            }
            sentences.add(list, *hit, probation_until);
        }
        self.probation_note = sentences.probation_note();
        let reason = sentences.block_reason(host)?;
        Some(block(WhyKind::List, reason))
    }

    pub(super) fn with_probation_note(&mut self, verdict: Verdict) -> Verdict {
        match self.probation_note.take() {
            Some(note) => Verdict {
                why: Why {
                    text: format!("{}; {note}", verdict.why.text).into(),
                    ..verdict.why
                },
                ..verdict
            },
            None => verdict,
        }
    }
}

/// The entry of `[filter] allow` or `deny` with the most labels that covers the host.
fn nearest_entry<'a>(
    set: &HostSet,
    texts: &'a [String],
    suffixes: &SuffixHashes,
) -> Option<&'a str> {
    if set.is_empty() {
        return None;
    }
    let found = suffixes
        .iter()
        .find_map(|(_, hash)| set.get(hash).first())?;
    texts.get(found.note as usize).map(String::as_str)
}
