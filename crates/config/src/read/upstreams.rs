//! `[[upstream]]`: upstream proxies, and the chains that they form.

use std::net::IpAddr;

use secrecy::SecretString;

use super::context::ReadContext;
use super::listen::{MAX_CREDENTIAL, credential_name, read_password};
use super::outbound_names::name_of;
use super::secrets;
use crate::diagnose::{DiagnosticCode, Severity};
use crate::domain::normal_domain;
use crate::keys;
use crate::keyword::Keyword;
use crate::model::{CertificatePin, Isolation, Scheme, Secret, Upstream};
use crate::nearest::suggestion;
use crate::tree::{Table, Value, quoted};

const URL_FORM: &str = "write \"socks5://127.0.0.1:1080\" (socks4, socks4a, socks5, http or https)";

const PIN_FORM: &str = "write the certificate's SHA-256 in 64 hexadecimal digits, or its public key's as \"sha256//BASE64\"";

pub(super) fn read<'a>(top: &Table<'a>, context: &ReadContext<'a>) -> Vec<Upstream> {
    let read: Vec<(Upstream, Option<Value<'a>>)> = top
        .tables("upstream", &keys::UPSTREAM)
        .iter()
        .map(|(_, table)| (read_upstream(table, context), table.get("via")))
        .collect();
    refuse_cycles(&read);
    read.into_iter().map(|(upstream, _)| upstream).collect()
}

fn read_upstream<'a>(table: &Table<'a>, context: &ReadContext<'a>) -> Upstream {
    let url = table.require("url");
    let address = url.as_ref().and_then(parse_url).unwrap_or_default();
    let scheme = address.scheme;
    let (username, password) = read_login(table, url, &address, context);
    let isolate = table.get("isolate");
    let http = matches!(scheme, Scheme::Http | Scheme::Https);
    if let Some(value) = isolate.filter(|v| http && v.peek_str().is_some_and(|text| text != "none"))
    {
        let help = "use a socks upstream, or leave it out";
        value.warn(
            DiagnosticCode::Unreached,
            "\"isolate\" works by SOCKS usernames only",
            help,
        );
    }
    let ca = table.get("ca");
    for value in [ca, table.get("pin")].into_iter().flatten() {
        if url.is_some() && scheme != Scheme::Https {
            let cause = format!("\"{}\" is for https upstreams only", value.key);
            value.warn(DiagnosticCode::Unreached, cause, "leave it out");
        }
    }
    Upstream {
        name: name_of(table),
        scheme,
        host: address.host,
        port: address.port,
        username,
        password,
        via: table
            .get("via")
            .and_then(|value| context.outbounds.upstream(&value)),
        isolate: isolate.and_then(|v| v.choice()).unwrap_or(Isolation::None),
        ca: ca.and_then(|v| v.filled()).map(|path| context.path(path)),
        pins: read_pins(table),
    }
}

fn read_pins(table: &Table<'_>) -> Vec<CertificatePin> {
    let pins = table.list("pin", |value| {
        let text = value.filled()?;
        let pin = CertificatePin::parse(text);
        if pin.is_none() {
            let cause = format!("{} is no pin", quoted(text));
            value.refuse(DiagnosticCode::BadValue, cause, PIN_FORM);
        }
        pin
    });
    if let Some(value) = table.get("ca").filter(|_| !pins.is_empty()) {
        value.refuse(
            DiagnosticCode::Conflict,
            "\"ca\" has no effect beside \"pin\": authorities are not asked",
            "keep one of them",
        );
    }
    pins
}

/// The login, from the keys or the URL.
fn read_login(
    table: &Table<'_>,
    url: Option<Value<'_>>,
    address: &UpstreamUrl,
    context: &ReadContext<'_>,
) -> (Option<String>, Option<Secret>) {
    let (user_key, password_key) = (table.get("username"), table.get("password"));
    for (key, in_url) in [
        (user_key, address.username.is_some()),
        (password_key, address.password.is_some()),
    ] {
        if let Some(value) = key.filter(|_| in_url) {
            let cause = format!("\"{}\" is in the url too", value.key);
            value.refuse(
                DiagnosticCode::Conflict,
                cause,
                "keep it here and take it out of the url",
            );
        }
    }
    if let Some(value) = url.filter(|_| address.password.is_some()) {
        secrets::warn_plain(&value);
    }
    let username = user_key
        .and_then(|v| credential_name(&v))
        .or_else(|| address.username.clone());
    let in_url = || {
        address
            .password
            .clone()
            .map(|text| Secret::Plain(SecretString::from(text)))
    };
    let password = password_key
        .and_then(|v| read_password(&v, context))
        .or_else(in_url);
    let named = username.is_some() || user_key.is_some();
    let password_at = password_key.or(url.filter(|_| address.password.is_some()));
    if let Some(value) = password_at.filter(|_| !named) {
        value.refuse(
            DiagnosticCode::Conflict,
            "a password without a username",
            "add username = \"…\"",
        );
    }
    if let Some(value) =
        password_at.filter(|_| matches!(address.scheme, Scheme::Socks4 | Scheme::Socks4a))
    {
        value.refuse(
            DiagnosticCode::Conflict,
            "SOCKS4 knows no password",
            "use socks5, or leave the password out",
        );
    }
    (username, password)
}

