//! The checked configuration as JSON with the file's keys, for the control API. Secrets appear as references only.

use serde_json::{Map, Value, json};

use crate::backend_url::BackendUrl;
use crate::duration::format_duration;
use crate::model::*;
use crate::size::format_size;
use crate::timestamp::format_timestamp;

/// The file's content with every default written out. A secret in the file itself is `{"plain": true}`; a mode whose
/// route is the first upstream has no "route".
pub fn to_json(config: &Config) -> Value {
    json!({
        "mode": config.mode,
        "listen": listen(&config.listen),
        "modes": config.modes.iter().map(|(name, m)| (name.clone(), mode(m))).collect::<Map<_, _>>(),
        "upstream": config.upstreams.iter().map(upstream).collect::<Vec<_>>(),
        "group": config.groups.iter().map(group).collect::<Vec<_>>(),
        "rule": config.rules.iter().map(rule_json).collect::<Vec<_>>(),
        "filter": filter(&config.filter),
        "cache": cache(&config.cache),
        "inspect": {
            "enabled": config.inspect.enabled,
            "hosts": config.inspect.hosts,
            "except": config.inspect.except,
            "trust": config.inspect.trust,
            "sni_mismatch": config.inspect.sni_mismatch.as_str(),
        },
        "scan": scan(&config.scan),
        "site": config.sites.iter().map(site).collect::<Vec<_>>(),
        "control": { "http": or_empty(config.control.http), "metrics": or_empty(config.control.metrics) },
        "log": log(&config.log),
    })
}

/// "" is off.
fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

/// Only the keys that have a value.
fn object(entries: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    Value::Object(
        entries
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect(),
    )
}

fn secret(secret: &Secret) -> Value {
    match secret {
        Secret::Keyring(name) => json!({ "keyring": name }),
        Secret::Env(name) => json!({ "env": name }),
        Secret::File(path) => json!({ "file": path }),
        Secret::Plain(_) => json!({ "plain": true }),
    }
}

fn listen(listen: &Listen) -> Value {
    let users: Vec<Value> = listen
        .users
        .iter()
        .map(|user| json!({ "name": user.name, "password": secret(&user.password) }))
        .collect();
    let limits = json!({
        "connections": listen.limits.connections,
        "connections_per_client": listen.limits.connections_per_client,
        "handshake_timeout": format_duration(listen.limits.handshake_timeout),
        "request_header_timeout": format_duration(listen.limits.request_header_timeout),
        "request_body_timeout": format_duration(listen.limits.request_body_timeout),
        "response_header_timeout": format_duration(listen.limits.response_header_timeout),
        "idle_timeout": format_duration(listen.limits.idle_timeout),
    });
    object([
        ("mixed", Some(json!(listen.mixed))),
        ("socks", Some(json!(listen.socks))),
        ("http", Some(json!(listen.http))),
        ("https", Some(json!(listen.https))),
        ("tls", listen.tls.as_ref().map(listen_tls)),
        ("pac", Some(json!(or_empty(listen.pac)))),
        (
            "allow_clients",
            listen
                .allow_clients
                .as_ref()
                .map(|networks| json!(networks)),
        ),
        ("users", Some(Value::Array(users))),
        ("limits", Some(limits)),
    ])
}

fn listen_tls(tls: &ListenTls) -> Value {
    match tls {
        ListenTls::Files { cert, key } => json!({ "cert": cert, "key": key }),
        ListenTls::SelfSigned => json!({ "self_signed": true }),
    }
}

fn mode(mode: &Mode) -> Value {
    let route = match &mode.route {
        RouteRef::FirstOutbound => None,
        RouteRef::Direct => Some(json!("direct")),
        RouteRef::Outbound(name) => Some(json!(name)),
    };
    let dns = match &mode.dns {
        Dns::System => "system".to_owned(),
        Dns::Upstream => "upstream".to_owned(),
        Dns::Https(url) => url.clone(),
        Dns::Tls(host) => format!("tls://{host}"),
    };
    object([
        ("route", route),
        ("filter", Some(json!(mode.filter))),
        ("headers", Some(json!(mode.headers.as_str()))),
        ("history", Some(json!(mode.history))),
        ("kill_switch", Some(json!(mode.kill_switch))),
        ("fallback", Some(json!(mode.fallback.as_str()))),
        ("dns", Some(json!(dns))),
        ("inspect", (!mode.inspect).then_some(json!(false))),
        ("scan", (!mode.scan).then_some(json!(false))),
        ("scan_hold", mode.scan_hold.map(|hold| json!(hold.as_str()))),
    ])
}

