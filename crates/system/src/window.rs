//! Opens the window: the desktop app where it is installed, else the page in the browser.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::detached;

const PROGRAM: &str = "privet-desktop";

/// What was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    Window,
    /// The page at this address in the browser; it asks for the token.
    Page(String),
}

#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error(
        "there is no window here: install privet-desktop, or set [control] http = \"127.0.0.1:7283\" for the page in a browser"
    )]
    NotHere,
    #[error("{program} cannot be started: {source}")]
    NotStarted { program: String, source: io::Error },
}

/// Opens the window, or raises the one that is open. `places` are the arguments that name this engine's paths; `page` is the
/// address of the control listener on TCP, if there is one. Does not wait.
///
/// # Errors
/// Neither is available, or the program cannot be started.
pub fn open(places: &[OsString], page: Option<&str>) -> Result<Opened, WindowError> {
    open_from(find(folders()).as_deref(), places, page)
}

fn open_from(
    desktop: Option<&Path>,
    places: &[OsString],
    page: Option<&str>,
) -> Result<Opened, WindowError> {
    if let Some(program) = desktop {
        let mut command = Command::new(program);
        command.args(places);
        start(command, &program.display().to_string())?;
        return Ok(Opened::Window);
    }
    let page = page.ok_or(WindowError::NotHere)?;
    let url = format!("http://{page}/");
    let program = opener();
    let mut command = Command::new(program);
    command.arg(&url);
    start(command, program)?;
    Ok(Opened::Page(url))
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

fn start(command: Command, program: &str) -> Result<(), WindowError> {
    detached::spawn(command)
        .map(|_| ())
        .map_err(|source| WindowError::NotStarted {
            program: program.to_owned(),
            source,
        })
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
    fn without_window_and_page_the_error_names_a_fix() {
        let error = open_from(None, &[], None).unwrap_err().to_string();
        assert!(error.contains("install privet-desktop"), "{error}");
    }

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
