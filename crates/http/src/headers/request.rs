//! Writes a request's head for the next hop.

use privet_config::HeaderMode;
use privet_net::dialed::AbsoluteForm;
use privet_policy::Target;

use super::reduce::{self, Fate};
use super::{via, write_field, write_host, write_number};
use crate::head::{FieldKind, Form, Length, Method, RequestHead};

/// Where the request goes and in which manner.
pub struct Outward<'a> {
    pub target: &'a Target,
    pub mode: HeaderMode,
    /// The next hop is an HTTP proxy: the whole URL is asked for, with its login.
    pub proxy: Option<&'a AbsoluteForm>,
}

/// Writes the whole head to `out`'s end.
pub fn write(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8], outward: &Outward<'_>) {
    write_line(out, head, buffer, outward);
    out.extend_from_slice(b"Host: ");
    write_host(out, outward.target);
    out.extend_from_slice(b"\r\n");
    for field in &head.fields {
        let name = field.name.of_buffer(buffer);
        if is_for_this_hop(field.kind, head) || head.hop.names(name, buffer) {
            continue;
        }
        let value = field.value.of_buffer(buffer);
        match (field.kind, head.max_forwards) {
            (FieldKind::MaxForwards, Some(hops)) => {
                out.extend_from_slice(b"Max-Forwards: ");
                write_number(out, hops.saturating_sub(1));
                out.extend_from_slice(b"\r\n");
            }
            _ => match reduce::fate(outward.mode, field.kind) {
                Fate::Keep => write_field(out, name, value),
                Fate::Drop => {}
                Fate::Replace(with) => write_field(out, name, with.as_bytes()),
                Fate::TrimToOrigin => reduce::write_referer(out, value, outward.target),
            },
        }
    }
    write_own_fields(out, head, outward);
    out.extend_from_slice(b"\r\n");
}

fn write_line(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8], outward: &Outward<'_>) {
    out.extend_from_slice(head.method_span.of_buffer(buffer));
    out.push(b' ');
    let path = match &head.form {
        Form::Absolute { path, .. } => path.of_buffer(buffer),
        Form::Authority | Form::Asterisk => b"",
    };
    if outward.proxy.is_some() {
        out.extend_from_slice(b"http://");
        write_host(out, outward.target);
    }
    match path.first() {
        // RFC 9112 §3.2.4: the last proxy turns a URL without a path into the asterisk.
        None if head.method == Method::Options => {
            if outward.proxy.is_none() {
                out.push(b'*');
            }
        }
        Some(b'/') => {}
        _ => out.push(b'/'),
    }
    out.extend_from_slice(path);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Fields that end here or are written anew.
fn is_for_this_hop(kind: FieldKind, head: &RequestHead) -> bool {
    match kind {
        FieldKind::Host
        | FieldKind::ContentLength
        | FieldKind::TransferEncoding
        | FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::ProxyAuthorization
        | FieldKind::ProxyAuthenticate
        | FieldKind::ProxyAuthenticationInfo
        | FieldKind::Http2Settings
        | FieldKind::Te => true,
        FieldKind::Upgrade => !head.upgrades,
        FieldKind::Expect => !head.expects_continue,
        _ => false,
    }
}

fn write_own_fields(out: &mut Vec<u8>, head: &RequestHead, outward: &Outward<'_>) {
    match head.body {
        Length::Known(length) => {
            out.extend_from_slice(b"Content-Length: ");
            write_number(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Length::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Length::None | Length::UntilClose => {}
    }
    match (head.upgrades, head.takes_trailers) {
        (true, false) => out.extend_from_slice(b"Connection: Upgrade\r\n"),
        (true, true) => {
            out.extend_from_slice(b"TE: trailers\r\nConnection: Upgrade, TE\r\n");
        }
        (false, true) => out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n"),
        (false, false) => {}
    }
    if let Some(value) = outward
        .proxy
        .and_then(|proxy| proxy.authorization.as_deref())
    {
        write_field(out, b"Proxy-Authorization", value.as_bytes());
    }
    match outward.mode {
        HeaderMode::Untouched => via::write(out),
        HeaderMode::Reduced => {}
        HeaderMode::Minimal => reduce::write_wishes(out),
    }
}
