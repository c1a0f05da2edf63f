//! Responses of the proxy itself: to `OPTIONS *`, and to OPTIONS and TRACE with `Max-Forwards: 0` (RFC 9110 §7.6.2).

use crate::head::{FieldKind, Method, RequestHead, Scheme, TargetForm};
use crate::headers::{write_field, write_host, write_number};

/// The methods that this proxy accepts.
const ALLOW: &str = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE, CONNECT";

/// Writes the response to a request that is not forwarded. `false`: the request has to be forwarded.
pub fn answer(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8], close: bool) -> bool {
    let ours = head.form == TargetForm::Asterisk || head.max_forwards == Some(0);
    match head.method {
        Method::Options if ours => write_options(out, close),
        Method::Trace if ours => write_trace(out, head, buffer, close),
        _ => return false,
    }
    true
}

fn write_options(out: &mut Vec<u8>, close: bool) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nAllow: ");
    out.extend_from_slice(ALLOW.as_bytes());
    out.extend_from_slice(b"\r\nContent-Length: 0\r\n");
    end(out, close);
}

/// Echoes the request as it was received, without credentials (RFC 9110 §9.3.8).
fn write_trace(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8], close: bool) {
    let mut echo = Vec::with_capacity(head.len);
    echo.extend_from_slice(match head.scheme {
        Scheme::Https => b"TRACE https://",
        _ => b"TRACE http://",
    });
    if let Some(target) = &head.target {
        write_host(&mut echo, target, head.scheme);
    }
    echo.extend_from_slice(head.path(buffer));
    echo.extend_from_slice(b" HTTP/1.1\r\n");
    for field in &head.fields {
        let secret = matches!(
            field.kind,
            FieldKind::Authorization | FieldKind::ProxyAuthorization | FieldKind::Cookie
        );
        if !secret {
            let name = field.name.of_buffer(buffer);
            write_field(&mut echo, name, field.value.of_buffer(buffer));
        }
    }
    echo.extend_from_slice(b"\r\n");
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: ");
    write_number(out, echo.len() as u64);
    out.extend_from_slice(b"\r\n");
    end(out, close);
    out.extend_from_slice(&echo);
}

fn end(out: &mut Vec<u8>, close: bool) {
    if close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
