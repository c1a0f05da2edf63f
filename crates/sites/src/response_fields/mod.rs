//! What a site's client sees of a backend's response fields: nothing that names the backend, its software or its address.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use privet_config::{BackendHost, BackendScheme, BackendUrl};

/// The hosts, with ports, by which a site's backends may name themselves in URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendNames {
    /// Each with its port.
    authorities: Vec<Authority>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    host: Box<[u8]>,
    port: u16,
    /// It is one of the site's own hosts too, so that only host and port together name the backend.
    shared: bool,
}

/// How the site is reached, for URLs that name a backend.
#[derive(Debug, Clone, Copy)]
pub struct PublicOrigin<'a> {
    pub tls: bool,
    /// The value of `Host`, as the client sent it.
    pub host: &'a [u8],
    /// The prefix that was stripped from the path; empty: none.
    pub prefix: &'a [u8],
}

/// What happens to a field.
#[derive(Debug, PartialEq, Eq)]
pub enum FieldRewrite<'a> {
    Keep,
    Drop,
    Replace(Cow<'a, [u8]>),
}

impl BackendNames {
    /// `hosts`: those of the site.
    pub fn new<'a>(backends: impl IntoIterator<Item = &'a BackendUrl>, hosts: &[String]) -> Self {
        let mut names = Self::default();
        for url in backends {
            names.add(&url.host().to_string(), url.port(), hosts);
            let loopback = match url.host() {
                BackendHost::Name(name) => **name == *"localhost",
                BackendHost::Ip(ip) => ip.is_loopback(),
            };
            if loopback {
                for alias in ["localhost", "127.0.0.1", "::1"] {
                    names.add(alias, url.port(), hosts);
                }
            }
        }
        names
    }

    fn add(&mut self, host: &str, port: u16, hosts: &[String]) {
        let shared = hosts.iter().any(|known| known == host)
            || host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|ip| {
                [
                    IpAddr::V4(Ipv4Addr::LOCALHOST),
                    IpAddr::V6(Ipv6Addr::LOCALHOST),
                ]
                .contains(&ip)
            });
        let host: Box<[u8]> = match host.contains(':') {
            true => format!("[{host}]").into_bytes().into(),
            false => host.as_bytes().into(),
        };
        if !self
            .authorities
            .iter()
            .any(|it| it.host == host && it.port == port)
        {
            self.authorities.push(Authority { host, port, shared });
        }
    }

    /// Decides what the client gets of a field.
    pub fn rewrite<'a>(
        &self,
        name: &[u8],
        value: &'a [u8],
        origin: &PublicOrigin<'_>,
    ) -> FieldRewrite<'a> {
        match FieldRule::of(name) {
            FieldRule::Keep => FieldRewrite::Keep,
            FieldRule::Drop => FieldRewrite::Drop,
            FieldRule::Url => match self.replace_urls(value, origin) {
                Some(value) => FieldRewrite::Replace(value.into()),
                None => FieldRewrite::Keep,
            },
            FieldRule::Cookie => self.rewrite_cookie(value),
        }
    }

    /// Replaces each `http://BACKEND`, `https://BACKEND` and `//BACKEND` by the site's origin. `None`: there is none.
    fn replace_urls(&self, value: &[u8], origin: &PublicOrigin<'_>) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let mut copied = 0;
        let mut from = 0;
        while let Some(at) = find(value, b"//", from) {
            from = at + 2;
            let rest = value.get(from..).unwrap_or_default();
            let (start, scheme) = scheme_before(value, at);
            let Some(len) = self.backend_at(rest, scheme) else {
                continue;
            };
            let out = out.get_or_insert_with(|| Vec::with_capacity(value.len() + 64));
            out.extend_from_slice(value.get(copied..start).unwrap_or_default());
            match scheme {
                None => {}
                Some(_) if origin.tls => out.extend_from_slice(b"https:"),
                Some(_) => out.extend_from_slice(b"http:"),
            }
            out.extend_from_slice(b"//");
            out.extend_from_slice(origin.host);
            copied = from + len;
            from = copied;
            let path = value.get(copied..).unwrap_or_default();
            write_prefix(out, origin.prefix, path);
        }
        let mut out = out?;
        out.extend_from_slice(value.get(copied..).unwrap_or_default());
        Some(out)
    }

    /// The length of the backend's authority at the start of `rest`; `None`: another host.
    fn backend_at(&self, rest: &[u8], scheme: Option<BackendScheme>) -> Option<usize> {
        let end = rest.iter().position(|byte| b"/?#;,> \t\"'".contains(byte));
        let authority = rest.get(..end.unwrap_or(rest.len()))?;
        let named = authority
            .rsplit(|&byte| byte == b'@')
            .next()
            .unwrap_or_default();
        let (host, port) = split_port(named);
        let host = host.strip_suffix(b".").unwrap_or(host);
        let port = port.or(scheme.map(BackendScheme::default_port));
        let names = |known: &Authority| {
            known.host.eq_ignore_ascii_case(host)
                && (!known.shared || port.is_none_or(|port| port == known.port))
        };
        self.authorities
            .iter()
            .any(names)
            .then_some(authority.len())
    }

    /// Drops a `Domain` that names a backend: the cookie belongs to the host that the client asked.
    fn rewrite_cookie<'a>(&self, value: &'a [u8]) -> FieldRewrite<'a> {
        let names_backend = |part: &[u8]| {
            let Some((name, domain)) = split_once(part, b'=') else {
                return false;
            };
            let domain = domain.trim_ascii();
            let domain = domain.strip_prefix(b".").unwrap_or(domain);
            name.trim_ascii().eq_ignore_ascii_case(b"domain")
                && self
                    .authorities
                    .iter()
                    .any(|it| it.host.eq_ignore_ascii_case(domain))
        };
        let mut parts = value.split(|&byte| byte == b';');
        if !parts.clone().skip(1).any(names_backend) {
            return FieldRewrite::Keep;
        }
        let mut out = parts.next().unwrap_or_default().to_vec();
        for part in parts.filter(|part| !names_backend(part)) {
            out.push(b';');
            out.extend_from_slice(part);
        }
        FieldRewrite::Replace(out.into())
    }
}

