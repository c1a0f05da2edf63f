//! `decide(Request, &Policy) -> Verdict`: the one function that decides. The engine, the simulator, replay and PAC's test
//! call it; an observer may follow its steps.

mod finding;
mod observer;
mod wording;

use std::sync::Arc;
use std::time::SystemTime;

use privet_config::Fallback;
use smallvec::SmallVec;

use crate::explanation::{Explanation, Outcome};
use crate::host::is_outside_dns;
use crate::host_hash::SuffixHashes;
use crate::host_set::HostSet;
use crate::list::{ListHit, Subject};
use crate::policy::{ModeRoute, Policy};
use crate::rules::{Candidates, CompiledAction, Evaluation, MatchResult, NoLookup, Rule, Unknown};
use crate::{Action, List, Outbound, Request, Route, Verdict, Why, WhyKind};
use finding::{Finding, OwnEndpoint};
use observer::{
    ClaimMode, CountingObserver, NoObserver, Observer, ReconsiderObserver, StepRecorder,
};
use wording::ListSentences;

/// Decides on a real connection. The rule and the lists that decide count it, and a rule for one connection is claimed.
pub fn decide(request: &Request<'_>, policy: &Policy) -> Verdict {
    Decision::new(request, policy, &mut CountingObserver).run()
}

/// The verdict that [`decide`] would give. Nothing is counted or claimed.
pub fn simulate(request: &Request<'_>, policy: &Policy) -> Verdict {
    Decision::new(request, policy, &mut NoObserver).run()
}

/// The verdict on a connection that is already open: a rule for one connection holds only if that connection claimed it.
pub fn reconsider(request: &Request<'_>, policy: &Policy) -> Verdict {
    Decision::new(request, policy, &mut ReconsiderObserver).run()
}

/// The verdict that [`decide`] would give, with every step that led to it.
pub fn explain(request: &Request<'_>, policy: &Policy) -> Explanation {
    let mut recorder = StepRecorder::default();
    let verdict = Decision::new(request, policy, &mut recorder).run();
    Explanation {
        outcome: Outcome::of(&verdict, policy),
        verdict,
        rule: recorder.rule,
        steps: recorder.steps,
    }
}

/// One decision: the request, and the findings of its steps so far.
struct Decision<'a, O> {
    request: &'a Request<'a>,
    policy: &'a Policy,
    observer: &'a mut O,
    /// An `ip` rule needs the addresses of the target's name, which may be looked up here.
    wants_addresses: bool,
    /// The rule that matched says which targets it is about.
    named_by_rule: bool,
    /// What lists on probation would do, for the reason of whichever later step decides.
    probation_note: Option<String>,
}

impl<'a, O: Observer> Decision<'a, O> {
    fn new(request: &'a Request<'a>, policy: &'a Policy, observer: &'a mut O) -> Self {
        Self {
            request,
            policy,
            observer,
            wants_addresses: false,
            named_by_rule: false,
            probation_note: None,
        }
    }

    /// The steps, in order. The first that gives a verdict decides; the mode always gives one.
    fn run(mut self) -> Verdict {
        let verdict = match self.own_endpoint() {
            Some(verdict) => verdict,
            None => self.by_rules_and_mode(),
        };
        let verdict = self.without_own_network(verdict);
        Verdict {
            wants_addresses: self.wants_addresses,
            ..verdict
        }
    }

    /// A rule that blocks decides at once. A rule with a route says where, the filter whether, and the mode where if no rule did.
    fn by_rules_and_mode(&mut self) -> Verdict {
        let suffixes = SuffixHashes::of(&self.request.target.host);
        let rule = match self.first_match(&suffixes) {
            Ok(rule) => rule,
            Err(refused) => return refused,
        };
        let Some(rule) = rule else {
            return self
                .filter(None, &suffixes)
                .unwrap_or_else(|| self.by_mode());
        };
        if rule.action != CompiledAction::Block {
            if let Some(blocked) = self.filter(Some(rule), &suffixes) {
                return blocked;
            }
            if self.filters(Some(rule)) {
                let finding = Finding::RouteOfRule(rule);
                self.observer.saw(self.policy, finding);
            }
        }
        self.observer.decided(rule, self.request.at);
        let verdict = self.rule_verdict(rule);
        self.with_probation_note(verdict)
    }

