//! The request's target (RFC 9112 §3.2): an http URL, `host:port` for CONNECT, or `*` for OPTIONS.

use privet_policy::{Host, Target};

use super::bad_request::BadRequest;
use super::field::Span;
use super::method::Method;

/// The form of a request target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetForm {
    /// `http://host[:port]/path?query`. `path` starts at the first `/` or `?`; it is empty where the URL ends after
    /// its host.
    Absolute { path: Span },
    /// CONNECT.
    Authority,
    /// `OPTIONS *`.
    Asterisk,
}

/// Parses the target of a request. `line`: the target's bytes, a part of `buffer`.
pub(super) fn parse(
    line: &[u8],
    method: Method,
    buffer: &[u8],
) -> Result<(TargetForm, Option<Target>), BadRequest> {
    if !line.is_ascii() {
        return Err(BadRequest::Target);
    }
    if method == Method::Connect {
        let target = authority(line, None)?;
        return Ok((TargetForm::Authority, Some(target)));
    }
    if line == b"*" {
        return if method == Method::Options {
            Ok((TargetForm::Asterisk, None))
        } else {
            Err(BadRequest::Target)
        };
    }
    if line.starts_with(b"/") {
        return Err(BadRequest::OriginForm);
    }
    absolute(line, buffer)
}

fn absolute(line: &[u8], buffer: &[u8]) -> Result<(TargetForm, Option<Target>), BadRequest> {
    let rest = strip_scheme(line)?;
    if line.contains(&b'#') {
        return Err(BadRequest::FragmentInTarget);
    }
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority_bytes, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let target = authority(authority_bytes, Some(80))?;
    let form = TargetForm::Absolute {
        path: Span::of(buffer, path),
    };
    Ok((form, Some(target)))
}

fn strip_scheme(line: &[u8]) -> Result<&[u8], BadRequest> {
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
    if scheme.eq_ignore_ascii_case(b"http") {
        rest.strip_prefix(b"://").ok_or(BadRequest::Target)
    } else if scheme.eq_ignore_ascii_case(b"https") {
        Err(BadRequest::HttpsScheme)
    } else if rest.starts_with(b"://") || !rest.get(1).is_some_and(u8::is_ascii_digit) {
        Err(BadRequest::UnknownScheme)
    } else {
        // "host:80" is the form for CONNECT.
        Err(BadRequest::Target)
    }
}

/// `host[:port]`; without a default the port is required.
pub(super) fn authority(bytes: &[u8], default_port: Option<u16>) -> Result<Target, BadRequest> {
    if bytes.contains(&b'@') {
        return Err(BadRequest::UserInTarget);
    }
    let (host, port) = split_port(bytes).ok_or(BadRequest::Target)?;
    let host = parse_host(host).ok_or(BadRequest::Target)?;
    let port = match port {
        Some(digits) => parse_port(digits).ok_or(BadRequest::Target)?,
        None => default_port.ok_or(BadRequest::Target)?,
    };
    Ok(Target { host, port })
}

/// Whether the bytes are a valid `Host`. Only the form matters: `Host` is rewritten from the target.
pub(super) fn is_host_value(bytes: &[u8]) -> bool {
    split_port(bytes).is_some_and(|(host, port)| {
        parse_host(host).is_some() && port.is_none_or(|digits| parse_port(digits).is_some())
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
