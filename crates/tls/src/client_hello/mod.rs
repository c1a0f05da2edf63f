//! Reads a ClientHello (RFC 8446, section 4.1.2) from the first bytes of a connection, without consuming them.
//!
//! The hello may be fragmented over several records. What is read is bounded: [`MAX_HELLO`] and [`MAX_RECORDS`].

mod cursor;
mod message;
mod name;
mod records;

pub use name::SniName;
pub(crate) use name::is_host_name;

use std::fmt;

/// Longest ClientHello message that is read, in bytes. Browsers send up to 2 KiB.
pub const MAX_HELLO: usize = 16 * 1024;
/// Largest number of records that a hello may be fragmented over.
pub const MAX_RECORDS: usize = 256;
/// Most bytes that [`read`] has to see before it has an answer other than [`HelloRead::NeedMore`].
pub const MAX_BYTES: usize = MAX_HELLO + MAX_RECORDS * records::HEADER;

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
    alpn: Vec<u8>,
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
        message::protocols(&self.alpn)
    }
}

/// Reads the first bytes of a connection, from its beginning. Nothing is kept between two calls: pass all bytes again once
/// more have arrived. Allocates at most [`MAX_HELLO`] for a hello that is fragmented, and what [`ClientHello`] holds.
pub fn read(bytes: &[u8]) -> HelloRead {
    let (message, len) = match records::join(bytes) {
        Ok(joined) => joined,
        Err(records::Incomplete::NeedMore) => return HelloRead::NeedMore,
        Err(records::Incomplete::NotTls) => return HelloRead::NotTls,
        Err(records::Incomplete::Malformed(why)) => return HelloRead::Malformed(why),
    };
    let body = message.get(records::MESSAGE_HEADER..).unwrap_or_default();
    match message::parse(body) {
        Some(hello) => HelloRead::Hello(ClientHello { len, ..hello }),
        None => HelloRead::Malformed(MalformedHello::Structure),
    }
}

#[cfg(test)]
mod tests;
