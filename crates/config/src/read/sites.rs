//! `[[site]]`: services that the reverse proxy publishes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::context::ReadContext;
use super::listen_addresses::ListenAddresses;
use super::not_served::warn_not_served;
use super::outbound_names::{name_of, refuse_duplicates};
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::{Backend, Balance, Site, SiteHealth, SiteLimit, SiteRoute, SiteTls};
use crate::tree::{Table, Value, quoted};

const RATE: RangeInclusive<u64> = 0..=10_000_000;
const BODY: RangeInclusive<u64> = 0..=1 << 50;
const HEADER: RangeInclusive<u64> = 0..=16 << 20;
const WEIGHT: RangeInclusive<u64> = 0..=1_000;
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(600);
const TIMES: RangeInclusive<u64> = 1..=100;

pub(super) fn read<'a>(
    top: &Table<'a>,
    context: &ReadContext<'a>,
    addresses: &mut ListenAddresses<'a>,
) -> Vec<Site> {
    let tables = top.tables("site", &keys::SITE);
    let mut names = Vec::new();
    let mut sites: Vec<Site> = Vec::new();
    for (value, table) in &tables {
        let site = read_site(table, context, addresses);
        refuse_shared_hosts(table, &site, &sites);
        refuse_mixed_tls(table, &site, &sites);
        names.push((table.get("name").unwrap_or(*value), site.name.clone()));
        sites.push(site);
    }
    refuse_duplicates(&names, "site");
    sites
}

fn read_site<'a>(
    table: &Table<'a>,
    context: &ReadContext<'a>,
    addresses: &mut ListenAddresses<'a>,
) -> Site {
    let name = name_of(table);
    let backends: Vec<Backend> = table
        .tables("backend", &keys::SITE_BACKEND)
        .iter()
        .filter_map(|(_, backend)| read_backend(backend))
        .collect();
    let routes: Vec<SiteRoute> = table
        .tables("route", &keys::SITE_ROUTE)
        .iter()
        .filter_map(|(_, route)| read_route(route))
        .collect();
    if table.get("backend").is_none() && table.get("route").is_none() {
        table.refuse(
            DiagnosticCode::Missing,
            "a site needs a backend",
            "add [[site.backend]] with a url",
        );
    }
    let urls = backends.iter().map(|backend| backend.url.to_string());
    refuse_repeated(table, urls, "backend");
    refuse_repeated(
        table,
        routes.iter().map(|route| route.path.clone()),
        "route",
    );
    warn_idle_backends(table, &backends);
    Site {
        listen: read_listen(table, &name, addresses),
        hosts: read_hosts(table),
        tls: table.get("tls").and_then(|value| read_tls(&value, context)),
        balance: table
            .get("balance")
            .and_then(|v| v.choice())
            .unwrap_or(Balance::LeastTime),
        hash_on: table.get("hash_on").and_then(|value| read_hash_on(&value)),
        cache: table.boolean("cache", false),
        limit: table
            .get("limit")
            .and_then(|value| read_limit(&value))
            .unwrap_or_default(),
        allow: table.list("allow", Value::network),
        deny: table.list("deny", Value::network),
        backends,
        health: table.get("health").and_then(|value| read_health(&value)),
        routes,
        name,
    }
}

fn read_listen<'a>(
    table: &Table<'a>,
    name: &str,
    addresses: &mut ListenAddresses<'a>,
) -> Vec<SocketAddr> {
    let Some(value) = table.require("listen") else {
        return Vec::new();
    };
    if value.is_array() && value.peek_items().is_empty() {
        value.refuse(
            DiagnosticCode::BadValue,
            "a site needs an address to listen on",
            "write [\"127.0.0.1:8080\"]",
        );
    }
    let mut listen = Vec::new();
    for item in value.items() {
        let Some(address) = item.address() else {
            continue;
        };
        addresses.add_for_site(address, name, item);
        listen.push(address);
    }
    listen
}

/// A site without hosts would answer for any name (DNS rebinding).
fn read_hosts(table: &Table<'_>) -> Vec<String> {
    let Some(value) = table.require("hosts") else {
        return Vec::new();
    };
    if value.is_array() && value.peek_items().is_empty() {
        value.refuse(
            DiagnosticCode::BadValue,
            "a site needs at least one host",
            "name the hosts it answers for",
        );
    }
    value
        .items()
        .iter()
        .filter_map(Value::host_pattern)
        .collect()
}

fn refuse_shared_hosts(table: &Table<'_>, site: &Site, earlier: &[Site]) {
    for other in earlier.iter().filter(|other| {
        other
            .listen
            .iter()
            .any(|address| site.listen.contains(address))
    }) {
        if let Some(host) = site.hosts.iter().find(|host| other.hosts.contains(host)) {
            let cause = format!(
                "site {} answers for {} on the same address already",
                quoted(&other.name),
                quoted(host)
            );
            table.refuse(DiagnosticCode::Clash, cause, "give each host to one site");
        }
    }
}

/// The first bytes of a client's connection cannot be both.
fn refuse_mixed_tls(table: &Table<'_>, site: &Site, earlier: &[Site]) {
    let mixed = earlier.iter().find(|other| {
        let mut addresses = other.listen.iter();
        let shared = addresses.any(|address| site.listen.contains(address));
        shared && other.tls.is_some() != site.tls.is_some()
    });
    if let Some(other) = mixed {
        let has = if other.tls.is_some() { "TLS" } else { "no TLS" };
        let cause = format!("site {} has {has} on the same address", quoted(&other.name));
        let help = "give one of them another address, or both tls";
        table.refuse(DiagnosticCode::Clash, cause, help);
    }
}

