//! Why there is no certificate.

use std::io;
use std::path::PathBuf;

/// The files could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    #[error("{} cannot be used: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the certificate cannot be made: {0}")]
    Make(String),
}
