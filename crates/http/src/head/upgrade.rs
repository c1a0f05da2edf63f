//! Protocol upgrades (RFC 9110 §7.8): a server may only switch to a protocol that the request offered.

use super::field::{Field, FieldKind, elements};
use super::{RequestHead, ResponseHead};

/// Whether a 101 names a protocol, and only such as the request offered. What follows is otherwise read in one way by the
/// client and in another by the server.
pub fn is_offered(
    request: &RequestHead,
    request_bytes: &[u8],
    reply: &ResponseHead,
    reply_bytes: &[u8],
) -> bool {
    let offers = |chosen: &[u8]| {
        protocols(&request.fields, request_bytes)
            .any(|offered| offered.eq_ignore_ascii_case(chosen))
    };
    let mut chosen = protocols(&reply.fields, reply_bytes).peekable();
    chosen.peek().is_some() && chosen.all(offers)
}

fn protocols<'a>(fields: &'a [Field], bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let lines = fields
        .iter()
        .filter(|field| field.kind == FieldKind::Upgrade);
    lines.flat_map(|field| elements(field.value.of_buffer(bytes)))
}
