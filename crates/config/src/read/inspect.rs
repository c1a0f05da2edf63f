//! `[inspect]` and `[scan]`: HTTPS inspection and malware scanning.

use std::ops::RangeInclusive;

use url::Url;

use super::context::ReadContext;
use super::service_address::{self, ServiceKind, endpoint};
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::{Inspect, Scan, ServiceAddress};
use crate::tree::{Table, Value};

const BODY: RangeInclusive<u64> = 1 << 10..=1 << 40;
const MEMORY: RangeInclusive<u64> = 1 << 20..=1 << 40;
const SPOOL: RangeInclusive<u64> = 0..=1 << 50;
const CLAMD: ServiceKind = ServiceKind {
    what: "a clamd",
    form: "write \"unix:/run/clamav/clamd.ctl\" or \"tcp:127.0.0.1:3310\"",
    tls: false,
};

pub(super) fn read<'a>(top: &Table<'a>, context: &ReadContext<'a>) -> Inspect {
    let Some(table) = top.get("inspect").and_then(|v| v.table(&keys::INSPECT)) else {
        return Inspect::default();
    };
    Inspect {
        enabled: table.boolean("enabled", false),
        hosts: table.list("hosts", read_host),
        except: table.list("except", Value::host_pattern),
        trust: table.list("trust", |value| Some(context.path(value.filled()?))),
        sni_mismatch: table
            .get("sni_mismatch")
            .and_then(|value| value.choice())
            .unwrap_or_default(),
    }
}

/// A host pattern. All hosts at once are refused: what nobody thought of would be read too.
fn read_host(value: &Value<'_>) -> Option<String> {
    if value.string()?.trim() != "*" {
        return value.host_pattern();
    }
    value.refuse(
        DiagnosticCode::BadValue,
        "\"*\" would inspect every host: \"hosts\" names those that are inspected",
        "write \"example.com\" for a host, \"*.example.com\" for the hosts below it",
    );
    None
}

pub(super) fn read_scan<'a>(top: &Table<'a>, context: &ReadContext<'a>) -> Scan {
    let default = Scan::default();
    let Some(table) = top.get("scan").and_then(|v| v.table(&keys::SCAN)) else {
        return default;
    };
    let size = |key, range| table.get(key).and_then(|value| value.size(range));
    let action = |key| table.get(key).and_then(|value| value.choice());
    Scan {
        enabled: table.boolean("enabled", default.enabled),
        rules: table.list("rules", |value| {
            Some(context.path(value.filled()?).display().to_string())
        }),
        clamd: table
            .get("clamd")
            .and_then(|value| service_address::read(&value, &CLAMD)),
        icap: table.get("icap").and_then(|value| read_icap(&value)),
        max_body: size("max_body", BODY).unwrap_or(default.max_body),
        hold: table
            .get("hold")
            .and_then(|v| v.choice())
            .unwrap_or(default.hold),
        memory: size("memory", MEMORY).unwrap_or(default.memory),
        spool: size("spool", SPOOL).unwrap_or(default.spool),
        oversize: action("oversize").unwrap_or(default.oversize),
        on_error: action("on_error").unwrap_or(default.on_error),
        unscannable: action("unscannable").unwrap_or(default.unscannable),
    }
}

/// `icap://HOST[:PORT]/SERVICE` (RFC 3507, section 4.2); "" is none.
fn read_icap(value: &Value<'_>) -> Option<ServiceAddress> {
    let text = value.string()?;
    if text.is_empty() {
        return None;
    }
    let service = Url::parse(text).ok().filter(|url| {
        url.scheme() == "icap"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path().len() > 1
            && url.fragment().is_none()
    });
    let service = service.and_then(|url| {
        let (host, port) = (url.host_str()?, url.port().unwrap_or(1344));
        Some(ServiceAddress {
            endpoint: endpoint("http", &format!("{host}:{port}"))?,
            text: url.into(),
        })
    });
    if service.is_none() {
        value.redact_login(text);
        value.refuse(
            DiagnosticCode::BadValue,
            "\"icap\" takes the URL of an ICAP service",
            "write \"icap://127.0.0.1:1344/SERVICE\"",
        );
    }
    service
}
