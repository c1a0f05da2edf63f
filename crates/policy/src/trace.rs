//! What a decision looked at: nothing is kept on the hot path, every step for who asks why.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::policy::Policy;
use crate::rules::{Look, Rule, RulePosition, Then};
use crate::{Action, Request, Route, Verdict, WhyKind};

/// The most steps of rules that are told one by one; what goes beyond is summed up in one step.
pub const MAX_STEPS: usize = 200;

/// One thing that was looked at, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was looked at: "loop", "rule 3", "temporary rule 1", "filter.allow", "filter.deny", "list ads", "mode standard".
    pub what: String,
    /// The list whose source `line` counts in; `None`: the configuration file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<Arc<str>>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What stands on that line, once [`Explanation::quote`] was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    pub matched: bool,
    /// Why it matched, or why not, in a sentence.
    pub text: String,
    /// The same for who tells it in another language.
    #[serde(skip)]
    pub message: StepMessage,
}

/// A sentence by its code, and what stands in its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMessage {
    /// A stable key: "rule.key", "list.blocks", "mode.direct".
    pub code: &'static str,
    pub values: Vec<(&'static str, String)>,
}

impl StepMessage {
    pub(crate) fn plain(code: &'static str) -> StepMessage {
        StepMessage {
            code,
            values: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> StepMessage {
        self.values.push((name, value.to_string()));
        self
    }
}

/// A verdict and every step that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    #[serde(skip)]
    pub verdict: Verdict,
    /// The verdict as machines read it.
    pub outcome: Outcome,
    /// What the rule that decided is known by; `None`: no rule did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    pub steps: Vec<Step>,
}

/// A verdict by names, for people and machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub action: OutcomeAction,
    /// The upstream or group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound: Option<Arc<str>>,
    /// When the outbound is down, the connection goes direct.
    pub fallback_direct: bool,
    pub kind: WhyKind,
    pub text: Arc<str>,
    /// Resolved addresses may change the verdict.
    pub wants_addresses: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeAction {
    Block,
    Direct,
    Via,
}

impl Outcome {
    pub fn of(verdict: &Verdict, policy: &Policy) -> Outcome {
        let (action, outbound, fallback_direct) = match &verdict.action {
            Action::Block => (OutcomeAction::Block, None, false),
            Action::Route(Route::Direct(_)) => (OutcomeAction::Direct, None, false),
            Action::Route(Route::Via { outbound, fallback }) => (
                OutcomeAction::Via,
                policy.outbound(*outbound).cloned(),
                fallback.is_some(),
            ),
        };
        Outcome {
            action,
            outbound,
            fallback_direct,
            kind: verdict.why.kind,
            text: verdict.why.text.clone(),
            wants_addresses: verdict.wants_addresses,
        }
    }

    /// Both go the same way, whatever the reason.
    pub fn has_same_route(&self, other: &Outcome) -> bool {
        self.action == other.action
            && self.outbound == other.outbound
            && self.fallback_direct == other.fallback_direct
    }
}

impl Explanation {
    /// Puts beside each step of a list what stands on its line. `text` is given the list's name and the line; see
    /// [`crate::line_text`].
    pub fn quote(&mut self, mut text: impl FnMut(&str, u32) -> Option<String>) {
        for step in &mut self.steps {
            if let (Some(list), Some(line)) = (&step.list, step.line) {
                step.source = text(list, line);
            }
        }
    }
}

/// Whether the question takes a rule that is for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taking {
    Takes,
    WouldTake,
    Never,
}

/// Hears of each step of a decision.
pub(crate) trait Trace {
    /// The decision is of a real connection: lists count it.
    const LIVE: bool;
    const TAKING: Taking;
    /// The rule that decided.
    fn decided(&mut self, _: &Rule, _: SystemTime) {}
    fn step(&mut self, step: impl FnOnce() -> Step);
    /// Rules that the index has passed over, since they name other hosts.
    fn passed(&mut self, policy: &Policy, request: &Request<'_>, rules: Range<usize>);
}

/// The hot path.
pub(crate) struct Live;

impl Trace for Live {
    const LIVE: bool = true;
    const TAKING: Taking = Taking::Takes;

