//! Which rule matches, where some cannot be evaluated and some are for one connection.

use super::decision::{Decision, block};
use super::finding::Finding;
use super::observer::{ClaimMode, Observer};
use super::wording;
use crate::host::is_outside_dns;
use crate::host_hash::SuffixHashes;
use crate::rules::{
    Candidates, CompiledAction, Evaluation, MatchResult, MissingFact, NoLookupReason, Rule,
};
use crate::{Action, Route, Verdict, WhyKind};

/// What happens to a connection and to its content, as far as a rule says.
#[derive(PartialEq, Eq)]
struct Consequence {
    action: Action,
    inspect: Option<bool>,
    scan: Option<bool>,
}

impl<'a, O: Observer> Decision<'a, O> {
    /// The first rule that matches.
    ///
    /// # Errors
    /// A refusal: a rule before it could not be evaluated, and the outcome depends on it.
    pub(super) fn first_match(
        &mut self,
        suffixes: &SuffixHashes,
    ) -> Result<Option<&'a Rule>, Verdict> {
        let mut next = 0;
        let mut candidates = self.policy.shared.rules.candidates(suffixes);
        // What decides where the rules that cannot be evaluated do not match.
        let mut otherwise = None;
        while let Some(candidate) = candidates.next() {
            let rule = candidate.rule;
            self.observer
                .skipped(self.policy, self.request, next..candidate.index);
            next = candidate.index + 1;
            let result = match rule.evaluate(self.request, candidate.name_check) {
                Evaluation::Matches if !self.may_use(rule) => MatchResult::Used,
                Evaluation::Undecided(missing) => {
                    let otherwise = otherwise.get_or_insert_with(|| {
                        let rule = self.definite_match(candidates.clone());
                        self.consequence_of(rule, suffixes)
                    });
                    self.resolve_undecided(rule, missing, otherwise, suffixes)
                }
                evaluated => evaluated.into(),
            };
            let finding = Finding::Rule {
                rule,
                result,
                looked_up: self.request.addresses.known(),
            };
            self.observer.saw(self.policy, finding);
            match result {
                MatchResult::Matches => {
                    self.named_by = rule.names_target().then_some(rule);
                    self.matched = Some(rule);
                    return Ok(Some(rule));
                }
                MatchResult::Undecided(MissingFact::Addresses) => self.wants_addresses = true,
                MatchResult::Undecided(missing) => {
                    let text = wording::undetermined(rule, missing, self.request.target);
                    return Err(block(WhyKind::Undetermined, text));
                }
                _ => {}
            }
        }
        let all = self.policy.rules().len();
        self.observer.skipped(self.policy, self.request, next..all);
        Ok(None)
    }

    /// The first of the rules that certainly matches. Nothing is observed or claimed.
    fn definite_match(&self, candidates: Candidates<'a>) -> Option<&'a Rule> {
        candidates
            .filter(|candidate| {
                let evaluated = candidate.rule.evaluate(self.request, candidate.name_check);
                evaluated == Evaluation::Matches && self.could_use(candidate.rule)
            })
            .map(|candidate| candidate.rule)
            .next()
    }

    /// What follows from a rule that could not be evaluated, where `otherwise` happens if it does not match.
    fn resolve_undecided(
        &self,
        rule: &Rule,
        missing: MissingFact,
        otherwise: &Consequence,
        suffixes: &SuffixHashes,
    ) -> MatchResult {
        let is_same = self.consequence_of(Some(rule), suffixes) == *otherwise;
        let otherwise = &otherwise.action;
        if is_same && !self.may_open_own_network(missing, otherwise) {
            return MatchResult::Irrelevant(missing);
        }
        if missing != MissingFact::Addresses {
            return MatchResult::Undecided(missing);
        }
        match otherwise {
            _ if !self.policy.resolves_names() => MatchResult::NotLookedUp(NoLookupReason::Mode),
            _ if self.request.target.host.name().is_some_and(is_outside_dns) => {
                MatchResult::NotLookedUp(NoLookupReason::OutsideDns)
            }
            Action::Route(Route::Via { .. }) => MatchResult::NotLookedUp(NoLookupReason::Upstream),
            Action::Block if !rule.resolve => MatchResult::NotLookedUp(NoLookupReason::Rule),
            // A direct connection resolves the name in any case.
            Action::Block | Action::Route(Route::Direct(_)) => MatchResult::Undecided(missing),
        }
    }

    /// What follows from this rule, or from the mode. Nothing is observed or counted.
    fn consequence_of(&self, rule: Option<&Rule>, suffixes: &SuffixHashes) -> Consequence {
        let action = self.action_of(rule, suffixes);
        let routes = action != Action::Block && self.policy.shared.content.is_on();
        let keys = rule.filter(|_| routes);
        Consequence {
            action,
            inspect: keys.and_then(|rule| rule.inspect),
            scan: keys.and_then(|rule| rule.scan),
        }
    }

    /// What happens to the connection by this rule, or by the mode. Nothing is observed or counted.
    fn action_of(&self, rule: Option<&Rule>, suffixes: &SuffixHashes) -> Action {
        let blocks = rule.is_some_and(|rule| rule.action == CompiledAction::Block);
        if !blocks && self.filters(rule) && self.is_filtered(suffixes) {
            return Action::Block;
        }
        let verdict = match rule {
            Some(rule) => self.rule_verdict(rule),
            None => self.mode_verdict(),
        };
        verdict.action
    }

    /// Whether the rule, if it matches the addresses of a name, lets a client on another machine reach the gateway's own network.
    fn may_open_own_network(&self, missing: MissingFact, otherwise: &Action) -> bool {
        missing == MissingFact::Addresses
            && matches!(otherwise, Action::Route(Route::Direct(_)))
            && !self.is_client_here()
    }

    /// Whether this connection could claim a rule for one connection.
    fn could_use(&self, rule: &Rule) -> bool {
        rule.single_use
            .as_ref()
            .is_none_or(|once| once.is_unclaimed() || once.is_claimed_by(self.request))
    }

    /// A rule for one connection holds for the connection that claims it.
    fn may_use(&self, rule: &Rule) -> bool {
        let Some(single_use) = &rule.single_use else {
            return true;
        };
        match O::CLAIM {
            ClaimMode::Claim => single_use.claim(self.request),
            ClaimMode::Preview => {
                single_use.is_unclaimed() || single_use.is_claimed_by(self.request)
            }
            ClaimMode::ClaimedOnly => single_use.is_claimed_by(self.request),
        }
    }
}
