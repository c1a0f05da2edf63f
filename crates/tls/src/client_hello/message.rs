//! The body of a ClientHello (RFC 8446, section 4.1.2).

use super::cursor::Cursor;
use super::hello::ClientHello;
use super::name::{SniName, server_name};

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
const TLS13: u16 = 0x0304;
const RANDOM: usize = 32;
const MAX_SESSION_ID: usize = 32;

/// `None`: it is malformed.
pub(super) fn parse(body: &[u8]) -> Option<ClientHello> {
    let mut body = Cursor::new(body);
    body.u16()?;
    body.bytes(RANDOM)?;
    let session_id = body.part8()?.rest();
    let cipher_suites = body.part16()?.rest();
    let compression = body.part8()?;
    let is_valid = session_id.len() <= MAX_SESSION_ID
        && !cipher_suites.is_empty()
        && cipher_suites.len().is_multiple_of(2)
        && !compression.is_empty();
    if !is_valid {
        return None;
    }
    let mut hello = ClientHello {
        name: SniName::Absent,
        alpn: Vec::new(),
        ech_present: false,
        tls13: false,
        len: 0,
    };
    if body.is_empty() {
        // TLS 1.2 without extensions.
        return Some(hello);
    }
    let mut extensions = body.part16()?;
    if !body.is_empty() {
        return None;
    }
    let mut types = Vec::new();
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let mut content = extensions.part16()?;
        types.push(kind);
        match kind {
            SERVER_NAME => hello.name = server_name(content)?,
            ALPN => hello.alpn = protocol_list(&mut content)?,
            SUPPORTED_VERSIONS => hello.tls13 = offers_tls13(&mut content)?,
            ENCRYPTED_CLIENT_HELLO => hello.ech_present = true,
            _ => {}
        }
    }
    types.sort_unstable();
    let has_duplicate = types
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b));
    (!has_duplicate).then_some(hello)
}

/// The list without its length: names of at least one byte, each after its length.
fn protocol_list(content: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let list = content.part16()?;
    let mut names = list;
    if !content.is_empty() || list.is_empty() {
        return None;
    }
    while !names.is_empty() {
        if names.part8()?.is_empty() {
            return None;
        }
    }
    Some(list.rest().to_vec())
}

fn offers_tls13(content: &mut Cursor<'_>) -> Option<bool> {
    let mut versions = content.part8()?;
    if !content.is_empty() || versions.is_empty() {
        return None;
    }
    let mut found = false;
    while !versions.is_empty() {
        found |= versions.u16()? == TLS13;
    }
    Some(found)
}
