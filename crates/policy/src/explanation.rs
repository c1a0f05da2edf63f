//! A verdict in words: by names, and with every step that led to it.

use std::sync::Arc;

use serde::Serialize;

use crate::policy::Policy;
use crate::{Action, Route, Verdict, WhyKind};

/// The most steps of rules that are listed one by one; one step sums up the rest.
pub const MAX_STEPS: usize = 200;

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was looked at: "loop", "rule 3", "temporary rule 1", "filter.allow", "filter.deny", "list ads", "mode standard".
    pub what: String,
    /// The list whose source `line` counts in; `None`: the configuration file.
    pub list: Option<Arc<str>>,
    /// From 1.
    pub line: Option<u32>,
    /// The text of that line, once [`Explanation::quote`] was called.
    pub source: Option<String>,
    pub matched: bool,
    /// Why it matched, or why not, in a sentence.
    pub text: String,
    /// The same sentence for other languages.
    pub message: StepMessage,
}

impl Step {
    pub(crate) fn matched(
        what: impl Into<String>,
        text: impl Into<String>,
        message: StepMessage,
    ) -> Step {
        Step {
            what: what.into(),
            list: None,
            line: None,
            source: None,
            matched: true,
            text: text.into(),
            message,
        }
    }

    pub(crate) fn unmatched(
        what: impl Into<String>,
        text: impl Into<String>,
        message: StepMessage,
    ) -> Step {
        Step {
            matched: false,
            ..Step::matched(what, text, message)
        }
    }
}

/// A sentence as a code and the values of its placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMessage {
    /// A stable key: "rule.key", "list.blocks", "mode.direct".
    pub code: &'static str,
    pub values: Vec<(&'static str, String)>,
}

impl StepMessage {
    pub(crate) fn new(code: &'static str) -> StepMessage {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub verdict: Verdict,
    /// The verdict by names.
    pub outcome: Outcome,
    /// The id of the rule that decided; `None`: no rule did.
    pub rule: Option<Arc<str>>,
    pub steps: Vec<Step>,
}

impl Explanation {
    /// Adds to each step of a list the text of its line. `text` is given the list's name and the line; see
    /// [`crate::line_text`].
    pub fn quote(&mut self, mut text: impl FnMut(&str, u32) -> Option<String>) {
        for step in &mut self.steps {
            if let (Some(list), Some(line)) = (&step.list, step.line) {
                step.source = text(list, line);
            }
        }
    }
}

/// A verdict by names, for people and machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub action: OutcomeAction,
    /// The name of the upstream or group.
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

    /// Both are blocked or take the same route, whatever the reasons.
    pub fn has_same_route(&self, other: &Outcome) -> bool {
        self.action == other.action
            && self.outbound == other.outbound
            && self.fallback_direct == other.fallback_direct
    }
}
