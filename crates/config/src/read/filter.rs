//! `[filter]`: domains to allow and to deny, and blocklists.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::context::ReadContext;
use super::outbound_names::{name_of, refuse_duplicates};
use crate::defaults::DEFAULT_REFRESH;
use crate::keys;
use crate::model::{Filter, FilterList, ListFormat, ListSource};
use crate::tree::{Table, Value};

const REFRESH: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(365 * 86_400);
/// 0 is allowed too: no probation.
const PROBATION: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(90 * 86_400);

pub(super) fn read<'a>(top: &Table<'a>, context: &ReadContext<'a>) -> Filter {
    let Some(table) = top.get("filter").and_then(|v| v.table(&keys::FILTER)) else {
        return Filter::default();
    };
    let mut names = Vec::new();
    let mut lists = Vec::new();
    for (value, list) in table.tables("list", &keys::LIST) {
        let name = name_of(&list);
        names.push((list.get("name").unwrap_or(value), name.clone()));
        lists.extend(read_list(&list, name, context));
    }
    refuse_duplicates(&names, "list");
    Filter {
        allow: table.list("allow", Value::domain_suffix),
        deny: table.list("deny", Value::domain_suffix),
        lists,
    }
}

fn read_list(table: &Table<'_>, name: String, context: &ReadContext<'_>) -> Option<FilterList> {
    let source = table
        .require("source")
        .and_then(|value| read_source(&value, context));
    let format = table
        .get("format")
        .and_then(|v| v.choice())
        .unwrap_or(ListFormat::Auto);
    let enabled = table.boolean("enabled", true);
    let refresh = table
        .get("refresh")
        .and_then(|v| v.duration(REFRESH))
        .unwrap_or(DEFAULT_REFRESH);
    let probation = table.get("probation").and_then(|v| read_probation(&v));
    Some(FilterList {
        name,
        source: source?,
        format,
        enabled,
        refresh,
        probation: probation.unwrap_or_default(),
        private_addresses: table.boolean("private_addresses", false),
    })
}

/// "0" is no probation, as where nothing is written.
fn read_probation(value: &Value<'_>) -> Option<Duration> {
    if value.peek_integer().is_none() && matches!(value.string()?.trim(), "0" | "0s") {
        return Some(Duration::ZERO);
    }
    value.duration(PROBATION)
}

fn read_source(value: &Value<'_>, context: &ReadContext<'_>) -> Option<ListSource> {
    let text = value.filled()?;
    if text.contains("://") {
        return value.http_url().map(ListSource::Url);
    }
    Some(ListSource::Path(context.path(text)))
}
