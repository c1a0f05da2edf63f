//! Rules of no file: for the next connection, or until the engine ends. They go before the rules of the file.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use privet_config::{Config, Document, Rule, RuleAction, rule_json};
use privet_policy::TemporaryRule;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::is_open;
use crate::supervise::configuration::reload::{ApplyError, ApplyReport, ChangeOrigin};
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::UndoAction;

/// So many rules of no file stand at a time.
pub const MAX_TEMPORARY_RULES: usize = 256;
/// A connection that took its rule has this long to be dialled and to stand in the table.
const ARRIVES: Duration = Duration::from_secs(120);

/// How long a rule of no file lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemporaryLifetime {
    Once,
    UntilQuit,
}

/// A rule of no file, and since when its connection has not been seen.
pub(crate) struct Held {
    pub(crate) rule: TemporaryRule,
    unseen: Option<Instant>,
}

impl Held {
    pub(crate) fn new(number: u32, rule: Rule, span: TemporaryLifetime, now_ms: u64) -> Self {
        let rule = TemporaryRule {
            number,
            rule,
            single_use: (span == TemporaryLifetime::Once).then(Arc::default),
            hit_counter: Arc::default(),
        };
        rule.hit_counter.begin(now_ms);
        Self { rule, unseen: None }
    }
}

impl Supervisor {
    /// The rules of no file that a policy for `config` takes in: one whose upstream is gone speaks no more.
    pub(crate) fn temporary_for(&self, config: &Config) -> Vec<TemporaryRule> {
        let held = self.temporary.iter().map(|held| &held.rule);
        held.filter(|one| leads_somewhere(&one.rule, config))
            .cloned()
            .collect()
    }

    /// Reads a rule as the file's reader would, with the names of the configuration in force.
    pub(crate) async fn read_rule(&self, rule: &Value) -> Result<Rule, ApplyError> {
        let mut document = Document::parse(&self.text).map_err(ApplyError::Config)?;
        document
            .add_rule(0, rule)
            .map_err(|error| ApplyError::Rule(error.to_string()))?;
        let config = self.read(Some(document.text())).await?.config;
        let first = config.rules.into_iter().next();
        first.ok_or_else(|| ApplyError::Rule("it says nothing".to_owned()))
    }

    /// Those whose connection has ended are over, so that no other connection from the same port is taken for it.
    pub(crate) fn end_spent_rules(&mut self, now: Instant) {
        if self.temporary.iter().all(|held| is_open(&held.rule)) {
            return;
        }
        let live: HashSet<SocketAddr> = {
            let rows = self.shared.connection_log.live_rows();
            rows.iter().map(|row| row.client()).collect()
        };
        self.temporary.retain_mut(|held| {
            let Some(single_use) = held.rule.single_use.as_ref() else {
                return true;
            };
            let Some(client) = single_use.client() else {
                return true;
            };
            if live.contains(&client) {
                held.unseen = None;
                return true;
            }
            let unseen = *held.unseen.get_or_insert(now);
            let gone = now.duration_since(unseen) >= ARRIVES;
            if gone {
                single_use.expire();
            }
            !gone
        });
    }

    /// Makes a rule of no file, before all others; with `dry_run` only says what it would do.
    pub(crate) async fn add_temporary(
        &mut self,
        rule: Value,
        span: TemporaryLifetime,
        dry_run: bool,
        by: ChangeOrigin,
    ) -> Result<ApplyReport, ApplyError> {
        if self
            .temporary
            .iter()
            .filter(|held| is_open(&held.rule))
            .count()
            >= MAX_TEMPORARY_RULES
        {
            let text = format!("{MAX_TEMPORARY_RULES} rules of no file stand already");
            return Err(ApplyError::Rule(text));
        }
        // The number of the change that makes it: no two rules of one data folder share it.
        let number = u32::try_from(self.timeline.next()).unwrap_or(u32::MAX);
        let read = self.read_rule(&rule).await?;
        if read.until.is_some() {
            let text = "a rule that ends at a given time stands in the file".to_owned();
            return Err(ApplyError::Rule(text));
        }
        let rule = rule_json(&read);
        let held = Held::new(number, read, span, now_ms());
        let config = self.shared.snapshot.load().config.clone();
        let mut temporary = self.temporary_for(&config);
        temporary.insert(0, held.rule.clone());
        let plan = self.plan_rules(temporary).await?;
        if dry_run {
            return self.rehearse(plan).await;
        }
        let applied = self.carry_out(plan).await;
        self.temporary.insert(0, held);
        let undo = UndoAction::Made { number, span, rule };
        let change = self.note_temporary(by, true, span, undo).await;
        Ok(ApplyReport {
            change: Some(change),
            ..applied
        })
    }

    /// Takes a rule of no file away; `None`: there is none of that number.
    pub(crate) async fn drop_temporary(
        &mut self,
        number: u32,
        by: ChangeOrigin,
    ) -> Result<Option<u64>, ApplyError> {
        let is_it = |held: &Held| held.rule.number == number;
        let Some(at) = self.temporary.iter().position(is_it) else {
            return Ok(None);
        };
        let held = self.temporary.remove(at);
        let config = self.shared.snapshot.load().config.clone();
        let plan = match self.plan_rules(self.temporary_for(&config)).await {
            Ok(plan) => plan,
            Err(error) => {
                self.temporary.insert(at, held);
                return Err(error);
            }
        };
        self.carry_out(plan).await;
        let span = match held.rule.single_use {
            Some(_) => TemporaryLifetime::Once,
            None => TemporaryLifetime::UntilQuit,
        };
        let rule = rule_json(&held.rule.rule);
        let undo = UndoAction::Taken { span, rule };
        Ok(Some(self.note_temporary(by, false, span, undo).await))
    }
}

fn leads_somewhere(rule: &Rule, config: &Config) -> bool {
    let RuleAction::Outbound(name) = &rule.action else {
        return true;
    };
    let upstreams = config.upstreams.iter().map(|upstream| &upstream.name);
    let mut outbounds = upstreams.chain(config.groups.iter().map(|group| &group.name));
    outbounds.any(|known| known == name)
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
