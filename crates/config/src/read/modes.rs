//! `mode` and `[modes.NAME]`: the current mode, and the settings of each.

use std::collections::BTreeMap;

use url::Url;

use super::context::ReadContext;
use super::outbound_names::MAX_NAME;
use crate::defaults::{DEFAULT_MODE, built_in_modes};
use crate::diagnose::{DiagnosticCode, Severity};
use crate::domain::normal_domain;
use crate::keys;
use crate::model::{Dns, Fallback, Mode, RouteRef};
use crate::nearest::suggestion;
use crate::tree::{Table, Value, quoted};

const DNS_FORMS: &str =
    "allowed are \"system\", \"upstream\", \"https://HOST/dns-query\" and \"tls://HOST\"";

pub(super) fn read(top: &Table<'_>, context: &ReadContext<'_>) -> BTreeMap<String, Mode> {
    let mut modes = built_in_modes();
    for (value, name) in top.get("modes").map(|v| v.entries()).unwrap_or_default() {
        if name.trim().is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            value.refuse(
                DiagnosticCode::BadValue,
                "a mode's name is bad",
                format!("allowed are 1 to {MAX_NAME} printable bytes"),
            );
            continue;
        }
        let base = modes.get(name).cloned().unwrap_or_default();
        if let Some(table) = value.table(&keys::MODE) {
            modes.insert(name.to_owned(), read_mode(&table, base, context));
        }
    }
    modes
}

/// The current mode; the default where the value is invalid, which was reported.
pub(super) fn chosen(
    top: &Table<'_>,
    modes: &BTreeMap<String, Mode>,
    has_outbounds: bool,
) -> String {
    let Some(value) = top.get("mode") else {
        return DEFAULT_MODE.to_owned();
    };
    let Some(name) = value.string() else {
        return DEFAULT_MODE.to_owned();
    };
    // A mode whose table is invalid is still defined.
    let mut names: Vec<&str> = top.get("modes").map(|v| v.peek_keys()).unwrap_or_default();
    names.extend(
        modes
            .keys()
            .map(String::as_str)
            .filter(|built_in| !names.contains(built_in))
            .collect::<Vec<_>>(),
    );
    if !names.contains(&name) {
        let cause = format!("{} names no mode", quoted(name));
        value.report(
            Severity::Error,
            DiagnosticCode::Undefined,
            cause,
            suggestion(name, &names, "defined are"),
        );
        return DEFAULT_MODE.to_owned();
    }
    if !has_outbounds
        && modes
            .get(name)
            .is_some_and(|mode| mode.route == RouteRef::FirstOutbound)
    {
        let cause = format!(
            "mode {} has no upstream to send anything to: it refuses every connection",
            quoted(name)
        );
        value.warn(DiagnosticCode::Unreached, cause, "add an [[upstream]]");
    }
    name.to_owned()
}

fn read_mode(table: &Table<'_>, base: Mode, context: &ReadContext<'_>) -> Mode {
    let kill_switch = table.boolean("kill_switch", base.kill_switch);
    Mode {
        route: read_route(table, base.route, kill_switch, context),
        filter: table.boolean("filter", base.filter),
        headers: table
            .get("headers")
            .and_then(|v| v.choice())
            .unwrap_or(base.headers),
        kill_switch,
        fallback: read_fallback(table, base.fallback, kill_switch),
        history: table.boolean("history", base.history),
        dns: read_dns(table, base.dns, kill_switch),
        inspect: table.boolean("inspect", base.inspect),
        scan: table.boolean("scan", base.scan),
        scan_hold: table
            .get("scan_hold")
            .and_then(|value| value.choice())
            .or(base.scan_hold),
    }
}

fn read_fallback(table: &Table<'_>, base: Fallback, kill_switch: bool) -> Fallback {
    let Some(value) = table.get("fallback") else {
        // A kill switch that a file turns on excludes what the mode had before.
        return if kill_switch { Fallback::None } else { base };
    };
    let fallback = value.choice().unwrap_or(base);
    if kill_switch && fallback == Fallback::Direct {
        let cause = "a mode with a kill switch cannot fall back to \"direct\"";
        value.refuse(
            DiagnosticCode::Conflict,
            cause,
            "set fallback = \"none\", or kill_switch = false",
        );
    }
    fallback
}

fn read_route(
    table: &Table<'_>,
    base: RouteRef,
    kill_switch: bool,
    context: &ReadContext<'_>,
) -> RouteRef {
    let Some(value) = table.get("route") else {
        // With a kill switch "direct" is not allowed: the default is that of the built-in "strict".
        return if kill_switch {
            RouteRef::FirstOutbound
        } else {
            base
        };
    };
    if value.peek_str() != Some("direct") {
        return context
            .outbounds
            .outbound(&value, &["direct"])
            .map_or(base, RouteRef::Outbound);
    }
    if kill_switch {
        let cause = "a mode with a kill switch cannot go \"direct\"";
        value.refuse(
            DiagnosticCode::Conflict,
            cause,
            "set route to an upstream or a group, or kill_switch = false",
        );
    }
    RouteRef::Direct
}

fn read_dns(table: &Table<'_>, base: Dns, kill_switch: bool) -> Dns {
    let Some(value) = table.get("dns") else {
        return if kill_switch { Dns::Upstream } else { base };
    };
    let Some(dns) = parse_dns(&value) else {
        return base;
    };
    if kill_switch && dns != Dns::Upstream {
        let cause = "a mode with a kill switch never resolves names here";
        value.refuse(
            DiagnosticCode::Conflict,
            cause,
            "set dns = \"upstream\", or kill_switch = false",
        );
    }
    dns
}

fn parse_dns(value: &Value<'_>) -> Option<Dns> {
    let text = value.string()?;
    let dns = match text {
        "system" => Some(Dns::System),
        "upstream" => Some(Dns::Upstream),
        _ if text.starts_with("https://") => over_https(text),
        _ => text.strip_prefix("tls://").and_then(over_tls),
    };
    if dns.is_none() {
        let near =
            suggestion(text, &["system", "upstream"], "").filter(|help| help.starts_with("did"));
        let cause = format!("{} is no way to resolve names", quoted(text));
        value.report(
            Severity::Error,
            DiagnosticCode::BadValue,
            cause,
            near.or_else(|| Some(DNS_FORMS.to_owned())),
        );
    }
    dns
}

fn over_https(text: &str) -> Option<Dns> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (url.has_host() && plain).then(|| Dns::Https(url.into()))
}

/// `host`, `host:port`, `[ipv6]` or `[ipv6]:port`.
fn over_tls(rest: &str) -> Option<Dns> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = super::upstreams::split_host_port(rest)?;
    let host = match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
        Ok(std::net::IpAddr::V4(ip)) => ip.to_string(),
        Err(_) => normal_domain(host)?,
    };
    Some(Dns::Tls(port.map_or_else(
        || host.clone(),
        |port| format!("{host}:{port}"),
    )))
}
