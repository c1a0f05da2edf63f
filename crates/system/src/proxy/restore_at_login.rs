//! An autostart entry that restores the settings at the next login, after a power loss or a session that ended before the
//! guardian could write.

use std::path::PathBuf;

use super::journal::JournalFile;
use crate::{login, own_program};

const ENTRY: &str = "privet-put-back.desktop";

/// Installs the entry, on desktops with autostart. `argument`: what starts this program as a guardian.
pub(super) fn install(journal: &JournalFile, argument: &str) {
    let (Some(path), Ok(program)) = (entry_path(), own_program()) else {
        return;
    };
    let (Some(program), Some(folder)) = (program.to_str(), journal.folder().to_str()) else {
        return;
    };
    let text = login::entry(
        "Privet: restore the system proxy",
        &[program, argument, folder],
    );
    // A failure is no reason to refuse the switch.
    let _ = login::write(&path, &text);
}

/// Removes the entry.
pub(super) fn remove() {
    if let Some(path) = entry_path() {
        let _ = login::remove_file(&path);
    }
}

fn entry_path() -> Option<PathBuf> {
    let linux = cfg!(all(unix, not(target_os = "macos")));
    let folder = linux.then(login::config_folder)?.ok()?;
    Some(folder.join("autostart").join(ENTRY))
}
