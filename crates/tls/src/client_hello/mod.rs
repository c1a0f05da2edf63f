//! Reads a ClientHello (RFC 8446, section 4.1.2) from the first bytes of a connection, without consuming them.
//!
//! The hello may be fragmented over several records. What is read is bounded: [`MAX_HELLO`] and [`MAX_RECORDS`].

mod cursor;
mod hello;
mod message;
mod name;
mod records;

pub use hello::{ClientHello, HelloRead, MAX_HELLO, MAX_RECORDS, MalformedHello};
pub use name::SniName;
pub(crate) use name::is_host_name;

/// Most bytes that [`read`] has to see before it has an answer other than [`HelloRead::NeedMore`].
pub const MAX_BYTES: usize = MAX_HELLO + MAX_RECORDS * records::HEADER;

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
