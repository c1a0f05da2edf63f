//! The folders in which caches keep entries: one for each store, and another one where it is encrypted.

use std::io;
use std::path::Path;

/// The folder of a store. Encrypted entries and others never share one.
pub(super) fn name(store: &str, encrypted: bool) -> String {
    match encrypted {
        true => format!("{store}-encrypted"),
        false => store.to_owned(),
    }
}

/// Removes the folders that no configuration wants any more. Blocks.
pub(super) fn remove_others(root: &Path, wanted: &[String]) {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::warn!("the caches in {} cannot be listed: {error}", root.display());
            return;
        }
    };
    for entry in entries.flatten() {
        let is_wanted = wanted.iter().any(|name| entry.file_name() == name.as_str());
        if is_wanted || !entry.path().is_dir() {
            continue;
        }
        if let Err(error) = std::fs::remove_dir_all(entry.path()) {
            let place = entry.path();
            tracing::warn!(
                "the cache in {} cannot be removed: {error}",
                place.display()
            );
        }
    }
}
