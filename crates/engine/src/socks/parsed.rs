//! What a parser of bytes still arriving can answer, and what can be wrong with a SOCKS message.

/// The answer to "is a whole message at the start of these bytes?". Parsers are asked anew from the message's start
/// whenever bytes have arrived, so they keep no state and no split of the input can change their answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed<T> {
    /// The message, and how many bytes it took; what follows is not looked at.
    Whole(T, usize),
    /// A good beginning.
    More,
    Wrong(Fault),
}

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    #[error("another protocol version")]
    Version,
    #[error("no method offered")]
    NoMethods,
    #[error("a reserved field that is not zero")]
    Reserved,
    #[error("an unknown command")]
    Command,
    #[error("an unknown address type")]
    AddressType,
    #[error("an empty name")]
    EmptyName,
    #[error("a name that no host can have")]
    BadName,
    #[error("an empty user name or password")]
    EmptyLogin,
    #[error("a field that is longer than 255 bytes")]
    TooLong,
    #[error("a datagram shorter than its header")]
    TooShort,
    #[error("a fragment of a datagram")]
    Fragment,
}

/// What a client wants of a SOCKS proxy (RFC 1928, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    Connect,
    Bind,
    Associate,
}