    /// A client on another machine does not reach the gateway's own network, unless a rule that names the target sends it
    /// there. Names that are resolved later are checked by what the permit covers.
    fn without_own_network(&mut self, verdict: Verdict) -> Verdict {
        let (own, target) = (self.policy.own(), self.request.target);
        let client = self.request.client.ip();
        let Action::Route(route) = verdict.action else {
            return verdict;
        };
        if own.is_on_this_machine(client) || self.named_by_rule {
            return Verdict {
                action: Action::Route(route),
                ..verdict
            };
        }
        let mut addresses = self.request.addresses.known().iter();
        let found = match own.own_network_of(&target.host) {
            Some(kind) => Some((kind, None)),
            None => addresses.find_map(|ip| Some((own.own_network_at(*ip)?, Some(*ip)))),
        };
        let Some((kind, resolved)) = found else {
            return Verdict {
                action: Action::Route(route.without_own_network()),
                ..verdict
            };
        };
        let finding = Finding::OwnNetwork {
            target,
            kind,
            resolved,
        };
        self.observer.saw(self.policy, finding);
        let text = wording::own_network(target, kind, resolved);
        block(WhyKind::OwnNetwork, text)
    }

    /// A target that is Privet itself is refused: it would loop.
    fn own_endpoint(&mut self) -> Option<Verdict> {
        let (own, target) = (self.policy.own(), self.request.target);
        let mut addresses = self.request.addresses.known().iter().copied();
        // Without a listener on this port nothing else has to be compared.
        let found = if !own.has_port(target.port) {
            None
        } else if own.answers(target) {
            Some(OwnEndpoint::Named)
        } else {
            addresses
                .find(|ip| own.answers_at(*ip, target.port))
                .map(OwnEndpoint::Resolved)
        };
        self.observer
            .saw(self.policy, Finding::OwnEndpoint { target, found });
        found.map(|found| block(WhyKind::Loop, wording::own_endpoint(target, found)))
    }

