//! Why an object cannot be read.

use std::io;

use super::codec::Damaged;

/// Why an object cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    /// A file that ends early is damaged.
    fn from(error: io::Error) -> ReadError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Damaged(Damaged),
            _ => ReadError::Io(error),
        }
    }
}