/// The stripped prefix goes before the path, unless the backend put it there already.
fn write_prefix(out: &mut Vec<u8>, prefix: &[u8], path: &[u8]) {
    let bare = prefix.strip_suffix(b"/").unwrap_or(prefix);
    if !bare.is_empty() && !crate::path::has_prefix(path, bare) {
        out.extend_from_slice(bare);
    }
}

enum FieldRule {
    Keep,
    Drop,
    /// The value is or holds URLs.
    Url,
    Cookie,
}

impl FieldRule {
    fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match (name.first().map_or(0, u8::to_ascii_lowercase), name.len()) {
            (b's', 6) if is("server") => Self::Drop,
            (b'v', 3) if is("via") => Self::Drop,
            (b'a', 7) if is("alt-svc") => Self::Drop,
            (b'x', _) if is_hidden_extension(name) => Self::Drop,
            (b's', 10) if is("set-cookie") => Self::Cookie,
            (b'l', 8) if is("location") => Self::Url,
            (b'l', 4) if is("link") => Self::Url,
            (b'c', 16) if is("content-location") => Self::Url,
            (b'r', 7) if is("refresh") => Self::Url,
            (b'u', 3) if is("uri") => Self::Url,
            _ => Self::Keep,
        }
    }
}

/// `X-` fields that name software, versions, hosts or addresses.
fn is_hidden_extension(name: &[u8]) -> bool {
    const NAMES: [&str; 20] = [
        "x-aspnet-version",
        "x-aspnetmvc-version",
        "x-sourcefiles",
        "x-generator",
        "x-runtime",
        "x-version",
        "x-served-by",
        "x-host",
        "x-hostname",
        "x-node",
        "x-pod",
        "x-instance",
        "x-container",
        "x-real-ip",
        "x-varnish",
        "x-cache",
        "x-cache-hits",
        "x-turbo-charged-by",
        "x-owa-version",
        "x-debug-token-link",
    ];
    const PREFIXES: [&str; 6] = [
        "x-powered-by",
        "x-backend",
        "x-upstream",
        "x-server",
        "x-envoy-",
        "x-forwarded-",
    ];
    let starts = |with: &str| {
        name.get(..with.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(with.as_bytes()))
    };
    PREFIXES.iter().any(|prefix| starts(prefix))
        || NAMES
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// The scheme that ends before `//` at `at`, and where it starts.
fn scheme_before(value: &[u8], at: usize) -> (usize, Option<BackendScheme>) {
    let before = value.get(..at).unwrap_or_default();
    for (text, scheme) in [
        (&b"https:"[..], BackendScheme::Https),
        (b"http:", BackendScheme::Http),
    ] {
        let start = at.saturating_sub(text.len());
        if before
            .get(start..)
            .is_some_and(|end| end.eq_ignore_ascii_case(text))
        {
            return (start, Some(scheme));
        }
    }
    (at, None)
}

fn split_port(authority: &[u8]) -> (&[u8], Option<u16>) {
    let bracket = authority
        .iter()
        .rposition(|&byte| byte == b']')
        .unwrap_or(0);
    let Some(colon) = authority
        .iter()
        .rposition(|&byte| byte == b':')
        .filter(|&at| at > bracket)
    else {
        return (authority, None);
    };
    let (host, port) = authority
        .split_at_checked(colon)
        .unwrap_or((authority, b""));
    let digits = port
        .get(1..)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    (host, digits.and_then(|digits| digits.parse().ok()))
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|&byte| byte == at)?;
    Some((bytes.get(..place)?, bytes.get(place + 1..)?))
}

fn find(value: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = value.get(from..)?;
    rest.windows(needle.len())
        .position(|window| window == needle)
        .map(|at| from + at)
}

#[cfg(test)]
mod tests;
