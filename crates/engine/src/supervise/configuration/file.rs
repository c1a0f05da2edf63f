//! The configuration file on disk: its text, and a fingerprint to notice changes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Largest configuration file, in bytes.
const MAX_FILE: u64 = privet_config::MAX_FILE as u64;

/// The file's text; `None`: it is missing, too large, not a regular file or cannot be read.
pub(crate) async fn read_text(path: &Path) -> Option<String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let bytes = privet_regular_file::read(&path, MAX_FILE + 1).ok()?;
        let fits = bytes.len() as u64 <= MAX_FILE;
        fits.then(|| String::from_utf8(bytes).ok())?
    });
    read.await.ok().flatten()
}

/// The fingerprint of a file with this text.
pub(crate) fn fingerprint_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.as_bytes().hash(&mut hasher);
    hasher.finish()
}

/// Distinguishes one content of the file from another; `None`: it is missing or cannot be read.
pub(crate) async fn fingerprint(path: &Path) -> Option<u64> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut hasher = DefaultHasher::new();
        let metadata = std::fs::metadata(&path).ok()?;
        let size = metadata.len();
        match metadata.is_file() && size <= MAX_FILE {
            true => privet_regular_file::read(&path, MAX_FILE + 1)
                .ok()?
                .hash(&mut hasher),
            false => size.hash(&mut hasher),
        }
        Some(hasher.finish())
    });
    read.await.ok().flatten()
}
