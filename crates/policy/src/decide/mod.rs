//! `decide(Request, &Policy) -> Verdict`: the one function that decides. The engine, the simulator, replay and PAC's test
//! call it; an observer may follow its steps.

mod content_steps;
mod decision;
mod filter;
mod finding;
mod list_hits;
mod match_rules;
mod observer;
mod own_targets;
mod route;
mod steps;
mod treatment;
mod wording;

use crate::explanation::{Explanation, Outcome};
use crate::host_hash::SuffixHashes;
use crate::policy::Policy;
use crate::rules::CompiledAction;
use crate::{Action, Request, Treatment, Verdict};
use decision::Decision;
use finding::Finding;
use observer::{CountingObserver, NoObserver, Observer, ReconsiderObserver, StepRecorder};

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

impl<O: Observer> Decision<'_, O> {
    /// The steps, in order. The first that gives a verdict decides; the mode always gives one.
    fn run(mut self) -> Verdict {
        let verdict = match self.own_endpoint() {
            Some(verdict) => verdict,
            None => self.by_rules_and_mode(),
        };
        let verdict = self.without_own_network(verdict);
        let is_treated =
            self.policy.shared.content.is_on() && matches!(verdict.action, Action::Route(_));
        let treatment = match is_treated {
            true => self.treatment(),
            false => Treatment::default(),
        };
        Verdict {
            wants_addresses: self.wants_addresses,
            treatment,
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
}