/// The proxy's URL without user and password: "socks5://[::1]:1080".
pub fn upstream_url(upstream: &Upstream) -> String {
    let scheme = upstream.scheme;
    let (open, close) = if upstream.host.contains(':') {
        ("[", "]")
    } else {
        ("", "")
    };
    format!(
        "{scheme}://{open}{}{close}:{}",
        upstream.host, upstream.port
    )
}

fn cache(cache: &Cache) -> Value {
    object([
        ("enabled", Some(json!(cache.enabled))),
        ("memory", Some(json!(format_size(cache.memory)))),
        ("disk", Some(json!(format_size(cache.disk)))),
        ("encrypt", Some(json!(cache.encrypt))),
        ("shared", Some(json!(cache.shared))),
        ("redis", cache.redis.as_ref().map(cache_redis)),
    ])
}

fn cache_redis(redis: &CacheRedis) -> Value {
    object([
        ("address", Some(json!(redis.address.text))),
        ("ca", redis.ca.as_ref().map(|path| json!(path))),
        ("username", redis.username.as_ref().map(|name| json!(name))),
        ("password", redis.password.as_ref().map(secret)),
        ("secret", redis.secret.as_ref().map(secret)),
        ("timeout", Some(json!(format_duration(redis.timeout)))),
    ])
}

fn pins(pins: &[CertificatePin]) -> Option<Value> {
    let texts: Vec<String> = pins.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| json!(texts))
}

fn upstream(upstream: &Upstream) -> Value {
    object([
        ("name", Some(json!(upstream.name))),
        ("url", Some(json!(upstream_url(upstream)))),
        (
            "username",
            upstream.username.as_ref().map(|name| json!(name)),
        ),
        ("password", upstream.password.as_ref().map(secret)),
        ("via", upstream.via.as_ref().map(|name| json!(name))),
        ("isolate", Some(json!(upstream.isolate.as_str()))),
        ("ca", upstream.ca.as_ref().map(|path| json!(path))),
        ("pin", pins(&upstream.pins)),
    ])
}

fn group(group: &Group) -> Value {
    let check = group.check.as_ref().map(|check| {
        json!({
            "url": check.url,
            "interval": format_duration(check.interval),
            "timeout": format_duration(check.timeout),
        })
    });
    object([
        ("name", Some(json!(group.name))),
        ("policy", Some(json!(group.policy.as_str()))),
        ("members", Some(json!(group.members))),
        ("check", check),
    ])
}

/// A rule as in the file: `match`, `use`, and the other keys where they differ from their defaults.
pub fn rule_json(rule: &Rule) -> Value {
    let then = match &rule.action {
        RuleAction::Direct => "direct",
        RuleAction::Block => "block",
        RuleAction::Ask => "ask",
        RuleAction::Outbound(name) => name,
    };
    object([
        ("match", Some(matcher(&rule.matcher))),
        ("use", Some(json!(then))),
        (
            "fallback",
            (rule.fallback != Fallback::None).then(|| json!(rule.fallback.as_str())),
        ),
        ("filter", (!rule.filter).then_some(json!(false))),
        ("resolve", (!rule.resolve).then_some(json!(false))),
        ("inspect", rule.inspect.map(|inspect| json!(inspect))),
        ("scan", rule.scan.map(|scan| json!(scan))),
        (
            "until",
            rule.until.map(|until| json!(format_timestamp(until))),
        ),
    ])
}

fn matcher(matcher: &RuleMatch) -> Value {
    fn list<T: serde::Serialize>(entries: &[T]) -> Option<Value> {
        (!entries.is_empty()).then(|| json!(entries))
    }
    let ports: Vec<Value> = matcher
        .port
        .iter()
        .map(|(low, high)| {
            if low == high {
                json!(low)
            } else {
                json!(format!("{low}-{high}"))
            }
        })
        .collect();
    let protocols: Vec<&str> = matcher.protocol.iter().map(|p| p.as_str()).collect();
    object([
        ("domain", list(&matcher.domain)),
        ("domain_suffix", list(&matcher.domain_suffix)),
        ("domain_regex", list(&matcher.domain_regex)),
        ("ip", list(&matcher.ip)),
        ("port", list(&ports)),
        ("app", list(&matcher.app)),
        ("protocol", list(&protocols)),
        ("user", list(&matcher.user)),
    ])
}

