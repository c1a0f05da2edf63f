//! The rules as they stand: what each did, how long it lasts, and whether an earlier one takes all that it speaks of.

mod hit_counts;
mod shadow_warnings;
mod temporary;

use std::time::SystemTime;

use privet_config::{rule_ids, rule_json};
use privet_policy::{RuleHits, RulePosition, TemporaryRule};
use serde_json::Value;

pub(crate) use hit_counts::Counts;
pub use shadow_warnings::shadow_warnings;
pub(crate) use shadow_warnings::warning as shadow_warning;
pub(crate) use temporary::{Held, now_ms};
pub use temporary::{MAX_TEMPORARY_RULES, TemporaryLifetime};

use crate::snapshot::Snapshot;

/// How long a rule lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleLifetime {
    Permanent,
    /// To this moment; it may be over.
    Until(SystemTime),
    /// For the next connection that matches.
    Once,
    /// As long as this engine runs.
    UntilQuit,
}

/// One rule and what it did.
#[derive(Debug, Clone)]
pub struct RuleState {
    /// What it is known by, as long as it says the same.
    pub id: String,
    pub place: RulePosition,
    /// As the file says it.
    pub rule: Value,
    pub lasts: RuleLifetime,
    pub count: RuleHits,
    /// Earlier rules, by place and line, that together take all that it speaks of: it can never match.
    pub shadowed_by: Vec<(usize, usize)>,
}

/// All rules in the order in which they are asked.
pub(crate) fn states(snapshot: &Snapshot) -> Vec<RuleState> {
    let temporary = snapshot.temporary.iter().filter(|one| is_open(one));
    let mut all: Vec<RuleState> = temporary.map(of_no_file).collect();
    let ids = rule_ids(&snapshot.config.rules);
    let of_file = snapshot.config.rules.iter().zip(ids).enumerate();
    let mut hit_counters = snapshot
        .policy
        .active_rules()
        .filter(|rule| rule.place.number().is_some());
    all.extend(of_file.map(|(at, (rule, id))| {
        let number = at + 1;
        let shadow = snapshot
            .shadows
            .iter()
            .find(|shadow| shadow.number == number);
        RuleState {
            place: RulePosition::File {
                number,
                line: rule.line,
            },
            rule: rule_json(rule),
            lasts: rule
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

/// One connection's rule is gone for who looks once that connection has come.
pub(crate) fn is_open(one: &TemporaryRule) -> bool {
    one.single_use
        .as_ref()
        .is_none_or(|single_use| single_use.is_unclaimed())
}

fn of_no_file(one: &TemporaryRule) -> RuleState {
    RuleState {
        id: format!("t{}", one.number),
        place: RulePosition::Temporary(one.number),
        rule: rule_json(&one.rule),
        lasts: match one.single_use {
            Some(_) => RuleLifetime::Once,
            None => RuleLifetime::UntilQuit,
        },
        count: one.hit_counter.read(),
        shadowed_by: Vec::new(),
    }
}
