//! Why a body cannot be scanned.

/// Why a body or a stream cannot be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanFault {
    NoRoom,
    /// A message is larger than `max_body`.
    Oversize,
    NotEvents,
    NotMessages,
    /// A message, or a window of events, is in a coding that cannot be removed, or expands too much.
    Coding,
}

impl ScanFault {
    pub fn text(self) -> &'static str {
        match self {
            Self::NoRoom => "too much is held by bodies that wait for their verdict",
            Self::Oversize => "a message of the stream is larger than is scanned",
            Self::NotEvents => "the body claims to be events and is something else",
            Self::NotMessages => "the body claims to be gRPC and is something else",
            Self::Coding => "a part of the stream cannot be freed of its coding",
        }
    }
}
