//! Reports the rules with their hits, lifetime and shadowing.

use privet_config::{rule_ids, rule_json};
use privet_policy::{RuleHits, RulePosition, TemporaryRule};
use serde_json::Value;

use super::lifetime::RuleLifetime;
use super::tracked::is_open;
use crate::snapshot::Snapshot;

/// A rule with its hits.
#[derive(Debug, Clone)]
pub struct RuleState {
    /// Identifies the rule as long as its content stays the same.
    pub id: String,
    pub position: RulePosition,
    /// In the form of the configuration file.
    pub rule: Value,
    pub lifetime: RuleLifetime,
    pub count: RuleHits,
    /// Earlier rules, by number and line, that together match everything this rule matches: it can never match.
    pub shadowed_by: Vec<(usize, usize)>,
}

/// All rules in the order of evaluation.
pub(crate) fn states(snapshot: &Snapshot) -> Vec<RuleState> {
    let temporary = snapshot.temporary.iter().filter(|one| is_open(one));
    let mut all: Vec<RuleState> = temporary.map(temporary_state).collect();
    let ids = rule_ids(&snapshot.config.rules);
    let of_file = snapshot.config.rules.iter().zip(ids).enumerate();
    let mut hit_counters = snapshot
        .policy
        .active_rules()
        .filter(|rule| rule.position.number().is_some());
    all.extend(of_file.map(|(at, (rule, id))| {
        let number = at + 1;
        let shadow = snapshot
            .shadows
            .iter()
            .find(|shadow| shadow.number == number);
        RuleState {
            position: RulePosition::File {
                number,
                line: rule.line,
            },
            rule: rule_json(rule),
            lifetime: rule
                .until
                .map_or(RuleLifetime::Permanent, RuleLifetime::Until),
            count: hit_counters
                .next()
                .map(|rule| rule.hit_counter.read())
                .unwrap_or_default(),
            shadowed_by: shadow.map(|shadow| shadow.by.clone()).unwrap_or_default(),
            id,
        }
    }));
    all
}

fn temporary_state(one: &TemporaryRule) -> RuleState {
    RuleState {
        id: format!("t{}", one.number),
        position: RulePosition::Temporary(one.number),
        rule: rule_json(&one.rule),
        lifetime: match one.single_use {
            Some(_) => RuleLifetime::Once,
            None => RuleLifetime::UntilQuit,
        },
        count: one.hit_counter.read(),
        shadowed_by: Vec::new(),
    }
}
