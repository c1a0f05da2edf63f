//! `[[group]]`: a set of upstreams of which one is chosen per connection.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::context::ReadContext;
use super::outbound_names::name_of;
use crate::defaults::{DEFAULT_CHECK_INTERVAL, DEFAULT_CHECK_TIMEOUT};
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::{Group, GroupPolicy, HealthCheck};
use crate::tree::{Table, Value, quoted};

const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(600);

pub(super) fn read<'a>(top: &Table<'a>, context: &ReadContext<'a>) -> Vec<Group> {
    top.tables("group", &keys::GROUP)
        .iter()
        .map(|(_, table)| read_group(table, context))
        .collect()
}

fn read_group<'a>(table: &Table<'a>, context: &ReadContext<'a>) -> Group {
    Group {
        name: name_of(table),
        policy: table
            .get("policy")
            .and_then(|v| v.choice())
            .unwrap_or(GroupPolicy::Failover),
        members: read_members(table, context),
        check: table.get("check").and_then(|value| read_check(&value)),
    }
}

fn read_members<'a>(table: &Table<'a>, context: &ReadContext<'a>) -> Vec<String> {
    let Some(value) = table.require("members") else {
        return Vec::new();
    };
    let items = value.items();
    if items.is_empty() && value.is_array() {
        value.refuse(
            DiagnosticCode::BadValue,
            "a group needs at least one member",
            "name an upstream",
        );
    }
    let mut members: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = context.outbounds.upstream(&item) else {
            continue;
        };
        if members.contains(&name) {
            item.refuse(
                DiagnosticCode::Duplicate,
                format!("{} is a member already", quoted(&name)),
                "leave one of them out",
            );
            continue;
        }
        members.push(name);
    }
    members
}

fn read_check(value: &Value<'_>) -> Option<HealthCheck> {
    let table = value.table(&keys::CHECK)?;
    let url = table.require("url").and_then(|v| v.http_url());
    let interval = table
        .get("interval")
        .and_then(|v| v.duration(INTERVAL))
        .unwrap_or(DEFAULT_CHECK_INTERVAL);
    let timeout = table.get("timeout").and_then(|v| v.duration(TIMEOUT));
    Some(HealthCheck {
        url: url?,
        interval,
        timeout: timeout.unwrap_or(DEFAULT_CHECK_TIMEOUT.min(interval)),
    })
}
