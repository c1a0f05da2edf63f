//! The sentences of a decision: the reason of a verdict, and each step with its code for other languages.

use std::fmt::Write;
use std::time::SystemTime;

use privet_config::format_timestamp;

use super::finding::{Finding, OwnEndpoint};
use crate::explanation::{Step, StepMessage};
use crate::host_hash::ancestor;
use crate::list::{List, ListHit};
use crate::policy::{ModeRoute, Policy};
use crate::rules::{CompiledAction, MatchResult, Rule, RulePosition};
use crate::{Host, Outbound, Target};

pub(super) fn own_endpoint(target: &Target, found: OwnEndpoint) -> String {
    match found {
        OwnEndpoint::Named => format!("{target} is Privet itself"),
        OwnEndpoint::Resolved(ip) => format!("{target} leads to Privet itself, at {ip}"),
    }
}

/// The rule routes direct, and the mode's kill switch forbids that.
pub(super) fn direct_forbidden(rule: &Rule, policy: &Policy) -> String {
    let (why, mode) = (&rule.why, &policy.mode().name);
    format!("{why}, and the kill switch of mode “{mode}” forbids that")
}

pub(super) fn denied(entry: &str) -> String {
    format!("`{entry}` is in [filter] deny")
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

/// The step for what was found.
pub(super) fn step(policy: &Policy, finding: Finding<'_>) -> Step {
    match finding {
        Finding::OwnEndpoint { target, found } => own_endpoint_step(target, found),
        Finding::Rule { rule, result } => rule_step(rule, result, policy),
        Finding::FilterOff => Step::unmatched(
            "filter",
            "the mode does not filter",
            StepMessage::new("filter.off"),
        ),
        Finding::Allow(None) => unnamed("filter.allow"),
        Finding::Allow(Some(entry)) => Step::matched(
            "filter.allow",
            format!("`{entry}` is allowed, whatever deny and the lists say"),
            StepMessage::new("filter.allowed").with("entry", entry),
        ),
        Finding::Deny(None) => unnamed("filter.deny"),
        Finding::Deny(Some(entry)) => Step::matched(
            "filter.deny",
            denied(entry),
            StepMessage::new("filter.denied").with("entry", entry),
        ),
        Finding::List {
            list,
            hit,
            host,
            probation_until,
        } => list_step(list, hit, host, probation_until),
        Finding::Mode => mode_step(policy),
    }
}

/// Sums up rules that are not listed one by one.
pub(super) fn more_rules(count: usize) -> Step {
    Step::unmatched(
        "rules",
        format!("{count} more rules do not apply to this host"),
        StepMessage::new("rules.more").with("count", count),
    )
}

fn unnamed(subject: &str) -> Step {
    let message = StepMessage::new("filter.unnamed");
    Step::unmatched(subject, "it does not name the host", message)
}

fn own_endpoint_step(target: &Target, found: Option<OwnEndpoint>) -> Step {
    match found {
        Some(found) => Step::matched(
            "loop",
            own_endpoint(target, found),
            StepMessage::new("loop.itself").with("target", target),
        ),
        None => Step::unmatched(
            "loop",
            "the target is not Privet itself",
            StepMessage::new("loop.other"),
        ),
    }
}

fn rule_step(rule: &Rule, result: MatchResult, policy: &Policy) -> Step {
    let (text, message) = match result {
        MatchResult::Matches => (
            format!("all its keys match: {}", rule.why),
            action_message(rule.action, policy),
        ),
        MatchResult::KeyDiffers(key) => (
            format!("its `{key}` does not match"),
            StepMessage::new("rule.key").with("key", key),
        ),
        MatchResult::Expired => ("its time is over".to_owned(), StepMessage::new("rule.over")),
        MatchResult::Used => (
            "it is for one connection, which has come".to_owned(),
            StepMessage::new("rule.spent"),
        ),
        MatchResult::AddressesUnknown => (
            "its `ip` cannot be evaluated: the target is a name that was not resolved".to_owned(),
            StepMessage::new("rule.addresses"),
        ),
    };
    let (subject, number) = match rule.position {
        RulePosition::File { number, .. } => (format!("rule {number}"), number.to_string()),
        RulePosition::Temporary(number) => (rule.position.to_string(), number.to_string()),
    };
    let message = message.with("number", number);
    let step = match result {
        MatchResult::Matches => Step::matched(subject, text, message),
        _ => Step::unmatched(subject, text, message),
    };
    let line = rule.position.line();
    Step {
        line: line.and_then(|line| u32::try_from(line).ok()),
        ..step
    }
}

fn action_message(action: CompiledAction, policy: &Policy) -> StepMessage {
    match action {
        CompiledAction::Block => StepMessage::new("rule.blocks"),
        CompiledAction::Direct => StepMessage::new("rule.direct"),
        CompiledAction::Via(outbound) => {
            StepMessage::new("rule.via").with("name", outbound_name(policy, outbound))
        }
    }
}

fn list_step(
    list: &List,
    hit: Option<ListHit>,
    host: &Host,
    probation_until: Option<SystemTime>,
) -> Step {
    let subject = format!("list {}", list.name());
    let step = match hit {
        None => Step::unmatched(
            subject,
            "no line of it names the target",
            StepMessage::new("list.unnamed"),
        ),
        Some(hit) => {
            let (text, message) = hit_message(hit, host, probation_until);
            Step::matched(subject, text, message)
        }
    };
    Step {
        list: Some(list.name().into()),
        line: hit.map(|hit| hit.line),
        ..step
    }
}

/// What a line of a list does to the host.
fn hit_message(
    hit: ListHit,
    host: &Host,
    probation_until: Option<SystemTime>,
) -> (String, StepMessage) {
    let (named, is_above) = match host {
        Host::Name(name) if hit.above > 0 => (ancestor(name, hit.above).to_owned(), true),
        host => (host.to_string(), false),
    };
    let until = probation_until.filter(|_| !hit.allow).map(format_timestamp);
    let (does, code) = match (hit.allow, &until, is_above) {
        (true, _, true) => ("excepts", "list.exceptsAbove"),
        (true, _, false) => ("excepts", "list.excepts"),
        (false, Some(_), true) => ("would block", "list.countsAbove"),
        (false, Some(_), false) => ("would block", "list.counts"),
        (false, None, true) => ("blocks", "list.blocksAbove"),
        (false, None, false) => ("blocks", "list.blocks"),
    };
    let mut text = format!("it {does} {named}");
    if is_above {
        text.push_str(", of which this is a part");
    }
    let mut message = StepMessage::new(code).with("host", named);
    if let Some(until) = until {
        let _ = write!(text, "; it only counts until {until}");
        message = message.with("until", until);
    }
    (text, message)
}

fn mode_step(policy: &Policy) -> Step {
    let mode = policy.mode();
    let message = match mode.route {
        ModeRoute::Via(outbound) => {
            StepMessage::new("mode.via").with("name", outbound_name(policy, outbound))
        }
        ModeRoute::Nothing => StepMessage::new("mode.nothing"),
        ModeRoute::Direct if mode.kill_switch => StepMessage::new("mode.forbids"),
        ModeRoute::Direct => StepMessage::new("mode.direct"),
    };
    Step::matched(
        format!("mode {}", mode.name),
        mode.why.to_string(),
        message.with("mode", &mode.name),
    )
}

fn outbound_name(policy: &Policy, outbound: Outbound) -> &str {
    policy.outbound(outbound).map_or("", |name| name)
}
