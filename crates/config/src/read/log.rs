//! `[log]`: the program's log, and how long connections are kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::diagnose::{DiagnosticCode, Severity};
use crate::duration::parse_duration;
use crate::keys;
use crate::model::{Log, Retention};
use crate::nearest::suggestion;
use crate::tree::{Table, Value, quoted};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const RETENTION: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(3_650 * 86_400);

pub(super) fn read(top: &Table<'_>) -> Log {
    let default = Log::default();
    let Some(table) = top.get("log").and_then(|v| v.table(&keys::LOG)) else {
        return default;
    };
    Log {
        level: table
            .get("level")
            .and_then(|value| read_level(&value))
            .unwrap_or(default.level),
        format: table
            .get("format")
            .and_then(|v| v.choice())
            .unwrap_or(default.format),
        connections: table
            .get("connections")
            .and_then(|value| read_retention(&value))
            .unwrap_or(default.connections),
        requests: table
            .get("requests")
            .and_then(|v| v.choice())
            .unwrap_or(default.requests),
    }
}

/// A level, or a list of `target=level` as `tracing` reads it.
fn read_level(value: &Value<'_>) -> Option<String> {
    let text = value.filled()?;
    for directive in text.split(',').map(str::trim) {
        let (target, level) = directive
            .rsplit_once('=')
            .map_or(("", directive), |(target, level)| (target, level));
        let known = LEVELS.iter().any(|name| name.eq_ignore_ascii_case(level));
        // A target without a level enables all of it; `tracing` checks spans.
        let target_alone = target.is_empty() && (level.contains('_') || level.contains("::"));
        if !known && !target_alone && !directive.contains('[') {
            let cause = format!("{} is no log level", quoted(level));
            value.report(
                Severity::Error,
                DiagnosticCode::BadValue,
                cause,
                suggestion(level, &LEVELS, "allowed are"),
            );
            return None;
        }
    }
    Some(text.to_owned())
}

fn read_retention(value: &Value<'_>) -> Option<Retention> {
    let text = value.string()?;
    match text {
        "none" => Some(Retention::None),
        "memory" => Some(Retention::Memory),
        _ if parse_duration(text).is_some() => value.duration(RETENTION).map(Retention::Disk),
        _ => {
            let cause = format!("\"connections\" cannot be {}", quoted(text));
            let near =
                suggestion(text, &["none", "memory"], "").filter(|help| help.starts_with("did"));
            let help = near.unwrap_or_else(|| {
                "allowed are \"none\", \"memory\" and a duration such as \"30d\"".to_owned()
            });
            value.refuse(DiagnosticCode::BadValue, cause, help);
            None
        }
    }
}
