//! The reasons of verdicts in words.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use privet_config::format_timestamp;

use super::finding::OwnEndpoint;
use crate::list::{List, ListHit};
use crate::policy::Policy;
use crate::rules::{MissingFact, Rule, RulePosition};
use crate::{Host, OwnNetwork, Target};

pub(super) fn own_endpoint(target: &Target, found: OwnEndpoint) -> String {
    match found {
        OwnEndpoint::Named => format!("{target} is Privet itself"),
        OwnEndpoint::Resolved(ip) => format!("{target} leads to Privet itself, at {ip}"),
    }
}

pub(super) fn own_network(target: &Target, kind: OwnNetwork, resolved: Option<IpAddr>) -> String {
    let what = match resolved {
        None => format!("{target} is {}", kind.describe()),
        Some(ip) => format!("{target} leads to {ip}, {}", kind.describe()),
    };
    format!("{what}; a client on another machine needs a rule that names it")
}

/// The rule routes direct, and the mode's kill switch forbids that.
pub(super) fn direct_forbidden(rule: &Rule, policy: &Policy) -> String {
    let (why, mode) = (&rule.why, &policy.mode().name);
    format!("{why}, and the kill switch of mode “{mode}” forbids that")
}

/// Why a connection is refused where a rule could not be evaluated.
pub(super) fn undetermined(rule: &Rule, missing: MissingFact, target: &Target) -> String {
    let (rule, what) = (rule.position, missing_fact_text(missing));
    format!("{target} is refused: whether {rule} matches is not known, since {what}")
}

pub(super) fn missing_fact_text(missing: MissingFact) -> &'static str {
    match missing {
        MissingFact::Program => "the program could not be found in time",
        MissingFact::Addresses => "the name was not looked up yet",
        MissingFact::FailedAddresses => "the look-up of the name failed",
    }
}

pub(super) fn denied(entry: &str) -> String {
    format!("`{entry}` is in [filter] deny")
}

/// The number of a rule, as the file or the list of temporary rules counts it.
pub(super) fn rule_number(rule: &Rule) -> String {
    match rule.position {
        RulePosition::File { number, .. } => number.to_string(),
        RulePosition::Temporary(number) => number.to_string(),
    }
}

/// The lists that block a host, and those on probation that would.
#[derive(Default)]
pub(super) struct ListSentences {
    blocks: String,
    would_block: String,
}

impl ListSentences {
    pub(super) fn add(&mut self, list: &List, hit: ListHit, probation_until: Option<SystemTime>) {
        let sentence = match probation_until {
            Some(_) => &mut self.would_block,
            None => &mut self.blocks,
        };
        if !sentence.is_empty() {
            sentence.push_str(" and ");
        }
        // Writing to a string does not fail.
        let _ = write!(sentence, "list “{}” (line {})", list.name(), hit.line);
        if let Some(until) = probation_until {
            let until = format_timestamp(until);
            let _ = write!(sentence, " would block it (counting until {until})");
        }
    }

    pub(super) fn block_reason(&self, host: &Host) -> Option<String> {
        (!self.blocks.is_empty()).then(|| format!("{host} is blocked by {}", self.blocks))
    }

    pub(super) fn probation_note(&self) -> Option<String> {
        (!self.would_block.is_empty()).then(|| self.would_block.clone())
    }
}
