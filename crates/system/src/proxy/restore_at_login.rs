//! The net below the guardian: while settings are ours, an autostart entry stands that puts them back at the next login.
//! A loss of power, or a session that ends before anybody could write, then strands nobody who does not start Privet again.

use std::path::PathBuf;

use super::guardian::ARGUMENT;
use super::journal::JournalFile;
use crate::login;

const ENTRY: &str = "privet-put-back.desktop";

/// Lays it; a desktop without autostart has none.
pub(super) fn install(journal: &JournalFile) {
    let (Some(path), Ok(program)) = (place(), std::env::current_exe()) else {
        return;
    };
    let (Some(program), Some(folder)) = (program.to_str(), journal.folder().to_str()) else {
        return;
    };
    let text = login::entry(
        "Privet: put the system proxy back",
        &[program, ARGUMENT, folder],
    );
    // It is a net, and no reason to refuse the switch.
    let _ = login::write(&path, &text);
}

/// Takes it away.
pub(super) fn remove() {
    if let Some(path) = place() {
        let _ = login::take_away(&path);
    }
}

fn place() -> Option<PathBuf> {
    let linux = cfg!(all(unix, not(target_os = "macos")));
    let folder = linux.then(login::config_folder)?.ok()?;
    Some(folder.join("autostart").join(ENTRY))
}
