//! `decide(Request, &Policy) -> Verdict`: the one function that decides. The engine, the simulator, replay and PAC's test
//! call it; an observer may follow its steps.

mod finding;
mod observer;
mod wording;

use std::sync::Arc;

use crate::explanation::{Explanation, Outcome};
use crate::host_hash::SuffixHashes;
use crate::host_set::HostSet;
use crate::policy::{ModeRoute, Policy};
use crate::rules::{CompiledAction, MatchResult, Rule};
use crate::{Action, Outbound, Request, Route, Verdict, Why, WhyKind};
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
    /// An `ip` rule could not be evaluated because the target is a name without addresses.
    wants_addresses: bool,
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
            probation_note: None,
        }
    }

    /// The steps, in order. The first that gives a verdict decides; the mode always gives one.
    fn run(mut self) -> Verdict {
        let verdict = match self.own_endpoint() {
            Some(verdict) => verdict,
            None => {
                let suffixes = SuffixHashes::of(&self.request.target.host);
                self.rules(&suffixes)
                    .or_else(|| self.filter(&suffixes))
                    .unwrap_or_else(|| self.mode())
            }
        };
        Verdict {
            wants_addresses: self.wants_addresses,
            ..verdict
        }
    }

    /// A target that is Privet itself is refused: it would loop.
    fn own_endpoint(&mut self) -> Option<Verdict> {
        let (own, target) = (self.policy.own(), self.request.target);
        let mut addresses = self.request.addresses.iter().copied();
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

    /// The first rule that matches decides. Rules hold over `[filter]` and the lists.
    fn rules(&mut self, suffixes: &SuffixHashes) -> Option<Verdict> {
        let rule = self.first_match(suffixes)?;
        self.observer.decided(rule, self.request.at);
        Some(self.by_rule(rule))
    }

    fn first_match(&mut self, suffixes: &SuffixHashes) -> Option<&'a Rule> {
        let mut next = 0;
        for candidate in self.policy.shared.rules.candidates(suffixes) {
            let rule = candidate.rule;
            self.observer
                .skipped(self.policy, self.request, next..candidate.index);
            next = candidate.index + 1;
            let mut result = rule.evaluate(self.request, candidate.name_check);
            if result == MatchResult::Matches && !self.may_use(rule) {
                result = MatchResult::Used;
            }
            self.observer
                .saw(self.policy, Finding::Rule { rule, result });
            match result {
                MatchResult::Matches => return Some(rule),
                MatchResult::AddressesUnknown => self.wants_addresses = true,
                MatchResult::KeyDiffers(_) | MatchResult::Expired | MatchResult::Used => {}
            }
        }
        let all = self.policy.rules().len();
        self.observer.skipped(self.policy, self.request, next..all);
        None
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

    fn by_rule(&self, rule: &Rule) -> Verdict {
        match rule.action {
            CompiledAction::Block => block(WhyKind::Rule, rule.why.clone()),
            CompiledAction::Via(outbound) => self.via(outbound, WhyKind::Rule, &rule.why),
            CompiledAction::Direct => self.direct(WhyKind::Rule, &rule.why).unwrap_or_else(|| {
                let why = wording::direct_forbidden(rule, self.policy);
                block(WhyKind::KillSwitch, why)
            }),
        }
    }

    /// Where the mode filters: `[filter] allow` passes, `[filter] deny` and the lists block.
    fn filter(&mut self, suffixes: &SuffixHashes) -> Option<Verdict> {
        let shared = &self.policy.shared;
        if !self.policy.mode().filter {
            self.observer.saw(self.policy, Finding::FilterOff);
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

    /// Checks every list, even after one has blocked: the reason names all that match. A list on probation blocks nothing and is
    /// counted separately.
    fn lists(&mut self, suffixes: &SuffixHashes) -> Option<Verdict> {
        let host = &self.request.target.host;
        let mut sentences = ListSentences::default();
        for list in self.policy.lists() {
            let hit = list.look_up(host, suffixes, self.request.url, self.request.page);
            let probation_until = list.probation_at(self.request.at);
            let finding = Finding::List {
                list,
                hit,
                host,
                probation_until,
            };
            self.observer.saw(self.policy, finding);
            let Some(hit) = hit.filter(|hit| !hit.allow) else {
                continue;
            };
            if O::COUNTS {
                match probation_until {
                    Some(_) => list.hit_counter().count_would_block(host),
                    None => list.hit_counter().count_block(),
                }
            }
            sentences.add(list, hit, probation_until);
        }
        self.probation_note = sentences.probation_note();
        let reason = sentences.block_reason(host)?;
        Some(block(WhyKind::List, reason))
    }

    /// Where the mode sends what nothing else decided.
    fn mode(&mut self) -> Verdict {
        let mode = self.policy.mode();
        let verdict = match mode.route {
            ModeRoute::Via(outbound) => self.via(outbound, WhyKind::Mode, &mode.why),
            ModeRoute::Nothing => block(WhyKind::KillSwitch, mode.why.clone()),
            ModeRoute::Direct => self
                .direct(WhyKind::Mode, &mode.why)
                .unwrap_or_else(|| block(WhyKind::KillSwitch, mode.why.clone())),
        };
        self.observer.saw(self.policy, Finding::Mode);
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

    fn via(&self, outbound: Outbound, kind: WhyKind, text: &Arc<str>) -> Verdict {
        let fallback = self.policy.permit();
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