/// The parts of an upstream's URL. The default is used for a URL that was refused.
struct UpstreamUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    username: Option<String>,
    password: Option<String>,
}

impl Default for UpstreamUrl {
    fn default() -> Self {
        Self {
            scheme: Scheme::Socks5,
            host: String::new(),
            port: 0,
            username: None,
            password: None,
        }
    }
}

/// Messages never repeat the URL: it may contain a password.
fn parse_url(value: &Value<'_>) -> Option<UpstreamUrl> {
    let text = value.string()?;
    value.redact_login(text);
    let Some((scheme, rest)) = text.split_once("://") else {
        value.refuse(DiagnosticCode::BadValue, "the url has no scheme", URL_FORM);
        return None;
    };
    let known = Scheme::ALL
        .iter()
        .find(|known| scheme.eq_ignore_ascii_case(known.as_str()));
    let Some(known) = known.copied() else {
        // The last is the likeliest where several are as near: "socks" is meant as "socks5".
        let known = Scheme::ALL.iter().rev();
        let names: Vec<&str> = known.map(|known| known.as_str()).collect();
        let help = if scheme.eq_ignore_ascii_case("socks5h") {
            Some("write socks5: the mode's dns decides whether names are sent to it".to_owned())
        } else {
            suggestion(scheme, &names, "allowed are")
        };
        value.report(
            Severity::Error,
            DiagnosticCode::BadValue,
            format!("unknown scheme {}", quoted(scheme)),
            help,
        );
        return None;
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (login, host_port) = rest
        .rsplit_once('@')
        .map_or((None, rest), |(login, host_port)| (Some(login), host_port));
    let Some((host, port)) =
        split_host_port(host_port).and_then(|(host, port)| Some((normal_host(host)?, port)))
    else {
        let cause = match host_port.contains(['/', '?', '#']) {
            true => "the url of an upstream has no path",
            false => "the url's host or port is bad",
        };
        value.refuse(DiagnosticCode::BadValue, cause, URL_FORM);
        return None;
    };
    let (username, password) = split_login(value, login)?;
    Some(UpstreamUrl {
        scheme: known,
        host,
        port: port.unwrap_or(known.default_port()),
        username,
        password,
    })
}

fn split_login(value: &Value<'_>, login: Option<&str>) -> Option<(Option<String>, Option<String>)> {
    let Some(login) = login else {
        return Some((None, None));
    };
    let (user, password) = login
        .split_once(':')
        .map_or((login, None), |(user, password)| (user, Some(password)));
    let decoded = (percent_decoded(user), password.map(percent_decoded));
    let fits = |text: &String| text.len() <= MAX_CREDENTIAL;
    match decoded {
        (Some(user), None) if fits(&user) && !user.is_empty() => Some((Some(user), None)),
        (Some(user), Some(Some(password))) if fits(&user) && fits(&password) => Some((
            Some(user).filter(|u| !u.is_empty()),
            Some(password).filter(|p| !p.is_empty()),
        )),
        _ => {
            let cause = "the url's user or password is bad";
            value.refuse(DiagnosticCode::BadValue, cause, "1 to 255 bytes each, special characters as %XX; or use the keys username and password");
            None
        }
    }
}

/// The host without brackets, and the port (1 to 65535) where there is one.
pub(super) fn split_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':')?)
                },
            )
        }
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let Some(digits) = port else {
        return Some((host, None));
    };
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let port = digits
        .parse::<u16>()
        .ok()
        .filter(|port| all_digits && *port > 0)?;
    Some((host, Some(port)))
}

fn normal_host(host: &str) -> Option<String> {
    host.parse::<IpAddr>()
        .ok()
        .map(|ip| ip.to_string())
        .or_else(|| normal_domain(host))
}

/// `None` for a "%" without two hexadecimal digits, for a result that is not UTF-8, and for control characters.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.chars().any(char::is_control))
}

/// Reports each cycle once, at the `via` of its first upstream in the file.
fn refuse_cycles(read: &[(Upstream, Option<Value<'_>>)]) {
    let position = |name: &str| read.iter().position(|(upstream, _)| upstream.name == name);
    let mut seen = vec![false; read.len()];
    for start in 0..read.len() {
        let mut path: Vec<usize> = Vec::new();
        let mut at = Some(start);
        while let Some(i) = at.filter(|i| seen.get(*i) == Some(&false)) {
            if let Some(seen) = seen.get_mut(i) {
                *seen = true;
            }
            path.push(i);
            at = read
                .get(i)
                .and_then(|(upstream, _)| position(upstream.via.as_deref()?));
        }
        let Some(entry) = at.and_then(|again| path.iter().position(|i| *i == again)) else {
            continue;
        };
        let circle: Vec<&(Upstream, Option<Value<'_>>)> = path
            .iter()
            .skip(entry)
            .chain(path.get(entry))
            .filter_map(|i| read.get(*i))
            .collect();
        let names: Vec<&str> = circle
            .iter()
            .map(|(upstream, _)| upstream.name.as_str())
            .collect();
        if let Some(value) = circle.first().and_then(|(_, via)| *via) {
            let cause = format!("\"via\" goes in a circle: {}", names.join(" → "));
            value.refuse(DiagnosticCode::Circle, cause, "leave one \"via\" of it out");
        }
    }
}
