//! Rules: their states, the temporary ones, and what a target would meet.

use privet_policy::{Explanation, TargetError};
use serde_json::Value;

use super::{Engine, stopped};
use crate::simulate::SimulatedRequest;
use crate::supervise::command::Command;
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport};
use crate::supervise::rules::{self, RuleState, TemporaryLifetime};
use crate::supervise::timeline::ChangeSource;

impl Engine {
    /// The rules with their hits in the order of evaluation: temporary ones first.
    pub fn rules(&self) -> Vec<RuleState> {
        rules::states(&self.shared.snapshot.load())
    }

    /// Adds a temporary rule, given as in the configuration, before all others; in a dry run only reports what would change.
    ///
    /// # Errors
    /// The rule is not valid, or there are too many.
    pub async fn add_temporary_rule(
        &self,
        source: ChangeSource,
        rule: Value,
        lifetime: TemporaryLifetime,
        mode: ApplyMode,
    ) -> Result<ApplyReport, ApplyError> {
        let by = source.into();
        self.request(|reply| Command::AddTemporaryRule {
            rule,
            lifetime,
            mode,
            by,
            reply,
        })
        .await
        .unwrap_or_else(stopped)
    }

    /// Removes a temporary rule. Returns the change's number; `None`: there is no rule of that number.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn remove_temporary_rule(
        &self,
        source: ChangeSource,
        number: u32,
    ) -> Result<Option<u64>, ApplyError> {
        let by = source.into();
        self.request(|reply| Command::RemoveTemporaryRule { number, by, reply })
            .await
            .unwrap_or_else(stopped)
    }

    /// # Errors
    /// The target is neither `host:port` nor a URL.
    pub async fn why(&self, request: &SimulatedRequest) -> Result<Explanation, TargetError> {
        request.explain(&self.snapshot()).await
    }
}
