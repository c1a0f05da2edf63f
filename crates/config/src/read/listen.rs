//! `[listen]`: the listeners, and which clients may use them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::context::ReadContext;
use super::listen_addresses::ListenAddresses;
use super::outbound_names::refuse_duplicates;
use super::secrets;
use crate::defaults::{DEFAULT_MIXED, DEFAULT_PAC};
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::{Listen, ListenLimits, ListenTls, Secret, User};
use crate::tree::{Table, Value};

/// RFC 1929 section 2: a name and a password are 1 to 255 bytes.
pub(super) const MAX_CREDENTIAL: usize = 255;
const CONNECTIONS: std::ops::RangeInclusive<u64> = 1..=1_000_000;
const PER_CLIENT: std::ops::RangeInclusive<u64> = 0..=1_000_000;
const HANDSHAKE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(600);
const REQUEST_BODY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3_600);
const RESPONSE_HEADER: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(86_400);
const IDLE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(30 * 86_400);

pub(super) fn read<'a>(
    top: &Table<'a>,
    context: &ReadContext<'a>,
    addresses: &mut ListenAddresses<'a>,
) -> Listen {
    let Some(table) = top.get("listen").and_then(|v| v.table(&keys::LISTEN)) else {
        return Listen::default();
    };
    let mut listeners: Vec<(Value<'a>, SocketAddr)> = Vec::new();
    let mut read_listeners = |key: &'static str| -> Vec<SocketAddr> {
        let read = table.list(key, |value| Some((*value, value.address()?)));
        read.iter()
            .for_each(|(value, address)| addresses.add(*address, &format!("listen.{key}"), *value));
        listeners.extend(&read);
        read.into_iter().map(|(_, address)| address).collect()
    };
    let (mut mixed, socks, http, https) = (
        read_listeners("mixed"),
        read_listeners("socks"),
        read_listeners("http"),
        read_listeners("https"),
    );
    // A file that names a listener gets no default listener in addition.
    let untouched = https.is_empty()
        && ["mixed", "socks", "http"]
            .iter()
            .all(|key| table.get(key).is_none());
    if untouched {
        mixed.push(DEFAULT_MIXED);
    }
    let pac = match table.get("pac") {
        Some(value) => off_or_address(&value).inspect(|address| {
            addresses.add(*address, "listen.pac", value);
            listeners.push((value, *address));
        }),
        None => untouched.then_some(DEFAULT_PAC),
    };
    let tls = read_tls(&table, context, !https.is_empty());
    let allow_clients =
        Some(table.list("allow_clients", Value::network)).filter(|networks| !networks.is_empty());
    let users = read_users(&table, context);
    if https.is_empty() && top.get("site").is_none() {
        refuse_empty_listeners(&table);
    }
    if users.is_empty() {
        check_exposure(&table, allow_clients.as_deref(), &listeners);
    }
    Listen {
        mixed,
        socks,
        http,
        https,
        tls,
        pac,
        allow_clients,
        users,
        limits: read_limits(&table),
    }
}

/// Where `https` has listeners, `tls` is required.
fn read_tls<'a>(
    table: &Table<'a>,
    context: &ReadContext<'a>,
    has_https: bool,
) -> Option<ListenTls> {
    let Some(value) = table.get("tls") else {
        if let Some(https) = table.get("https").filter(|_| has_https) {
            https.refuse(
                DiagnosticCode::Missing,
                "\"https\" needs a certificate",
                "add tls = { cert = \"cert.pem\", key = \"key.pem\" } or tls = { self_signed = true }",
            );
        }
        return None;
    };
    if !has_https {
        value.warn(
            DiagnosticCode::Unreached,
            "\"tls\" is for https listeners, and there are none",
            "name an address in https, or leave tls out",
        );
    }
    let tls = value.table(&keys::LISTEN_TLS)?;
    let path = |key| Some(context.path(tls.get(key)?.filled()?));
    match (path("cert"), path("key"), tls.boolean("self_signed", false)) {
        (Some(cert), Some(key), false) => Some(ListenTls::Files { cert, key }),
        (None, None, true) => Some(ListenTls::SelfSigned),
        _ => {
            value.refuse(
                DiagnosticCode::Conflict,
                "\"tls\" takes cert and key, or self_signed = true",
                "write { cert = \"cert.pem\", key = \"key.pem\" } or { self_signed = true }",
            );
            None
        }
    }
}

/// Refuses listeners' keys that are present and all empty. An invalid one has its own diagnostic.
fn refuse_empty_listeners(table: &Table<'_>) {
    let given: Vec<Value<'_>> = ["mixed", "socks", "http"]
        .iter()
        .filter_map(|key| table.get(key))
        .collect();
    let is_empty = |value: &Value<'_>| value.is_array() && value.peek_items().is_empty();
    if !given.is_empty() && given.iter().all(is_empty) {
        table.refuse(
            DiagnosticCode::Conflict,
            "nothing listens",
            "name at least one address in mixed, socks, http or https",
        );
    }
}