    /// The first rule that matches.
    ///
    /// # Errors
    /// A refusal: a rule before it could not be evaluated, and the outcome depends on it.
    fn first_match(&mut self, suffixes: &SuffixHashes) -> Result<Option<&'a Rule>, Verdict> {
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
                Evaluation::Undecided(unknown) => {
                    let otherwise = otherwise.get_or_insert_with(|| {
                        let rule = self.definite_match(candidates.clone());
                        self.action_of(rule, suffixes)
                    });
                    self.resolve_undecided(rule, unknown, otherwise, suffixes)
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
                    self.named_by_rule = rule.names_target();
                    return Ok(Some(rule));
                }
                MatchResult::Undecided(Unknown::Addresses) => self.wants_addresses = true,
                MatchResult::Undecided(unknown) => {
                    let text = wording::undetermined(rule, unknown, self.request.target);
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
        unknown: Unknown,
        otherwise: &Action,
        suffixes: &SuffixHashes,
    ) -> MatchResult {
        if self.action_of(Some(rule), suffixes) == *otherwise {
            return MatchResult::Irrelevant(unknown);
        }
        if unknown != Unknown::Addresses {
            return MatchResult::Undecided(unknown);
        }
        match otherwise {
            _ if !self.policy.resolves_names() => MatchResult::NotLookedUp(NoLookup::Mode),
            _ if self.request.target.host.name().is_some_and(is_outside_dns) => {
                MatchResult::NotLookedUp(NoLookup::OutsideDns)
            }
            Action::Route(Route::Via { .. }) => MatchResult::NotLookedUp(NoLookup::Upstream),
            Action::Block if !rule.resolve => MatchResult::NotLookedUp(NoLookup::Rule),
            // A direct connection resolves the name in any case.
            Action::Block | Action::Route(Route::Direct(_)) => MatchResult::Undecided(unknown),
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

    fn rule_verdict(&self, rule: &Rule) -> Verdict {
        match rule.action {
            CompiledAction::Block => block(WhyKind::Rule, rule.why.clone()),
            CompiledAction::Via(outbound) => {
                self.via(outbound, rule.fallback, WhyKind::Rule, &rule.why)
            }
            CompiledAction::Direct => self.direct(WhyKind::Rule, &rule.why).unwrap_or_else(|| {
                let why = wording::direct_forbidden(rule, self.policy);
                block(WhyKind::KillSwitch, why)
            }),
        }
    }

    /// Whether `[filter]` decides on what this rule, or the mode, routes.
    fn filters(&self, rule: Option<&Rule>) -> bool {
        self.policy.mode().filter && rule.is_none_or(|rule| rule.filter)
    }

    /// Where the mode and the rule filter: `[filter] allow` passes, `[filter] deny` and the lists block.
    fn filter(&mut self, rule: Option<&'a Rule>, suffixes: &SuffixHashes) -> Option<Verdict> {
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
    fn is_filtered(&self, suffixes: &SuffixHashes) -> bool {
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

    /// Where the mode sends what nothing else decided.
    fn by_mode(&mut self) -> Verdict {
        let verdict = self.mode_verdict();
        self.observer.saw(self.policy, Finding::Mode);
        self.with_probation_note(verdict)
    }

    fn mode_verdict(&self) -> Verdict {
        let mode = self.policy.mode();
        match mode.route {
            ModeRoute::Via(outbound) => self.via(outbound, mode.fallback, WhyKind::Mode, &mode.why),
            ModeRoute::Nothing => block(WhyKind::KillSwitch, mode.why.clone()),
            ModeRoute::Direct => self
                .direct(WhyKind::Mode, &mode.why)
                .unwrap_or_else(|| block(WhyKind::KillSwitch, mode.why.clone())),
        }
    }

    fn with_probation_note(&mut self, verdict: Verdict) -> Verdict {
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

    fn via(
        &self,
        outbound: Outbound,
        fallback: Fallback,
        kind: WhyKind,
        text: &Arc<str>,
    ) -> Verdict {
        let fallback = match fallback {
            Fallback::Direct => self.policy.permit(),
            Fallback::None => None,
        };
        verdict(
            Action::Route(Route::Via { outbound, fallback }),
            kind,
            text.clone(),
        )
    }

    /// `None`: the mode's kill switch forbids it.
    fn direct(&self, kind: WhyKind, text: &Arc<str>) -> Option<Verdict> {
        let permit = self.policy.permit()?;
        Some(verdict(
            Action::Route(Route::Direct(permit)),
            kind,
            text.clone(),
        ))
    }
}

/// What the lists say about a request.
struct ListHits<'a> {
    blocks: SmallVec<[(&'a Arc<List>, ListHit); 4]>,
    /// The strongest exception of a list that is not on probation.
    exception: Option<(&'a Arc<List>, ListHit)>,
}

impl<'a> ListHits<'a> {
    /// Asks every list; `saw` is told each answer, with the end of the list's probation.
    fn of(
        request: &'a Request<'a>,
        policy: &'a Policy,
        suffixes: &SuffixHashes,
        mut saw: impl FnMut(&'a List, Option<ListHit>, Option<SystemTime>),
    ) -> ListHits<'a> {
        let subject = Subject {
            host: &request.target.host,
            suffixes,
            addresses: request.addresses.known(),
            url: request.url,
            page: request.page,
        };
        let mut hits = ListHits {
            blocks: SmallVec::new(),
            exception: None,
        };
        for list in policy.lists() {
            let hit = list.look_up(&subject);
            let probation_until = list.probation_at(request.at);
            saw(list, hit, probation_until);
            match hit {
                Some(hit) if !hit.allow => hits.blocks.push((list, hit)),
                Some(hit) if probation_until.is_none() => {
                    let is_stronger = |(_, other): (_, ListHit)| hit.rank() > other.rank();
                    if hits.exception.is_none_or(is_stronger) {
                        hits.exception = Some((list, hit));
                    }
                }
                Some(_) | None => {}
            }
        }
        hits
    }

    /// The blocks that no exception undoes.
    fn effective(&self) -> impl Iterator<Item = (&'a Arc<List>, ListHit)> {
        let excepted = self.exception.map_or(0, |(_, hit)| hit.rank());
        let blocks = self.blocks.iter().copied();
        blocks.filter(move |(_, hit)| hit.rank() > excepted)
    }
}

fn block(kind: WhyKind, text: impl Into<Arc<str>>) -> Verdict {
    verdict(Action::Block, kind, text.into())
}

fn verdict(action: Action, kind: WhyKind, text: Arc<str>) -> Verdict {
    Verdict {
        action,
        why: Why { kind, text },
        wants_addresses: false,
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
