//! Temporary rules: for the next connection, or until the engine ends. They are evaluated before the rules of the file.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Instant;

use privet_config::unix_time::now_ms;
use privet_config::{Config, Document, Rule, rule_json};
use privet_policy::TemporaryRule;
use serde_json::Value;

use super::lifetime::TemporaryLifetime;
use super::tracked::{TrackedRule, is_open};
use crate::supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport, ConfigSource};
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::ChangeOrigin;

/// Maximum number of temporary rules.
pub const MAX_TEMPORARY_RULES: usize = 256;

impl Supervisor {
    /// The temporary rules for a policy of `config`, without those whose upstream does not exist in it.
    pub(crate) fn temporary_rules_for(&self, config: &Config) -> Vec<TemporaryRule> {
        let rules = self.temporary_rules.iter();
        rules
            .filter(|tracked| tracked.has_outbound(config))
            .map(|tracked| tracked.rule.clone())
            .collect()
    }

    /// Parses a rule as part of the current configuration, so that the names in it resolve.
    async fn parse_rule(&self, rule: &Value) -> Result<Rule, ApplyError> {
        let mut document = Document::parse(&self.config_text).map_err(ApplyError::Config)?;
        document
            .add_rule(0, rule)
            .map_err(|error| ApplyError::Rule(error.to_string()))?;
        let config = self
            .parse(ConfigSource::explicit(document.text()))
            .await?
            .config;
        let first = config.rules.into_iter().next();
        first.ok_or_else(|| ApplyError::Rule("it is empty".to_owned()))
    }

    /// Drops rules for one connection whose connection has ended.
    pub(crate) fn end_spent_rules(&mut self, now: Instant) {
        if self
            .temporary_rules
            .iter()
            .all(|tracked| is_open(&tracked.rule))
        {
            return;
        }
        let live: HashSet<SocketAddr> = {
            let rows = self.shared.connection_log.live_rows();
            rows.iter().map(|row| row.client()).collect()
        };
        self.temporary_rules
            .retain_mut(|tracked| !tracked.is_spent(&live, now));
    }

    /// Adds a temporary rule before all others, or previews it.
    pub(crate) async fn add_temporary_rule(
        &mut self,
        rule: Value,
        lifetime: TemporaryLifetime,
        mode: ApplyMode,
        by: ChangeOrigin,
    ) -> Result<ApplyReport, ApplyError> {
        let open = self.temporary_rules.iter();
        if open.filter(|tracked| is_open(&tracked.rule)).count() >= MAX_TEMPORARY_RULES {
            let text = format!("there are {MAX_TEMPORARY_RULES} temporary rules already");
            return Err(ApplyError::Rule(text));
        }
        // The number of the change that adds it: unique in the data folder.
        let number = u32::try_from(self.timeline.next_id()).unwrap_or(u32::MAX);
        let parsed = self.parse_rule(&rule).await?;
        if parsed.until.is_some() {
            let text = "a rule that ends at a given time belongs in the file".to_owned();
            return Err(ApplyError::Rule(text));
        }
        let rule = rule_json(&parsed);
        let added = TrackedRule::new(number, parsed, lifetime, now_ms());
        let config = self.shared.snapshot.load().config.clone();
        let mut rules = self.temporary_rules_for(&config);
        rules.insert(0, added.rule.clone());
        let plan = self.plan_temporary_rules(rules).await?;
        if mode == ApplyMode::DryRun {
            return self.preview(plan).await;
        }
        let report = self.commit(plan).await;
        self.temporary_rules.insert(0, added);
        let change = self
            .record_temporary_rule_added(by, number, lifetime, rule)
            .await;
        Ok(ApplyReport {
            change: Some(change),
            ..report
        })
    }

    /// Removes a temporary rule. Returns the change's number; `None`: there is no rule of that number.
    pub(crate) async fn remove_temporary_rule(
        &mut self,
        number: u32,
        by: ChangeOrigin,
    ) -> Result<Option<u64>, ApplyError> {
        let mut rules = self.temporary_rules.iter();
        let Some(at) = rules.position(|tracked| tracked.rule.number == number) else {
            return Ok(None);
        };
        let removed = self.temporary_rules.remove(at);
        let config = self.shared.snapshot.load().config.clone();
        let rules = self.temporary_rules_for(&config);
        let plan = match self.plan_temporary_rules(rules).await {
            Ok(plan) => plan,
            Err(error) => {
                self.temporary_rules.insert(at, removed);
                return Err(error);
            }
        };
        self.commit(plan).await;
        let rule = rule_json(&removed.rule.rule);
        let change = self
            .record_temporary_rule_removed(by, removed.lifetime(), rule)
            .await;
        Ok(Some(change))
    }
}
