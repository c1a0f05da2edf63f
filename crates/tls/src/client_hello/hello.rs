//! What a ClientHello says, and why one is refused.

use std::fmt;

use super::cursor::Cursor;
use super::name::SniName;

/// Longest ClientHello message that is read, in bytes. Browsers send up to 2 KiB.
pub const MAX_HELLO: usize = 16 * 1024;
/// Largest number of records that a hello may be fragmented over.
pub const MAX_RECORDS: usize = 256;
/// What the first bytes of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelloRead {
    /// The beginning of a hello. More bytes are needed; never returned for [`MAX_BYTES`] or more.
    NeedMore,
    /// Not a TLS handshake record.
    NotTls,
    /// A TLS handshake record, but no valid ClientHello.
    Malformed(MalformedHello),
    Hello(ClientHello),
}

/// Why a ClientHello is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MalformedHello {
    /// Longer than [`MAX_HELLO`], or in more than [`MAX_RECORDS`] records.
    TooLong,
    /// A record of no bytes or of more than 2^14, or of another type than handshake before the hello was complete.
    Record,
    /// Another handshake message.
    NotClientHello,
    /// A length that does not fit, bytes left over, or an extension that occurs twice.
    Structure,
}

impl fmt::Display for MalformedHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the ClientHello is too long",
            Self::Record => "a TLS record is malformed",
            Self::NotClientHello => "the first handshake message is no ClientHello",
            Self::Structure => "the ClientHello is malformed",
        })
    }
}

/// The parts of a ClientHello that decide what happens to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The server name (RFC 6066, section 3).
    pub name: SniName,
    pub(super) alpn: Vec<u8>,
    /// An `encrypted_client_hello` extension is there. Browsers always send one, so that it says nothing about the name.
    pub ech_present: bool,
    /// The client offers TLS 1.3.
    pub tls13: bool,
    /// Bytes of the records that hold the hello.
    pub len: usize,
}

impl ClientHello {
    /// The protocols that the client offers (RFC 7301), most preferred first.
    pub fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        protocols(&self.alpn)
    }
}

/// The names in a checked list.
fn protocols(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut names = Cursor::new(list);
    std::iter::from_fn(move || names.part8().map(Cursor::rest))
}
