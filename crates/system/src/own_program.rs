//! The path of this program, as it stays valid after an upgrade.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The path by which this program is started again, for entries that outlive this process. An upgrade may replace the file, or
/// a symbolic link to it: the link is kept where the program was found by one. Determined at the first call, so to be called
/// at the start.
///
/// # Errors
/// The system does not tell the path of this program.
pub fn own_program() -> io::Result<PathBuf> {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = PATH.get() {
        return Ok(path.clone());
    }
    let running = still_named(std::env::current_exe()?);
    let called = std::env::args_os().next().map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = lasting(&running, called, std::env::split_paths(&path));
    Ok(PATH.get_or_init(|| found).clone())
}

/// Linux appends a word to the path of a file that was replaced while it runs.
fn still_named(running: PathBuf) -> PathBuf {
    let replaced = running
        .to_str()
        .and_then(|path| path.strip_suffix(" (deleted)"));
    match replaced {
        Some(path) if !running.exists() => PathBuf::from(path),
        _ => running,
    }
}

/// The path that this program was called by, or one in `folders`, if it leads to the running file; else that file.
fn lasting(
    running: &Path,
    called: Option<PathBuf>,
    folders: impl Iterator<Item = PathBuf>,
) -> PathBuf {
    let name = running.file_name().unwrap_or_default();
    let in_folders = folders.map(|folder| folder.join(name));
    let mut candidates = called.into_iter().chain(in_folders);
    let leads_here = |path: &PathBuf| {
        path.is_absolute() && path.canonicalize().is_ok_and(|target| target == running)
    };
    candidates
        .find(leads_here)
        .unwrap_or_else(|| running.to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_running_file_is_kept_and_another_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let (old, new) = (dir.join("1/privet"), dir.join("2/privet"));
        for file in [&old, &new] {
            std::fs::create_dir(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let bin = dir.join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(&old, bin.join("privet")).unwrap();
        let folders = || [bin.clone()].into_iter();
        assert_eq!(lasting(&old, None, folders()), bin.join("privet"));
        assert_eq!(
            lasting(&old, Some(PathBuf::from("privet")), folders()),
            bin.join("privet")
        );
        assert_eq!(lasting(&new, Some(old), folders()), new);
    }

    #[test]
    fn a_replaced_file_has_its_name() {
        let gone = PathBuf::from("/nonexistent/privet (deleted)");
        assert_eq!(still_named(gone), Path::new("/nonexistent/privet"));
        assert_eq!(still_named("/bin/sh".into()), Path::new("/bin/sh"));
    }
}
