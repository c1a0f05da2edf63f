//! Writes a response's head for the client.

use privet_config::HeaderMode;

use super::site::SiteFields;
use super::via;
use super::write::{write_field, write_number};
use crate::head::{BodyLength, FieldKind, Method, ResponseHead};
use crate::scanning::range::SelectedRange;

/// What a service changes in the heads of responses.
#[derive(Clone, Copy)]
pub enum ResponseStyle<'a> {
    /// A forward proxy: nothing but what belongs to the connection.
    Forward(HeaderMode),
    /// An inspected tunnel: an alternative service would be a way around inspection (RFC 7838), mostly by QUIC.
    Inspected(HeaderMode),
    /// A site: what names its backend does not reach the client.
    Site(&'a dyn SiteFields),
}

impl ResponseStyle<'_> {
    /// Whether the response gets this process's entry in `Via`.
    pub(crate) fn adds_via(self) -> bool {
        matches!(
            self,
            Self::Forward(HeaderMode::Untouched) | Self::Inspected(HeaderMode::Untouched)
        )
    }
}

/// How a response's head is rewritten.
#[derive(Clone, Copy)]
pub struct ResponseRewrite<'a> {
    pub style: ResponseStyle<'a>,
    /// The body is sent in new chunks.
    pub chunked: bool,
    /// The connection is closed after this response.
    pub close: bool,
    /// The request's method.
    pub method: Method,
    /// The part of the body that is sent; none: all of it.
    pub part: Option<&'a SelectedRange>,
    /// Field lines that are added, each with its CRLF.
    pub lines: &'a [u8],
}

impl ResponseRewrite<'_> {
    /// Whether what is sent has another `Content-Type` than the whole.
    pub(crate) fn has_own_type(&self) -> bool {
        self.part.is_some_and(SelectedRange::is_multipart)
    }
}

/// The head of an answer from the cache. Its lines belong to the message, not to a connection.
#[derive(Clone, Copy)]
pub struct StoredResponse<'a> {
    pub status: u16,
    /// Field lines, each with its CRLF: the stored ones, then those of this answer.
    pub stored: &'a [u8],
    pub own: &'a [u8],
    /// The length to announce.
    pub length: Option<u64>,
    /// The body is sent in chunks.
    pub chunked: bool,
    /// The connection is closed after this response.
    pub close: bool,
    /// This process's entry in `Via` is added.
    pub via: bool,
}

/// Appends the whole head of an answer from the cache to `out`, for HTTP/1.
pub fn write_stored(out: &mut Vec<u8>, head: &StoredResponse<'_>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write_number(out, u64::from(head.status));
    out.push(b' ');
    let status = http::StatusCode::from_u16(head.status).ok();
    let reason = status.and_then(|status| status.canonical_reason());
    out.extend_from_slice(reason.unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(head.stored);
    out.extend_from_slice(head.own);
    if head.chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    } else if let Some(length) = head.length {
        out.extend_from_slice(b"Content-Length: ");
        write_number(out, length);
        out.extend_from_slice(b"\r\n");
    }
    if head.close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    if head.via {
        via::write(out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the whole head to `out`, for HTTP/1.
pub fn write(
    out: &mut Vec<u8>,
    reply: &ResponseHead,
    buffer: &[u8],
    rewrite: &ResponseRewrite<'_>,
) {
    match rewrite.part {
        None => {
            out.extend_from_slice(b"HTTP/1.1 ");
            write_number(out, u64::from(reply.status));
            out.push(b' ');
            out.extend_from_slice(reply.reason.of_buffer(buffer));
        }
        Some(part) => out.extend_from_slice(match part.status() {
            206 => b"HTTP/1.1 206 Partial Content",
            _ => b"HTTP/1.1 416 Range Not Satisfiable",
        }),
    }
    out.extend_from_slice(b"\r\n");
    let upgrade = matches!(reply.status, 101 | 426);
    let own_type = rewrite.has_own_type();
    for_each_field(reply, buffer, rewrite.style, upgrade, |name, value| {
        if !(own_type && name.eq_ignore_ascii_case(b"content-type")) {
            write_field(out, name, value);
        }
    });
    write_own_fields(out, reply, rewrite, upgrade);
    out.extend_from_slice(b"\r\n");
}

/// Passes each field that belongs to the message and not to its connection to `emit`, as the client is to have it.
/// `upgrade`: `Upgrade` is one of them.
pub(crate) fn for_each_field(
    reply: &ResponseHead,
    buffer: &[u8],
    style: ResponseStyle<'_>,
    upgrade: bool,
    mut emit: impl FnMut(&[u8], &[u8]),
) {
    for field in &reply.fields {
        let name = field.name.of_buffer(buffer);
        if is_for_this_hop(field.kind, upgrade) || reply.connection.names(name, buffer) {
            continue;
        }
        let value = field.value.of_buffer(buffer);
        match style {
            ResponseStyle::Inspected(_) if name.eq_ignore_ascii_case(b"alt-svc") => {}
            ResponseStyle::Forward(_) | ResponseStyle::Inspected(_) => emit(name, value),
            ResponseStyle::Site(site) => site.emit(name, value, &mut emit),
        }
    }
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
    rewrite: &ResponseRewrite<'_>,
    upgrade: bool,
) {
    if rewrite.chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    } else if let Some(length) = announced_length(reply, rewrite) {
        out.extend_from_slice(b"Content-Length: ");
        write_number(out, length);
        out.extend_from_slice(b"\r\n");
    }
    if !reply.is_interim() && rewrite.close {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if upgrade {
        out.extend_from_slice(b"Connection: Upgrade\r\n");
    }
    if rewrite.style.adds_via() && !reply.is_interim() {
        via::write(out);
    }
    if let Some(part) = rewrite.part {
        let (name, value) = part.field();
        write_field(out, name, value);
    }
    out.extend_from_slice(rewrite.lines);
}

/// The length to announce (RFC 9110 §8.6): of the body that follows, or of the one that a response to HEAD and a 304
/// leave out.
pub(crate) fn announced_length(reply: &ResponseHead, rewrite: &ResponseRewrite<'_>) -> Option<u64> {
    if let Some(part) = rewrite.part {
        return Some(part.len());
    }
    match reply.body(rewrite.method) {
        BodyLength::Known(length) => Some(length),
        _ if reply.is_interim() || reply.status == 204 => None,
        BodyLength::None => reply.framing.length,
        _ => None,
    }
}
