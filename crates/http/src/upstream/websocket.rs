//! WebSocket to an origin that speaks HTTP/2 (RFC 8441): an extended CONNECT is what GET with Upgrade is in HTTP/1.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use h2::ext::Protocol;
use http::header::{CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request};

use crate::headers::write_fields;

/// Appended to the key before it is hashed (RFC 6455 section 1.3).
const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Makes the request an extended CONNECT. Returns what answers its key in HTTP/1.
pub(super) fn extend(request: &mut Request<()>) -> String {
    *request.method_mut() = Method::CONNECT;
    request
        .extensions_mut()
        .insert(Protocol::from_static("websocket"));
    let key = request.headers_mut().remove(SEC_WEBSOCKET_KEY);
    accept_of(key.as_ref().map_or(&[], |key| key.as_bytes()))
}

fn accept_of(key: &[u8]) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(SALT);
    STANDARD.encode(hash.finish())
}

/// Writes the success of an extended CONNECT as HTTP/1.1 would spell it.
pub(super) fn write_switch(out: &mut Vec<u8>, mut fields: HeaderMap, accept: &str) {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, SEC_WEBSOCKET_ACCEPT] {
        fields.remove(name);
    }
    out.clear();
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ",
    );
    out.extend_from_slice(accept.as_bytes());
    out.extend_from_slice(b"\r\n");
    write_fields(out, &fields);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_has_the_answer_of_the_rfc() {
        assert_eq!(
            accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
