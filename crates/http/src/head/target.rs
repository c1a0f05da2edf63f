//! The request's target (RFC 9112 §3.2): an http URL, `host:port` for CONNECT, or `*` for OPTIONS.

use privet_policy::{Host, Target};

use super::bad_request::BadRequest;
use super::field::Span;
use super::method::Method;

/// The form of a request target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetForm {
    /// `http://host[:port]/path?query`, or for an origin the path alone. `path` starts at the first `/` or `?`; it is
    /// empty where the URL ends after its host.
    Url { path: Span },
    /// CONNECT.
    Authority,
    /// `OPTIONS *`.
    Asterisk,
}

/// The forms that a request's target may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetRule {
    /// A proxy: absolute-form, authority-form for CONNECT, asterisk-form for OPTIONS.
    Proxy,
    /// An origin: origin-form, absolute-form (RFC 9112 §3.2.2), asterisk-form for OPTIONS. The target is `Host`.
    Origin,
    /// An origin that clients reach over TLS only: its URLs are https.
    TlsOrigin,
}

/// A parsed request target.
pub(super) struct ParsedTarget<'a> {
    pub form: TargetForm,
    /// Absent for `OPTIONS *`.
    pub target: Option<Target>,
    /// The bytes before the `@` of a URL's authority.
    pub user_info: Option<&'a [u8]>,
    pub scheme: Scheme,
}

/// The scheme of an absolute URL; the other forms count as http.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    /// Of a request in an inspected tunnel, or to a site over TLS.
    Https,
    /// `ws` (RFC 6455 §3): http with an upgrade to WebSocket.
    WebSocket,
    /// `ftp` (RFC 1738 §3.2): fetched by FTP.
    Ftp,
}

impl Scheme {
    const fn default_port(self) -> u16 {
        match self {
            Self::Http | Self::WebSocket => 80,
            Self::Https => 443,
            Self::Ftp => 21,
        }
    }

    /// The port that is left out where a host is written.
    pub(crate) const fn omitted_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http | Self::WebSocket | Self::Ftp => 80,
        }
    }
}

fn plain<'a>(form: TargetForm, target: Option<Target>) -> ParsedTarget<'a> {
    ParsedTarget {
        form,
        target,
        user_info: None,
        scheme: Scheme::Http,
    }
}

/// Parses the target of a request to an origin. `line`: the target's bytes, a part of `buffer`. `host`: the value of
/// `Host`.
pub(super) fn parse_for_origin<'a>(
    line: &'a [u8],
    method: Method,
    buffer: &[u8],
    host: Option<&[u8]>,
    scheme: Scheme,
    last: &mut LastAuthority,
) -> Result<ParsedTarget<'a>, BadRequest> {
    if method == Method::Connect {
        return Err(BadRequest::ConnectToOrigin);
    }
    if line == b"*" {
        return if method == Method::Options {
            Ok(plain(TargetForm::Asterisk, None))
        } else {
            Err(BadRequest::Target)
        };
    }
    if line.starts_with(b"/") {
        let host = host.ok_or(BadRequest::HostMissing)?;
        let target = last.parse(host, Some(scheme.default_port()));
        let target = target.map_err(|_| BadRequest::HostMalformed)?;
        let path = Span::of(buffer, without_fragment(line));
        return Ok(ParsedTarget {
            scheme,
            ..plain(TargetForm::Url { path }, Some(target))
        });
    }
    let parsed = match line.get(..8) {
        Some(start) if start.eq_ignore_ascii_case(b"https://") => {
            let rest = line.get(8..).unwrap_or_default();
            url(scheme, rest, buffer, last)?
        }
        _ => absolute(line, buffer, last)?,
    };
    match (parsed.scheme, parsed.user_info) {
        (Scheme::Ftp, _) => Err(BadRequest::UnknownScheme),
        (found, _) if scheme == Scheme::Https && found != scheme => Err(BadRequest::NotHttps),
        (_, Some(_)) => Err(BadRequest::UserInTarget),
        (_, None) => Ok(parsed),
    }
}

/// The fragment is the client's own (RFC 9110 §4.2.5): it is dropped.
fn without_fragment(line: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'#', line).unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// Parses the target of a request to a proxy. `line`: the target's bytes, a part of `buffer`.
pub(super) fn parse<'a>(
    line: &'a [u8],
    method: Method,
    buffer: &[u8],
    last: &mut LastAuthority,
) -> Result<ParsedTarget<'a>, BadRequest> {
    if method == Method::Connect {
        if line.contains(&b'@') {
            return Err(BadRequest::UserInTarget);
        }
        if memchr::memmem::find(line, b"://").is_some() {
            return Err(BadRequest::ConnectUrl);
        }
        let target = last.parse(line, None)?;
        return Ok(plain(TargetForm::Authority, Some(target)));
    }
    if line == b"*" {
        return if method == Method::Options {
            Ok(plain(TargetForm::Asterisk, None))
        } else {
            Err(BadRequest::Target)
        };
    }
    if line.starts_with(b"/") {
        return Err(BadRequest::OriginForm);
    }
    absolute(line, buffer, last)
}

fn absolute<'a>(
    line: &'a [u8],
    buffer: &[u8],
    last: &mut LastAuthority,
) -> Result<ParsedTarget<'a>, BadRequest> {
    let (scheme, rest) = split_scheme(line)?;
    url(scheme, rest, buffer, last)
}

/// Parses what follows the scheme of a URL.
fn url<'a>(
    scheme: Scheme,
    rest: &'a [u8],
    buffer: &[u8],
    last: &mut LastAuthority,
) -> Result<ParsedTarget<'a>, BadRequest> {
    let rest = without_fragment(rest);
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority_bytes, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let (user_info, host) = split_user_info(authority_bytes);
    Ok(ParsedTarget {
        form: TargetForm::Url {
            path: Span::of(buffer, path),
        },
        target: Some(last.parse(host, Some(scheme.default_port()))?),
        user_info,
        scheme,
    })
}