fn filter(filter: &Filter) -> Value {
    let lists: Vec<Value> = filter.lists.iter().map(list).collect();
    json!({ "allow": filter.allow, "deny": filter.deny, "list": lists })
}

fn list(list: &FilterList) -> Value {
    let source = match &list.source {
        ListSource::Path(path) => json!(path),
        ListSource::Url(url) => json!(url),
    };
    let mut value = json!({
        "name": list.name,
        "source": source,
        "format": list.format.as_str(),
        "enabled": list.enabled,
        "refresh": format_duration(list.refresh),
    });
    if let (true, Some(keys)) = (list.private_addresses, value.as_object_mut()) {
        keys.insert("private_addresses".to_owned(), json!(true));
    }
    if let (false, Some(keys)) = (list.probation.is_zero(), value.as_object_mut()) {
        keys.insert(
            "probation".to_owned(),
            json!(format_duration(list.probation)),
        );
    }
    value
}

fn scan(scan: &Scan) -> Value {
    json!({
        "enabled": scan.enabled,
        "rules": scan.rules,
        "clamd": or_empty(scan.clamd.as_ref().map(|at| &at.text)),
        "icap": or_empty(scan.icap.as_ref().map(|at| &at.text)),
        "max_body": format_size(scan.max_body),
        "hold": scan.hold.as_str(),
        "memory": format_size(scan.memory),
        "spool": format_size(scan.spool),
        "oversize": scan.oversize.as_str(),
        "on_error": scan.on_error.as_str(),
        "unscannable": scan.unscannable.as_str(),
    })
}

fn site(site: &Site) -> Value {
    let tls = site.tls.as_ref().map(|tls| match tls {
        SiteTls::Files { cert, key } => json!({ "cert": cert, "key": key }),
        SiteTls::Acme { directory, contact } => object([
            ("acme", Some(json!(directory))),
            ("contact", contact.as_ref().map(|c| json!(c))),
        ]),
    });
    let limit = json!({
        "requests_per_second": site.limit.requests_per_second,
        "burst": site.limit.burst,
        "body": format_size(site.limit.body),
        "header_bytes": format_size(site.limit.header_bytes),
    });
    let backends: Vec<Value> = site
        .backends
        .iter()
        .map(|backend| json!({ "url": backend.url.as_str(), "weight": backend.weight }))
        .collect();
    let routes: Vec<Value> = site
        .routes
        .iter()
        .map(|route| {
            let backends: Vec<&str> = route.backends.iter().map(BackendUrl::as_str).collect();
            json!({ "path": route.path, "strip_prefix": route.strip_prefix, "backends": backends })
        })
        .collect();
    object([
        ("name", Some(json!(site.name))),
        ("listen", Some(json!(site.listen))),
        ("hosts", Some(json!(site.hosts))),
        ("tls", tls),
        ("balance", Some(json!(site.balance.as_str()))),
        ("hash_on", site.hash_on.as_ref().map(|key| json!(key))),
        ("cache", Some(json!(site.cache))),
        ("limit", Some(limit)),
        ("allow", Some(json!(site.allow))),
        ("deny", Some(json!(site.deny))),
        ("backend", Some(Value::Array(backends))),
        ("health", site.health.as_ref().map(health)),
        ("route", Some(Value::Array(routes))),
    ])
}

fn health(health: &SiteHealth) -> Value {
    json!({
        "path": health.path,
        "interval": format_duration(health.interval),
        "timeout": format_duration(health.timeout),
        "unhealthy_after": health.unhealthy_after,
        "healthy_after": health.healthy_after,
    })
}

fn log(log: &Log) -> Value {
    let connections = match log.connections {
        Retention::None => "none".to_owned(),
        Retention::Memory => "memory".to_owned(),
        Retention::Disk(kept) => format_duration(kept),
    };
    json!({ "level": log.level, "format": log.format.as_str(), "connections": connections, "requests": log.requests.as_str() })
}
