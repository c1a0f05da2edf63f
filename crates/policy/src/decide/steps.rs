//! The steps of an explanation: each finding as a sentence, with its code for other languages.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use privet_config::format_timestamp;

use super::content_steps;
use super::finding::{Finding, OwnEndpoint};
use super::wording::{denied, missing_fact_text, own_endpoint, own_network, rule_number};
use crate::explanation::{Step, StepMessage};
use crate::host_hash::ancestor;
use crate::list::{List, ListHit};
use crate::policy::{ModeRoute, Policy};
use crate::rules::{CompiledAction, MatchResult, MissingFact, NoLookupReason, Rule, RulePosition};
use crate::{Host, Outbound, OwnNetwork, Target};

/// The step for what was found.
pub(super) fn step(policy: &Policy, finding: Finding<'_>) -> Step {
    match finding {
        Finding::OwnEndpoint { target, found } => own_endpoint_step(target, found),
        Finding::Rule {
            rule,
            result,
            looked_up,
        } => rule_step(rule, result, looked_up, policy),
        Finding::FilterOffByRule(rule) => filter_off_by_rule(rule),
        Finding::RouteOfRule(rule) => route_of_rule(rule, policy),
        Finding::FilterOff => filter_off(),
        Finding::Allow(entry) => allow_step(entry),
        Finding::Deny(entry) => deny_step(entry),
        Finding::List {
            list,
            hit,
            host,
            probation_until,
        } => list_step(list, hit, host, probation_until),
        Finding::ListException { list, hit } => list_exception(list, hit),
        Finding::OwnName => own_name(),
        Finding::Mode => mode_step(policy),
        Finding::Inspection(found) => content_steps::inspection(found),
        Finding::Scan { scans, by } => content_steps::scan(policy, scans, by),
        Finding::OwnNetwork {
            target,
            kind,
            resolved,
        } => own_network_step(target, kind, resolved),
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

fn filter_off_by_rule(rule: &Rule) -> Step {
    Step::unmatched(
        "filter",
        format!("{} has filter = false", rule.position),
        StepMessage::new("filter.rule"),
    )
}

fn filter_off() -> Step {
    let message = StepMessage::new("filter.off");
    Step::unmatched("filter", "the mode does not filter", message)
}

fn route_of_rule(rule: &Rule, policy: &Policy) -> Step {
    let step = Step::matched(
        rule_subject(rule),
        format!("the filter lets it pass: {}", rule.why),
        action_message(rule.action, policy).with("number", rule_number(rule)),
    );
    on_line(rule, step)
}

fn allow_step(entry: Option<&str>) -> Step {
    let Some(entry) = entry else {
        return unnamed("filter.allow");
    };
    Step::matched(
        "filter.allow",
        format!("`{entry}` is allowed, whatever deny and the lists say"),
        StepMessage::new("filter.allowed").with("entry", entry),
    )
}

fn deny_step(entry: Option<&str>) -> Step {
    let Some(entry) = entry else {
        return unnamed("filter.deny");
    };
    Step::matched(
        "filter.deny",
        denied(entry),
        StepMessage::new("filter.denied").with("entry", entry),
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

fn rule_step(rule: &Rule, result: MatchResult, looked_up: &[IpAddr], policy: &Policy) -> Step {
    let (mut text, message) = rule_message(rule, result, policy);
    let compared = matches!(result, MatchResult::Matches | MatchResult::KeyDiffers("ip"));
    if compared && rule.has_ip_key() && !looked_up.is_empty() {
        let all: Vec<String> = looked_up.iter().map(ToString::to_string).collect();
        let _ = write!(
            text,
            "; the name was looked up for its `ip`: {}",
            all.join(", ")
        );
    }
    let (subject, message) = (
        rule_subject(rule),
        message.with("number", rule_number(rule)),
    );
    let step = match result {
        MatchResult::Matches => Step::matched(subject, text, message),
        MatchResult::Undecided(MissingFact::Program | MissingFact::FailedAddresses) => {
            Step::matched(subject, text, message)
        }
        _ => Step::unmatched(subject, text, message),
    };
    on_line(rule, step)
}

fn rule_message(rule: &Rule, result: MatchResult, policy: &Policy) -> (String, StepMessage) {
    match result {
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
        MatchResult::Undecided(MissingFact::Addresses) => (
            "its `ip` needs the addresses of the name: it causes a look-up".to_owned(),
            StepMessage::new("rule.lookup"),
        ),
        MatchResult::Undecided(missing) => (
            format!(
                "whether it matches is not known, since {}: the connection is refused",
                missing_fact_text(missing)
            ),
            StepMessage::new("rule.undetermined"),
        ),
        MatchResult::Irrelevant(missing) => (
            format!(
                "whether it matches is not known, since {}: that changes nothing",
                missing_fact_text(missing)
            ),
            StepMessage::new("rule.irrelevant"),
        ),
        MatchResult::NotLookedUp(reason) => {
            let (why, code) = match reason {
                NoLookupReason::Mode => ("the mode resolves no names here", "rule.addresses.mode"),
                NoLookupReason::OutsideDns => (
                    "names under .onion and .alt are not looked up",
                    "rule.addresses.outside",
                ),
                NoLookupReason::Upstream => (
                    "the name goes to an upstream unresolved",
                    "rule.addresses.upstream",
                ),
                NoLookupReason::Rule => ("it has resolve = false", "rule.addresses.rule"),
            };
            let text = format!("its `ip` does not match, since the name is not looked up: {why}");
            (text, StepMessage::new(code))
        }
    }
}

fn rule_subject(rule: &Rule) -> String {
    match rule.position {
        RulePosition::File { number, .. } => format!("rule {number}"),
        RulePosition::Temporary(_) => rule.position.to_string(),
    }
}

fn on_line(rule: &Rule, step: Step) -> Step {
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

fn list_exception(list: &List, hit: ListHit) -> Step {
    Step {
        list: Some(list.name().into()),
        line: Some(hit.line),
        ..Step::matched(
            format!("list {}", list.name()),
            "its exception holds against the lists that block",
            StepMessage::new("list.exceptsAll"),
        )
    }
}

fn own_name() -> Step {
    Step::matched(
        "lists",
        "the host is this machine, which no list blocks",
        StepMessage::new("lists.ownName"),
    )
}

fn own_network_step(target: &Target, kind: OwnNetwork, resolved: Option<IpAddr>) -> Step {
    Step::matched(
        "own network",
        own_network(target, kind, resolved),
        StepMessage::new("network.own").with("target", target),
    )
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
