//! Turns the head of an HTTP/2 request into the bytes of the same head in HTTP/1.1, so that one parser checks both.

use http::header::{CONTENT_LENGTH, COOKIE, HOST, SEC_WEBSOCKET_KEY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use crate::head::{BadRequest, TargetRule};
use crate::headers::write_field;

/// The value of `Sec-WebSocket-Key` towards an HTTP/1 origin: HTTP/2 has no such field, and its answer is not forwarded.
const WEBSOCKET_KEY: &[u8] = b"cHJpdmV0LW92ZXItaHR0cDI=";

/// Writes the head. `ended`: no body follows. The h2 crate has checked pseudo-fields, the case of field names, fields that
/// belong to a connection, and `TE`.
///
/// # Errors
/// What HTTP/2 forbids beyond what the parser of HTTP/1 finds.
pub fn head_text(
    parts: &Parts,
    protocol: Option<&str>,
    ended: bool,
    rule: TargetRule,
) -> Result<Vec<u8>, BadRequest> {
    let authority = authority(parts)?;
    let mut out = Vec::with_capacity(512);
    write_line(&mut out, parts, protocol, authority, rule)?;
    out.extend_from_slice(b"host: ");
    out.extend_from_slice(authority);
    out.extend_from_slice(b"\r\n");
    write_fields(&mut out, &parts.headers, protocol.is_some())?;
    if let Some(protocol) = protocol {
        out.extend_from_slice(b"upgrade: ");
        out.extend_from_slice(protocol.as_bytes());
        out.extend_from_slice(b"\r\nconnection: upgrade\r\nsec-websocket-key: ");
        out.extend_from_slice(WEBSOCKET_KEY);
        out.extend_from_slice(b"\r\n");
    } else {
        write_framing(&mut out, parts, ended)?;
    }
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

/// The host that the request names: `:authority`, else `Host`; both have to agree (RFC 9113 §8.3.1).
fn authority(parts: &Parts) -> Result<&[u8], BadRequest> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next().map(HeaderValue::as_bytes);
    if hosts.next().is_some() {
        return Err(BadRequest::HostTwice);
    }
    let authority = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            Err(BadRequest::AuthorityAndHost)
        }
        (Some(authority), _) => Ok(authority),
        (None, Some(host)) => Ok(host),
        (None, None) => Err(BadRequest::HostMissing),
    }
}

fn write_line(
    out: &mut Vec<u8>,
    parts: &Parts,
    protocol: Option<&str>,
    authority: &[u8],
    rule: TargetRule,
) -> Result<(), BadRequest> {
    let path = parts.uri.path_and_query().map(|path| path.as_str());
    let (method, path) = match (protocol, &parts.method) {
        // RFC 8441: an extended CONNECT is what GET with Upgrade is in HTTP/1.
        (Some("websocket"), method) if method == Method::CONNECT => (&Method::GET, path),
        (Some(_), method) if method == Method::CONNECT => return Err(BadRequest::UnknownProtocol),
        (Some(_), _) => return Err(BadRequest::Upgrade),
        (None, method) if method == Method::CONNECT => {
            out.extend_from_slice(b"CONNECT ");
            out.extend_from_slice(authority);
            out.extend_from_slice(b" HTTP/1.1\r\n");
            return Ok(());
        }
        (None, method) => (method, path),
    };
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    let path = path.ok_or(BadRequest::Target)?;
    if rule == TargetRule::Proxy && path != "*" {
        out.extend_from_slice(parts.uri.scheme_str().unwrap_or("http").as_bytes());
        out.extend_from_slice(b"://");
        out.extend_from_slice(authority);
    }
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    Ok(())
}

/// Writes all fields but `Host`, those of `Cookie` as one (RFC 9113 §8.2.3). `extended`: the request is an extended CONNECT,
/// which has no `Sec-WebSocket-Key` (RFC 8441 §5): a client's would stand beside ours.
fn write_fields(out: &mut Vec<u8>, fields: &HeaderMap, extended: bool) -> Result<(), BadRequest> {
    let mut cookies = Vec::new();
    for (name, value) in fields {
        let value = value.as_bytes();
        if value.trim_ascii().len() != value.len() {
            return Err(BadRequest::FieldValue);
        }
        if name == HOST || (extended && name == SEC_WEBSOCKET_KEY) {
            continue;
        }
        if name == COOKIE {
            if !cookies.is_empty() {
                cookies.extend_from_slice(b"; ");
            }
            cookies.extend_from_slice(value);
            continue;
        }
        write_field(out, name.as_str().as_bytes(), value);
    }
    if !cookies.is_empty() {
        write_field(out, b"cookie", &cookies);
    }
    Ok(())
}

/// A body of unknown length is what chunked is in HTTP/1.
fn write_framing(out: &mut Vec<u8>, parts: &Parts, ended: bool) -> Result<(), BadRequest> {
    let length = parts.headers.get(CONTENT_LENGTH);
    if ended {
        // A length without the bytes would make an HTTP/1 origin wait for them.
        let announces = length.is_some_and(|length| length.as_bytes().iter().any(|&b| b != b'0'));
        return if announces {
            Err(BadRequest::ContentLength)
        } else {
            Ok(())
        };
    }
    if length.is_none() && parts.method != Method::CONNECT {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    Ok(())
}