/// Users or networks are given, even if they were refused: then they have their own diagnostics.
fn has_access_keys(table: &Table<'_>) -> bool {
    ["users", "allow_clients"]
        .iter()
        .any(|key| table.get(key).is_some_and(|v| !v.peek_items().is_empty()))
}

/// Without users, the networks are all that keeps other machines out.
fn check_exposure(
    table: &Table<'_>,
    allow_clients: Option<&[IpNet]>,
    listeners: &[(Value<'_>, SocketAddr)],
) {
    match allow_clients {
        None if !has_access_keys(table) => listeners
            .iter()
            .for_each(|(value, address)| refuse_exposed(value, *address)),
        Some(networks) if networks.iter().any(|network| network.prefix_len() == 0) => table.warn(
            DiagnosticCode::Exposed,
            "allow_clients lets everybody in, and no user is asked for",
            "add users, or narrower networks",
        ),
        _ => {}
    }
}

fn refuse_exposed(value: &Value<'_>, address: SocketAddr) {
    if !is_loopback(address.ip()) {
        let cause = format!(
            "{address} can be reached from other machines without users or allowed clients"
        );
        value.refuse(
            DiagnosticCode::Exposed,
            cause,
            "add users or allow_clients, or listen on 127.0.0.1",
        );
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// "" is off.
pub(super) fn off_or_address(value: &Value<'_>) -> Option<SocketAddr> {
    if value.string()?.is_empty() {
        return None;
    }
    value.address()
}

fn read_users<'a>(table: &Table<'a>, context: &ReadContext<'a>) -> Vec<User> {
    let mut names = Vec::new();
    let mut users = Vec::new();
    for (value, user) in table.tables("users", &keys::USER) {
        let name = user.require("name").and_then(|name| credential_name(&name));
        let password = user
            .require("password")
            .and_then(|password| read_password(&password, context));
        names.push((
            user.get("name").unwrap_or(value),
            name.clone().unwrap_or_default(),
        ));
        if let (Some(name), Some(password)) = (name, password) {
            users.push(User { name, password });
        }
    }
    refuse_duplicates(&names, "user");
    users
}

/// A login name: 1 to 255 bytes.
pub(super) fn credential_name(value: &Value<'_>) -> Option<String> {
    let text = value.filled()?;
    if text.len() > MAX_CREDENTIAL {
        let cause = format!("\"{}\" is {} bytes long", value.key, text.len());
        value.refuse(
            DiagnosticCode::BadValue,
            cause,
            format!("allowed are 1 to {MAX_CREDENTIAL} bytes (RFC 1929)"),
        );
        return None;
    }
    if text.contains(':') {
        value.warn(
            DiagnosticCode::Unreached,
            "a name with a colon cannot log in over HTTP (RFC 7617)",
            "leave the colon out",
        );
    }
    Some(text.to_owned())
}

/// A secret; one in the file itself is 1 to 255 bytes.
pub(super) fn read_password(value: &Value<'_>, context: &ReadContext<'_>) -> Option<Secret> {
    if let Some(length) = value
        .peek_str()
        .map(str::len)
        .filter(|length| *length > MAX_CREDENTIAL)
    {
        value.redact();
        let cause = format!("\"{}\" is {length} bytes long", value.key);
        value.refuse(
            DiagnosticCode::BadValue,
            cause,
            format!("allowed are 1 to {MAX_CREDENTIAL} bytes (RFC 1929)"),
        );
        return None;
    }
    secrets::read(value, context)
}

fn read_limits(table: &Table<'_>) -> ListenLimits {
    let default = ListenLimits::default();
    let Some(limits) = table.get("limits").and_then(|v| v.table(&keys::LIMITS)) else {
        return default;
    };
    let count = |key, range, default| {
        let given = limits.get(key).and_then(|value| value.integer(range));
        let given = given.and_then(|count| usize::try_from(count).ok());
        given.unwrap_or(default)
    };
    let duration = |key, range, default| {
        let given = limits.get(key).and_then(|value| value.duration(range));
        given.unwrap_or(default)
    };
    ListenLimits {
        connections: count("connections", CONNECTIONS, default.connections),
        connections_per_client: count(
            "connections_per_client",
            PER_CLIENT,
            default.connections_per_client,
        ),
        handshake_timeout: duration("handshake_timeout", HANDSHAKE, default.handshake_timeout),
        request_header_timeout: duration(
            "request_header_timeout",
            HANDSHAKE,
            default.request_header_timeout,
        ),
        request_body_timeout: duration(
            "request_body_timeout",
            REQUEST_BODY,
            default.request_body_timeout,
        ),
        response_header_timeout: duration(
            "response_header_timeout",
            RESPONSE_HEADER,
            default.response_header_timeout,
        ),
        idle_timeout: duration("idle_timeout", IDLE, default.idle_timeout),
    }
}