/// The bytes before and behind the first `@`. A second one is left in the host, which cannot hold it.
fn split_user_info(authority: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match memchr::memchr(b'@', authority).and_then(|at| authority.split_at_checked(at)) {
        Some((user_info, host)) => (Some(user_info), host.get(1..).unwrap_or_default()),
        None => (None, authority),
    }
}

fn split_scheme(line: &[u8]) -> Result<(Scheme, &[u8]), BadRequest> {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return Err(BadRequest::Target);
    };
    let (scheme, rest) = line.split_at_checked(colon).unwrap_or((line, b""));
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if !is_scheme {
        return Err(BadRequest::Target);
    }
    let known = if scheme.eq_ignore_ascii_case(b"http") {
        Scheme::Http
    } else if scheme.eq_ignore_ascii_case(b"ws") {
        Scheme::WebSocket
    } else if scheme.eq_ignore_ascii_case(b"ftp") && rest.starts_with(b"://") {
        Scheme::Ftp
    } else if scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"wss") {
        return Err(BadRequest::HttpsScheme);
    } else if rest.starts_with(b"://") || !rest.get(1).is_some_and(u8::is_ascii_digit) {
        return Err(BadRequest::UnknownScheme);
    } else {
        // "host:80" is the form for CONNECT.
        return Err(BadRequest::Target);
    };
    let rest = rest.strip_prefix(b"://").ok_or(BadRequest::Target)?;
    Ok((known, rest))
}

/// The last authority that was parsed. One request names it twice, and most requests after it name the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct LastAuthority {
    bytes: Vec<u8>,
    default_port: Option<u16>,
    /// `None`: there is none yet.
    target: Option<Target>,
}

impl LastAuthority {
    /// As [`authority`].
    fn parse(&mut self, bytes: &[u8], default_port: Option<u16>) -> Result<Target, BadRequest> {
        if let Some(target) = &self.target
            && self.bytes == bytes
            && self.default_port == default_port
        {
            return Ok(target.clone());
        }
        let target = authority(bytes, default_port)?;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.default_port = default_port;
        self.target = Some(target.clone());
        Ok(target)
    }

    /// Whether the bytes may be a `Host`: see [`is_host_value`]. What was parsed as an authority is one.
    pub(super) fn is_host_value(&self, bytes: &[u8]) -> bool {
        (self.target.is_some() && self.bytes == bytes) || is_host_value(bytes)
    }
}

/// `host[:port]`; without a default the port is required. An empty port is the default one (RFC 9110 §4.2.3).
fn authority(bytes: &[u8], default_port: Option<u16>) -> Result<Target, BadRequest> {
    if !bytes.is_ascii() {
        return Err(BadRequest::HostNotAscii);
    }
    let (host, port) = split_port(bytes).ok_or(BadRequest::TargetHost)?;
    let malformed = |bad| {
        if is_bare_ipv6(bytes) {
            BadRequest::BareIpv6
        } else {
            bad
        }
    };
    let host = parse_host(host).ok_or_else(|| malformed(BadRequest::TargetHost))?;
    let port = match port {
        None | Some([]) => default_port.ok_or(BadRequest::PortMissing)?,
        Some(digits) => parse_port(digits).ok_or_else(|| malformed(BadRequest::TargetPort))?,
    };
    Ok(Target { host, port })
}

/// Whether the bytes may be a `Host`. Only the form matters: `Host` is ignored and made anew from the target (RFC 9112
/// §3.2.2), so that an empty one and an IPv6 address without brackets do no harm.
fn is_host_value(bytes: &[u8]) -> bool {
    bytes.is_empty() || is_bracketed_or_name(bytes) || is_bare_ipv6(bytes)
}

/// An IPv6 address without brackets, with or without a port.
pub(super) fn is_bare_ipv6(bytes: &[u8]) -> bool {
    let is_ipv6 = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    std::str::from_utf8(bytes).is_ok_and(|text| {
        is_ipv6(text)
            || text.rsplit_once(':').is_some_and(|(address, port)| {
                is_ipv6(address) && parse_port(port.as_bytes()).is_some()
            })
    })
}

fn is_bracketed_or_name(bytes: &[u8]) -> bool {
    split_port(bytes).is_some_and(|(host, port)| {
        parse_host(host).is_some()
            && port.is_none_or(|digits| digits.is_empty() || parse_port(digits).is_some())
    })
}

fn split_port(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let after_host = if bytes.starts_with(b"[") {
        bytes.iter().position(|&byte| byte == b']')? + 1
    } else {
        bytes
            .iter()
            .position(|&byte| byte == b':')
            .unwrap_or(bytes.len())
    };
    let (host, rest) = bytes.split_at_checked(after_host)?;
    match rest.split_first() {
        None => Some((host, None)),
        Some((b':', digits)) => Some((host, Some(digits))),
        Some(_) => None,
    }
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    let number = super::framing::decimal(digits).filter(|_| digits.len() <= 5)?;
    u16::try_from(number).ok().filter(|&port| port > 0)
}

/// Letters, digits and `-._`, or an IPv6 address in brackets: nothing that another reader could take for a separator
/// or an escape. Then parsed as the policy does, so that no spelling of an address passes as a name.
fn parse_host(bytes: &[u8]) -> Option<Host> {
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let fits = if text.starts_with('[') {
        text.ends_with(']')
            && bytes
                .iter()
                .all(|byte| plain(*byte) || b"[:]".contains(byte))
    } else {
        bytes.iter().copied().all(plain)
    };
    if fits { Host::parse(text).ok() } else { None }
}
