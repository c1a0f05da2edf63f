//! Results of the SOCKS parsers.

/// Whether a whole message is at the start of some bytes. Parsers keep no state: they start again at the message's start
/// whenever bytes arrived, so the result does not depend on how the input is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed<T> {
    /// The message and its length in bytes; what follows is not read.
    Complete(T, usize),
    /// A valid beginning.
    Incomplete,
    Invalid(ParseError),
}

/// Why a message is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParseError {
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
    #[error("an empty user name")]
    EmptyLogin,
    #[error("a field that is longer than 255 bytes")]
    TooLong,
    #[error("a datagram shorter than its header")]
    TooShort,
    #[error("a fragment of a datagram")]
    Fragment,
}

/// The command of a request (RFC 1928, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    Connect,
    Bind,
    Associate,
}