fn read_tls(value: &Value<'_>, context: &ReadContext<'_>) -> Option<SiteTls> {
    let table = value.table(&keys::SITE_TLS)?;
    let (cert, key, acme) = (table.get("cert"), table.get("key"), table.get("acme"));
    let contact = table.get("contact");
    match (cert, key, acme) {
        (Some(cert), Some(key), None) => {
            if let Some(contact) = contact {
                contact.refuse(
                    DiagnosticCode::Conflict,
                    "\"contact\" belongs to acme",
                    "leave it out",
                );
            }
            Some(SiteTls::Files {
                cert: context.path(cert.filled()?),
                key: context.path(key.filled()?),
            })
        }
        (None, None, Some(acme)) => {
            warn_not_served(&table, "acme", true, "ACME");
            let contact = contact.and_then(|v| v.filled()).map(str::to_owned);
            Some(SiteTls::Acme {
                directory: acme.http_url()?,
                contact,
            })
        }
        _ => {
            let help = "write { cert = \"cert.pem\", key = \"key.pem\" } or { acme = \"https://…/directory\" }";
            value.refuse(
                DiagnosticCode::BadValue,
                "\"tls\" needs a certificate and its key, or acme",
                help,
            );
            None
        }
    }
}

/// Backends without any share are valid while a server is replaced, and easily a mistake.
fn warn_idle_backends(table: &Table<'_>, backends: &[Backend]) {
    if !backends.is_empty() && backends.iter().all(|backend| backend.weight == 0) {
        table.warn(
            DiagnosticCode::Unreached,
            "every backend of the site has weight 0, so none gets a request",
            "give one of them a weight of 1 or more",
        );
    }
}

fn read_hash_on(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let token = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let named = text
        .strip_prefix("cookie:")
        .or_else(|| text.strip_prefix("header:"))
        .is_some_and(token);
    if named || matches!(text, "client" | "path") {
        return Some(text.to_owned());
    }
    let cause = format!("\"hash_on\" cannot be {}", quoted(text));
    value.refuse(
        DiagnosticCode::BadValue,
        cause,
        "allowed are \"client\", \"path\", \"cookie:NAME\" and \"header:NAME\"",
    );
    None
}

fn read_limit(value: &Value<'_>) -> Option<SiteLimit> {
    let table = value.table(&keys::SITE_LIMIT)?;
    let default = SiteLimit::default();
    let rate = |key, default| {
        table
            .get(key)
            .and_then(|v| v.count(RATE))
            .unwrap_or(default)
    };
    Some(SiteLimit {
        requests_per_second: rate("requests_per_second", default.requests_per_second),
        burst: rate("burst", default.burst),
        body: table
            .get("body")
            .and_then(|v| v.size(BODY))
            .unwrap_or(default.body),
        header_bytes: table
            .get("header_bytes")
            .and_then(|v| v.size(HEADER))
            .unwrap_or(default.header_bytes),
    })
}

fn read_backend(table: &Table<'_>) -> Option<Backend> {
    let url = table.require("url").and_then(|value| value.backend_url());
    let weight = table
        .get("weight")
        .and_then(|v| v.count(WEIGHT))
        .unwrap_or(1);
    Some(Backend { url: url?, weight })
}

fn read_health(value: &Value<'_>) -> Option<SiteHealth> {
    let table = value.table(&keys::SITE_HEALTH)?;
    let default = SiteHealth::default();
    let interval = table
        .get("interval")
        .and_then(|v| v.duration(INTERVAL))
        .unwrap_or(default.interval);
    Some(SiteHealth {
        path: table
            .get("path")
            .and_then(|value| read_path(&value))
            .unwrap_or(default.path),
        interval,
        timeout: table
            .get("timeout")
            .and_then(|v| v.duration(TIMEOUT))
            .unwrap_or(default.timeout.min(interval)),
        unhealthy_after: table
            .get("unhealthy_after")
            .and_then(|v| v.count(TIMES))
            .unwrap_or(default.unhealthy_after),
        healthy_after: table
            .get("healthy_after")
            .and_then(|v| v.count(TIMES))
            .unwrap_or(default.healthy_after),
    })
}

fn read_route(table: &Table<'_>) -> Option<SiteRoute> {
    let path = table.require("path").and_then(|value| read_path(&value));
    let backends = table.require("backends").map(|value| {
        if value.is_array() && value.peek_items().is_empty() {
            value.refuse(
                DiagnosticCode::BadValue,
                "a route needs at least one backend",
                "write [\"http://127.0.0.1:9003\"]",
            );
        }
        value
            .items()
            .iter()
            .filter_map(Value::backend_url)
            .collect()
    });
    Some(SiteRoute {
        path: path?,
        strip_prefix: table.boolean("strip_prefix", false),
        backends: backends?,
    })
}

/// Refuses what is listed twice: the second would never be used.
fn refuse_repeated(table: &Table<'_>, all: impl Iterator<Item = String>, kind: &str) {
    let mut seen = BTreeSet::new();
    for one in all {
        if seen.contains(&one) {
            let cause = format!("the {kind} {} is there twice", quoted(&one));
            table.refuse(DiagnosticCode::Duplicate, cause, "leave one of them out");
        }
        seen.insert(one);
    }
}

fn read_path(value: &Value<'_>) -> Option<String> {
    let text = value.filled()?;
    // It is compared with and sent in requests: visible ASCII only.
    let is_path = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_path || text.contains(['?', '#']) {
        let cause = format!("{} is no path", quoted(text));
        value.refuse(
            DiagnosticCode::BadValue,
            cause,
            "it begins with \"/\", holds no query, and anything but ASCII is percent-encoded",
        );
        return None;
    }
    Some(text.to_owned())
}
