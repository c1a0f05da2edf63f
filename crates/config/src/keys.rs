//! Every table of the file and its keys, in the order in which they are written.

/// A table of the file.
#[derive(Debug)]
pub struct Section {
    /// The heading in the documentation without brackets: "listen.limits", "upstream"; "" is the top level.
    pub path: &'static str,
    pub keys: &'static [&'static str],
}

pub static TOP: Section = Section {
    path: "",
    keys: &[
        "mode", "listen", "modes", "upstream", "group", "rule", "filter", "cache", "inspect",
        "scan", "site", "control", "log",
    ],
};
pub static LISTEN: Section = Section {
    path: "listen",
    keys: &[
        "mixed",
        "socks",
        "http",
        "https",
        "tls",
        "pac",
        "allow_clients",
        "users",
        "limits",
    ],
};
pub static LISTEN_TLS: Section = Section {
    path: "listen.tls",
    keys: &["cert", "key", "self_signed"],
};
pub static USER: Section = Section {
    path: "listen.users",
    keys: &["name", "password"],
};
pub static LIMITS: Section = Section {
    path: "listen.limits",
    keys: &[
        "connections",
        "connections_per_client",
        "handshake_timeout",
        "request_header_timeout",
        "request_body_timeout",
        "response_header_timeout",
        "idle_timeout",
    ],
};
pub static MODE: Section = Section {
    path: "modes.NAME",
    keys: &[
        "route",
        "filter",
        "headers",
        "history",
        "kill_switch",
        "fallback",
        "dns",
        "inspect",
        "scan",
        "scan_hold",
    ],
};
pub static SECRET: Section = Section {
    path: "secret",
    keys: &["keyring", "env", "file"],
};
pub static UPSTREAM: Section = Section {
    path: "upstream",
    keys: &[
        "name", "url", "username", "password", "via", "isolate", "ca", "pin",
    ],
};
pub static GROUP: Section = Section {
    path: "group",
    keys: &["name", "policy", "members", "check"],
};
pub static CHECK: Section = Section {
    path: "group.check",
    keys: &["url", "interval", "timeout"],
};
pub static RULE: Section = Section {
    path: "rule",
    keys: &[
        "match", "use", "fallback", "filter", "resolve", "until", "inspect", "scan",
    ],
};
pub static MATCH: Section = Section {
    path: "rule.match",
    keys: &[
        "domain",
        "domain_suffix",
        "domain_regex",
        "ip",
        "port",
        "app",
        "protocol",
        "user",
    ],
};
pub static FILTER: Section = Section {
    path: "filter",
    keys: &["allow", "deny", "list"],
};
pub static LIST: Section = Section {
    path: "filter.list",
    keys: &[
        "name",
        "source",
        "format",
        "enabled",
        "refresh",
        "probation",
        "private_addresses",
    ],
};
pub static CACHE: Section = Section {
    path: "cache",
    keys: &["enabled", "memory", "disk", "encrypt", "shared", "redis"],
};
pub static CACHE_REDIS: Section = Section {
    path: "cache.redis",
    keys: &["address", "ca", "username", "password", "secret", "timeout"],
};
pub static INSPECT: Section = Section {
    path: "inspect",
    keys: &["enabled", "hosts", "except", "trust", "sni_mismatch"],
};
pub static SCAN: Section = Section {
    path: "scan",
    keys: &[
        "enabled",
        "rules",
        "clamd",
        "icap",
        "max_body",
        "hold",
        "memory",
        "spool",
        "oversize",
        "on_error",
        "unscannable",
    ],
};
pub static SITE: Section = Section {
    path: "site",
    keys: &[
        "name", "listen", "hosts", "tls", "balance", "hash_on", "cache", "limit", "allow", "deny",
        "backend", "health", "route",
    ],
};
pub static SITE_TLS: Section = Section {
    path: "site.tls",
    keys: &["cert", "key", "acme", "contact"],
};
pub static SITE_LIMIT: Section = Section {
    path: "site.limit",
    keys: &["requests_per_second", "burst", "body", "header_bytes"],
};
pub static SITE_BACKEND: Section = Section {
    path: "site.backend",
    keys: &["url", "weight"],
};
pub static SITE_HEALTH: Section = Section {
    path: "site.health",
    keys: &[
        "path",
        "interval",
        "timeout",
        "unhealthy_after",
        "healthy_after",
    ],
};
pub static SITE_ROUTE: Section = Section {
    path: "site.route",
    keys: &["path", "strip_prefix", "backends"],
};
pub static CONTROL: Section = Section {
    path: "control",
    keys: &["http", "metrics"],
};
pub static LOG: Section = Section {
    path: "log",
    keys: &["level", "format", "connections", "requests"],
};

/// All tables, in the order of the documentation.
pub static SECTIONS: &[&Section] = &[
    &TOP,
    &LISTEN,
    &LISTEN_TLS,
    &USER,
    &LIMITS,
    &MODE,
    &SECRET,
    &UPSTREAM,
    &GROUP,
    &CHECK,
    &RULE,
    &MATCH,
    &FILTER,
    &LIST,
    &CACHE,
    &CACHE_REDIS,
    &INSPECT,
    &SCAN,
    &SITE,
    &SITE_TLS,
    &SITE_LIMIT,
    &SITE_BACKEND,
    &SITE_HEALTH,
    &SITE_ROUTE,
    &CONTROL,
    &LOG,
];
