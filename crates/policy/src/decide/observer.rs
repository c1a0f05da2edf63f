//! Observers of a decision: none on the hot path, a recorder of steps for explanations.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use super::finding::Finding;
use super::steps;
use crate::Request;
use crate::explanation::{MAX_STEPS, Step};
use crate::policy::Policy;
use crate::rules::{NameCheck, Rule};

/// What a decision does with a rule that is for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimMode {
    /// Claims it, unless another connection did.
    Claim,
    /// Checks whether this connection could claim it, without claiming.
    Preview,
    /// Follows it only if this connection has claimed it before.
    ClaimedOnly,
}

/// Follows the steps of a decision.
pub(super) trait Observer {
    /// The decision is about a real connection: lists count it.
    const COUNTS: bool;
    const CLAIM: ClaimMode;

    /// This rule decided.
    fn decided(&mut self, _rule: &Rule, _at: SystemTime) {}

    /// One step was made.
    fn saw(&mut self, _policy: &Policy, _finding: Finding<'_>) {}

    /// The index passed over these rules, since they name other hosts.
    fn skipped(&mut self, _policy: &Policy, _request: &Request<'_>, _rules: Range<usize>) {}
}

/// For real connections: counts the rule that decided.
pub(super) struct CountingObserver;

impl Observer for CountingObserver {
    const COUNTS: bool = true;
    const CLAIM: ClaimMode = ClaimMode::Claim;

    fn decided(&mut self, rule: &Rule, at: SystemTime) {
        rule.hit_counter.count(at);
    }
}

/// For simulations.
pub(super) struct NoObserver;

impl Observer for NoObserver {
    const COUNTS: bool = false;
    const CLAIM: ClaimMode = ClaimMode::Preview;
}

/// For connections that are already open.
pub(super) struct ReconsiderObserver;

impl Observer for ReconsiderObserver {
    const COUNTS: bool = false;
    const CLAIM: ClaimMode = ClaimMode::ClaimedOnly;
}

/// Records every step in words.
#[derive(Default)]
pub(super) struct StepRecorder {
    pub steps: Vec<Step>,
    /// The id of the rule that decided.
    pub rule: Option<Arc<str>>,
}

impl Observer for StepRecorder {
    const COUNTS: bool = false;
    const CLAIM: ClaimMode = ClaimMode::Preview;

    fn decided(&mut self, rule: &Rule, _at: SystemTime) {
        self.rule = Some(rule.id.clone());
    }

    fn saw(&mut self, policy: &Policy, finding: Finding<'_>) {
        let step = steps::step(policy, finding);
        // Beyond the bound only steps that matched are recorded.
        if self.steps.len() < MAX_STEPS || step.matched {
            self.steps.push(step);
        }
    }

    fn skipped(&mut self, policy: &Policy, request: &Request<'_>, rules: Range<usize>) {
        let room = MAX_STEPS.saturating_sub(self.steps.len());
        let rules = policy.rules().get(rules).unwrap_or_default();
        for rule in rules.iter().take(room) {
            let finding = Finding::Rule {
                rule,
                result: rule.evaluate(request, NameCheck::Needed).into(),
                looked_up: &[],
            };
            self.steps.push(steps::step(policy, finding));
        }
        if rules.len() > room {
            self.steps.push(steps::more_rules(rules.len() - room));
        }
    }
}