    fn decided(&mut self, rule: &Rule, at: SystemTime) {
        rule.hit_counter.count(at);
    }

    fn step(&mut self, _: impl FnOnce() -> Step) {}
    fn passed(&mut self, _: &Policy, _: &Request<'_>, _: Range<usize>) {}
}

/// A question that nobody but the asker should notice.
pub(crate) struct Quiet;

impl Trace for Quiet {
    const LIVE: bool = false;
    const TAKING: Taking = Taking::WouldTake;
    fn step(&mut self, _: impl FnOnce() -> Step) {}
    fn passed(&mut self, _: &Policy, _: &Request<'_>, _: Range<usize>) {}
}

/// A question about a connection that was let in before.
pub(crate) struct Standing;

impl Trace for Standing {
    const LIVE: bool = false;
    const TAKING: Taking = Taking::Never;
    fn step(&mut self, _: impl FnOnce() -> Step) {}
    fn passed(&mut self, _: &Policy, _: &Request<'_>, _: Range<usize>) {}
}

/// Every step.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) told: Vec<Step>,
    pub(crate) decided: Option<Arc<str>>,
}

impl Trace for Steps {
    const LIVE: bool = false;
    const TAKING: Taking = Taking::WouldTake;

    fn decided(&mut self, rule: &Rule, _: SystemTime) {
        self.decided = Some(rule.id.clone());
    }

    fn step(&mut self, step: impl FnOnce() -> Step) {
        if self.told.len() < MAX_STEPS {
            self.told.push(step());
            return;
        }
        // Past the bound only what matched is worth its room.
        let step = step();
        if step.matched {
            self.told.push(step);
        }
    }

    fn passed(&mut self, policy: &Policy, request: &Request<'_>, rules: Range<usize>) {
        let room = MAX_STEPS.saturating_sub(self.told.len());
        let count = rules.len();
        for rule in policy
            .rules()
            .get(rules)
            .unwrap_or_default()
            .iter()
            .take(room)
        {
            let look = rule.look(request, false);
            self.told.push(rule_step(rule, look, policy));
        }
        if count > room {
            self.told.push(Step {
                what: "rules".into(),
                list: None,
                line: None,
                source: None,
                matched: false,
                text: format!("{} more rules do not speak of this host", count - room),
                message: StepMessage::plain("rules.more").with("count", count - room),
            });
        }
    }
}

/// The step of one rule.
pub(crate) fn rule_step(rule: &Rule, look: Look, policy: &Policy) -> Step {
    let (text, message) = match look {
        Look::Matches => (
            format!("all its keys match: {}", rule.why),
            decided(rule, policy),
        ),
        Look::Not(key) => (
            format!("its `{key}` does not match"),
            StepMessage::plain("rule.key").with("key", key),
        ),
        Look::Over => (
            "its time is over".to_owned(),
            StepMessage::plain("rule.over"),
        ),
        Look::Spent => (
            "it is for one connection, which has come".to_owned(),
            StepMessage::plain("rule.spent"),
        ),
        Look::NoAddresses => (
            "its `ip` cannot be told: the target is a name that was not resolved".to_owned(),
            StepMessage::plain("rule.addresses"),
        ),
    };
    let (what, number) = match rule.place {
        RulePosition::File { number, .. } => (format!("rule {number}"), number.to_string()),
        RulePosition::Temporary(number) => (rule.place.to_string(), number.to_string()),
    };
    Step {
        what,
        list: None,
        line: rule.place.line().and_then(|line| u32::try_from(line).ok()),
        source: None,
        matched: look == Look::Matches,
        text,
        message: message.with("number", number),
    }
}

fn decided(rule: &Rule, policy: &Policy) -> StepMessage {
    match rule.action {
        Then::Block => StepMessage::plain("rule.blocks"),
        Then::Direct => StepMessage::plain("rule.direct"),
        Then::Via(outbound) => StepMessage::plain("rule.via")
            .with("name", policy.outbound(outbound).map_or("", |name| name)),
    }
}
