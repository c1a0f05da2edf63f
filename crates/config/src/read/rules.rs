//! `[[rule]]`: the rules. The first match wins.

use std::ops::RangeInclusive;

use regex::Regex;

use super::context::ReadContext;
use super::outbound_names::RESERVED;
use crate::diagnose::{DiagnosticCode, Severity};
use crate::keys;
use crate::model::{Fallback, Rule, RuleAction, RuleMatch, User};
use crate::nearest::suggestion;
use crate::tree::{Table, Value, quoted};

const PORTS: RangeInclusive<u64> = 1..=65_535;

pub(super) fn read<'a>(top: &Table<'a>, context: &ReadContext<'a>, users: &[User]) -> Vec<Rule> {
    let tables = top.tables("rule", &keys::RULE);
    let mut rules: Vec<Rule> = Vec::new();
    let mut catch_all: Option<usize> = None;
    for (value, table) in &tables {
        let Some(rule) = read_rule(*value, table, context, users) else {
            continue;
        };
        if let Some(line) = catch_all {
            let cause =
                format!("this rule is never reached: the one on line {line} matches everything");
            table.warn(
                DiagnosticCode::Unreached,
                cause,
                "move it up, or leave one of them out",
            );
        } else if rule.until.is_none() && matches_everything(table) {
            catch_all = Some(rule.line);
        }
        rules.push(rule);
    }
    rules
}

fn matches_everything(table: &Table<'_>) -> bool {
    let keys = table
        .get("match")
        .map(|value| value.entries())
        .unwrap_or_default();
    keys.iter()
        .all(|(value, _)| value.is_array() && value.peek_items().is_empty())
}

fn read_rule<'a>(
    value: Value<'a>,
    table: &Table<'a>,
    context: &ReadContext<'a>,
    users: &[User],
) -> Option<Rule> {
    let matcher = table
        .get("match")
        .and_then(|v| v.table(&keys::MATCH))
        .map(|m| read_match(&m, users));
    let until = table.get("until").and_then(|v| v.timestamp());
    let action = table.require("use").and_then(|v| read_use(&v, context))?;
    let fallback = read_fallback(table, &action);
    Some(Rule {
        matcher: matcher.unwrap_or_default(),
        action,
        fallback,
        filter: table.boolean("filter", true),
        resolve: table.boolean("resolve", true),
        inspect: optional(table, "inspect"),
        scan: optional(table, "scan"),
        until,
        line: value.line(),
    })
}

/// `None`: the key is not there.
fn optional(table: &Table<'_>, key: &'static str) -> Option<bool> {
    table.get(key).map(|_| table.boolean(key, false))
}

fn read_use(value: &Value<'_>, context: &ReadContext<'_>) -> Option<RuleAction> {
    match value.peek_str() {
        Some("direct") => Some(RuleAction::Direct),
        Some("block") => Some(RuleAction::Block),
        Some("ask") => {
            value.warn(
                DiagnosticCode::NotServed,
                "asking is not served by this version yet",
                "until then the rule refuses what it matches",
            );
            Some(RuleAction::Ask)
        }
        _ => context
            .outbounds
            .outbound(value, &RESERVED)
            .map(RuleAction::Outbound),
    }
}

/// Only a rule that names an upstream or a group can fall back.
fn read_fallback(table: &Table<'_>, action: &RuleAction) -> Fallback {
    let Some(value) = table.get("fallback") else {
        return Fallback::None;
    };
    let fallback = value.choice().unwrap_or_default();
    if fallback == Fallback::Direct && !matches!(action, RuleAction::Outbound(_)) {
        value.warn(
            DiagnosticCode::Unreached,
            "\"fallback\" has no effect here: the rule names no upstream and no group",
            "leave it out",
        );
    }
    fallback
}

fn read_match(table: &Table<'_>, users: &[User]) -> RuleMatch {
    RuleMatch {
        domain: table.list("domain", read_domain),
        domain_suffix: table.list("domain_suffix", Value::domain_suffix),
        domain_regex: table.list("domain_regex", read_regex),
        ip: table.list("ip", Value::network),
        port: table.list("port", read_ports),
        app: table.list("app", |value| value.filled().map(str::to_owned)),
        protocol: table.list("protocol", Value::choice),
        user: table.list("user", |value| read_user(value, users)),
    }
}

fn read_domain(value: &Value<'_>) -> Option<String> {
    if value.peek_str().is_some_and(|text| text.contains('*')) {
        value.refuse(
            DiagnosticCode::BadValue,
            "\"domain\" matches one name exactly",
            "use domain_suffix or domain_regex",
        );
        return None;
    }
    value.domain()
}

fn read_regex(value: &Value<'_>) -> Option<String> {
    let text = value.filled()?;
    if let Err(error) = Regex::new(text) {
        // The first lines show the pattern; the last one is the reason.
        let message = error.to_string();
        let reason = message
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .trim_start_matches("error: ");
        let cause = format!("bad regular expression: {reason}");
        value.refuse(
            DiagnosticCode::BadValue,
            cause,
            "in 'single quotes' a backslash is written once",
        );
        return None;
    }
    Some(text.to_owned())
}

/// `443`, `"443"` or `"8000-8100"`.
fn read_ports(value: &Value<'_>) -> Option<(u16, u16)> {
    if value.peek_integer().is_some() {
        let port = u16::try_from(value.integer(PORTS)?).ok()?;
        return Some((port, port));
    }
    let text = value.string()?;
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    let range = port(low).zip(port(high)).filter(|(low, high)| low <= high);
    if range.is_none() {
        let cause = format!("{} is no port and no range of ports", quoted(text));
        value.refuse(
            DiagnosticCode::BadValue,
            cause,
            "write 443 or \"8000-8100\", from 1 to 65535",
        );
    }
    range
}

fn read_user(value: &Value<'_>, users: &[User]) -> Option<String> {
    let text = value.filled()?;
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    if !names.contains(&text) {
        let cause = format!("no user is named {}", quoted(text));
        let help = suggestion(text, &names, "users are")
            .or_else(|| Some("add the user to [listen] users".to_owned()));
        value.report(Severity::Error, DiagnosticCode::Undefined, cause, help);
        return None;
    }
    Some(text.to_owned())
}
