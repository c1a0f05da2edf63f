//! Writes a response's head for the client.

use privet_config::HeaderMode;

use super::via;
use super::write::{write_field, write_number};
use crate::head::{BodyLength, FieldKind, Method, ResponseHead};

/// How a response's head is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRewrite {
    pub mode: HeaderMode,
    /// The body is sent in new chunks.
    pub chunked: bool,
    /// The connection is closed after this response.
    pub close: bool,
    /// The request's method.
    pub method: Method,
}

/// Appends the whole head to `out`.
pub fn write(out: &mut Vec<u8>, reply: &ResponseHead, buffer: &[u8], rewrite: ResponseRewrite) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write_number(out, u64::from(reply.status));
    out.push(b' ');
    out.extend_from_slice(reply.reason.of_buffer(buffer));
    out.extend_from_slice(b"\r\n");
    let upgrade = matches!(reply.status, 101 | 426);
    for field in &reply.fields {
        let name = field.name.of_buffer(buffer);
        if is_for_this_hop(field.kind, upgrade) || reply.connection.names(name, buffer) {
            continue;
        }
        write_field(out, name, field.value.of_buffer(buffer));
    }
    write_own_fields(out, reply, rewrite, upgrade);
    out.extend_from_slice(b"\r\n");
}

fn is_for_this_hop(kind: FieldKind, upgrade: bool) -> bool {
    match kind {
        FieldKind::ContentLength
        | FieldKind::TransferEncoding
        | FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::ProxyAuthorization
        | FieldKind::ProxyAuthenticate
        | FieldKind::ProxyAuthenticationInfo
        | FieldKind::Te => true,
        FieldKind::Upgrade => !upgrade,
        _ => false,
    }
}

fn write_own_fields(
    out: &mut Vec<u8>,
    reply: &ResponseHead,
    rewrite: ResponseRewrite,
    upgrade: bool,
) {
    if rewrite.chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    } else if let Some(length) = announced_length(reply, rewrite.method) {
        out.extend_from_slice(b"Content-Length: ");
        write_number(out, length);
        out.extend_from_slice(b"\r\n");
    }
    if !reply.is_interim() && rewrite.close {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if upgrade {
        out.extend_from_slice(b"Connection: Upgrade\r\n");
    }
    if rewrite.mode == HeaderMode::Untouched && !reply.is_interim() {
        via::write(out);
    }
}

/// The length to announce (RFC 9110 §8.6): of the body that follows, or of the one that a response to HEAD and a 304
/// leave out.
fn announced_length(reply: &ResponseHead, method: Method) -> Option<u64> {
    match reply.body(method) {
        BodyLength::Known(length) => Some(length),
        _ if reply.is_interim() || reply.status == 204 => None,
        BodyLength::None => reply.framing.length,
        _ => None,
    }
}
