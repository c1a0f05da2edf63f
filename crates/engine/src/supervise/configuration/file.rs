//! The configuration file on disk: its text, a fingerprint to notice changes, and the mode key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// The file's text; `None`: it is missing, too large or cannot be read.
pub(crate) async fn read_text(path: &Path) -> Option<String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let size = std::fs::metadata(&path).ok()?.len();
        (size <= privet_config::MAX_FILE as u64).then(|| std::fs::read_to_string(&path).ok())?
    });
    read.await.ok().flatten()
}

/// Distinguishes one content of the file from another; `None`: it is missing or cannot be read.
pub(crate) async fn fingerprint(path: &Path) -> Option<u64> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut hasher = DefaultHasher::new();
        let size = std::fs::metadata(&path).ok()?.len();
        match size <= privet_config::MAX_FILE as u64 {
            true => std::fs::read(&path).ok()?.hash(&mut hasher),
            false => size.hash(&mut hasher),
        }
        Some(hasher.finish())
    });
    read.await.ok().flatten()
}

/// Changes the `mode` key of the file, if there is a file. Blocking.
pub(crate) fn write_mode(path: &Path, name: &str) -> Result<(), String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let mut document = privet_config::Document::parse(&text).map_err(|error| error.to_string())?;
    document.set_mode(name).map_err(|error| error.to_string())?;
    let changed = document.text();
    if changed == text {
        return Ok(());
    }
    privet_config::save(path, &changed).map_err(|error| error.to_string())
}
