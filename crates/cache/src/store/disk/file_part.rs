//! Bytes of a stored body in its file.

use std::fs::File;
use std::sync::Arc;

/// Bytes that this process has checked. They can be sent without being read: the file's body never changes, and stays
/// there for who holds it when the object leaves the store.
#[derive(Debug, Clone)]
pub struct FilePart {
    pub file: Arc<File>,
    pub offset: u64,
    pub len: u64,
}
