//! Why a line of a list is skipped.

use crate::HostError;

/// The longest line that is read, in bytes; a longer one is skipped.
pub const MAX_LINE: usize = 8 << 10;

/// Why a line was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LineFault {
    #[error("not UTF-8")]
    NotText,
    #[error("longer than {} bytes", MAX_LINE)]
    TooLong,
    #[error("{0}")]
    Host(HostError),
    #[error("a domain of one label would block a whole top-level domain")]
    OneLabel,
    #[error("not a line of this format")]
    Form,
    #[error("points the name at another address; that blocks nothing")]
    NoBlock,
    #[error("a trigger or option that is not supported")]
    Unsupported,
    #[error("would match everything or nearly everything")]
    TooBroad,
    #[error("includes another list, which is not fetched; add that list by itself")]
    Include,
    #[error("more patterns on hosts than one list may have, or one that is too large")]
    TooManyPatterns,
}
