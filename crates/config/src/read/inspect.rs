//! `[inspect]` and `[scan]`: HTTPS inspection and malware scanning.

use std::ops::RangeInclusive;

use super::context::ReadContext;
use super::upstreams::split_host_port;
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::{Inspect, Scan};
use crate::tree::{Table, Value, quoted};

const BODY: RangeInclusive<u64> = 1 << 10..=1 << 40;

pub(super) fn read(top: &Table<'_>) -> Inspect {
    let Some(table) = top.get("inspect").and_then(|v| v.table(&keys::INSPECT)) else {
        return Inspect::default();
    };
    let inspect = Inspect {
        enabled: table.boolean("enabled", false),
        hosts: table.list("hosts", Value::host_pattern),
        except: table.list("except", Value::host_pattern),
    };
    warn_not_served(&table, inspect.enabled, "HTTPS inspection");
    inspect
}

pub(super) fn read_scan<'a>(top: &Table<'a>, context: &ReadContext<'a>) -> Scan {
    let default = Scan::default();
    let Some(table) = top.get("scan").and_then(|v| v.table(&keys::SCAN)) else {
        return default;
    };
    let scan = Scan {
        enabled: table.boolean("enabled", default.enabled),
        rules: table.list("rules", |value| {
            Some(context.path(value.filled()?).display().to_string())
        }),
        clamd: table.get("clamd").and_then(|value| read_clamd(&value)),
        max_body: table
            .get("max_body")
            .and_then(|v| v.size(BODY))
            .unwrap_or(default.max_body),
        on_error: table
            .get("on_error")
            .and_then(|v| v.choice())
            .unwrap_or(default.on_error),
    };
    warn_not_served(&table, scan.enabled, "scanning");
    scan
}

fn warn_not_served(table: &Table<'_>, enabled: bool, what: &str) {
    if let Some(value) = table.get("enabled").filter(|_| enabled) {
        let cause = format!("{what} is not served by this version yet");
        value.warn(
            DiagnosticCode::NotServed,
            cause,
            "it stays off until a version that has it",
        );
    }
}

/// `unix:/path` or `tcp:host:port`; "" is none.
fn read_clamd(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.is_empty() {
        return None;
    }
    let unix = text
        .strip_prefix("unix:")
        .is_some_and(|path| path.starts_with('/'));
    let tcp = text.strip_prefix("tcp:").and_then(split_host_port);
    if unix || tcp.is_some_and(|(host, port)| !host.is_empty() && port.is_some()) {
        return Some(text.to_owned());
    }
    let cause = format!("{} is no place of a clamd", quoted(text));
    value.refuse(
        DiagnosticCode::BadValue,
        cause,
        "write \"unix:/run/clamav/clamd.ctl\" or \"tcp:127.0.0.1:3310\"",
    );
    None
}
