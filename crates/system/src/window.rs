//! Opens the window: the desktop app where it is installed; or the page in the browser.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::detached;

const PROGRAM: &str = "privet-desktop";
/// A program that opens addresses ends within this time if it fails; one that is the browser itself runs on.
const BROWSER_FAILS_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("{program} cannot be started: {source}")]
    NotStarted { program: String, source: io::Error },
    #[error("{0} found no browser")]
    NoBrowser(&'static str),
}

/// Opens the window, or raises the one that is open. `places` are the arguments that name this engine's paths. Does not wait.
/// `false`: it is not installed.
///
/// # Errors
/// It cannot be started.
pub fn open_window(places: &[OsString]) -> Result<bool, WindowError> {
    let Some(program) = find(folders()) else {
        return Ok(false);
    };
    let mut command = Command::new(&program);
    command.args(places);
    detached::spawn(command).map_err(|source| WindowError::NotStarted {
        program: program.display().to_string(),
        source,
    })?;
    Ok(true)
}

/// Opens an address in the user's browser. Blocks for 5 s at most.
///
/// # Errors
/// There is no browser, or no program that opens addresses.
pub fn open_in_browser(url: &str) -> Result<(), WindowError> {
    let program = opener();
    let mut command = Command::new(program);
    command.arg(url);
    let ended = detached::spawn_and_wait(command, BROWSER_FAILS_WITHIN);
    match ended {
        Ok(Some(status)) if !status.success() => Err(WindowError::NoBrowser(program)),
        Ok(_) => Ok(()),
        Err(source) => Err(WindowError::NotStarted {
            program: program.to_owned(),
            source,
        }),
    }
}

const fn opener() -> &'static str {
    if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    }
}

/// The folder of this program, then those of PATH.
fn folders() -> impl Iterator<Item = PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    beside.into_iter().chain(path)
}

fn find(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    folders
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_that_has_the_program_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let folders = ["a", "b", "c"].map(|name| dir.path().join(name));
        for folder in &folders {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::create_dir(folders[0].join(PROGRAM)).unwrap();
        std::fs::write(folders[1].join(PROGRAM), "").unwrap();
        let found = find(folders.clone().into_iter());
        assert_eq!(found, Some(folders[1].join(PROGRAM)));
    }
}
