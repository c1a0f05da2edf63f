//! Authentication that belongs to a connection instead of a request: NTLM and Negotiate (RFC 4559 §6).

use crate::head::{Field, FieldKind, RequestHead, ResponseHead};

/// Whether the request carries such credentials.
pub fn has_credentials(head: &RequestHead, buffer: &[u8]) -> bool {
    head.fields
        .iter()
        .filter(|field| field.kind == FieldKind::Authorization)
        .any(|field| names_scheme(field, buffer))
}

/// Whether the response asks for such credentials, or goes on with them.
pub fn has_challenge(head: &ResponseHead, buffer: &[u8]) -> bool {
    head.fields
        .iter()
        .filter(|field| {
            field
                .name
                .of_buffer(buffer)
                .eq_ignore_ascii_case(b"www-authenticate")
        })
        .any(|field| names_scheme(field, buffer))
}

fn names_scheme(field: &Field, buffer: &[u8]) -> bool {
    crate::head::field::elements(field.value.of_buffer(buffer)).any(|challenge| {
        let scheme = challenge.split(|&byte| matches!(byte, b' ' | b'\t')).next();
        scheme.is_some_and(|scheme| {
            scheme.eq_ignore_ascii_case(b"NTLM") || scheme.eq_ignore_ascii_case(b"Negotiate")
        })
    })
}
