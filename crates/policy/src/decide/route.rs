//! Where the rule that matched, or the mode, sends the connection.

use std::sync::Arc;

use privet_config::Fallback;

use super::decision::{Decision, block, verdict};
use super::finding::Finding;
use super::observer::Observer;
use super::wording;
use crate::policy::ModeRoute;
use crate::rules::{CompiledAction, Rule};
use crate::{Action, Outbound, Route, Verdict, WhyKind};

impl<O: Observer> Decision<'_, O> {
    pub(super) fn rule_verdict(&self, rule: &Rule) -> Verdict {
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

    /// Where the mode sends what nothing else decided.
    pub(super) fn by_mode(&mut self) -> Verdict {
        let verdict = self.mode_verdict();
        self.observer.saw(self.policy, Finding::Mode);
        self.with_probation_note(verdict)
    }

    pub(super) fn mode_verdict(&self) -> Verdict {
        let mode = self.policy.mode();
        match mode.route {
            ModeRoute::Via(outbound) => self.via(outbound, mode.fallback, WhyKind::Mode, &mode.why),
            ModeRoute::Nothing => block(WhyKind::KillSwitch, mode.why.clone()),
            ModeRoute::Direct => self
                .direct(WhyKind::Mode, &mode.why)
                .unwrap_or_else(|| block(WhyKind::KillSwitch, mode.why.clone())),
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
