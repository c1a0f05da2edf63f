//! The files of a database: its journals, copies that were set aside, and its former name.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// The name before version 0.2, in the same folder.
const LEGACY_NAME: &str = "ledger.db";
const JOURNALS: [&str; 2] = ["-wal", "-shm"];
/// Between the name of a database that was set aside and the time, in Unix milliseconds.
const SET_ASIDE: &str = ".corrupt-";

/// Renames a database that still has its former name.
pub(crate) fn rename_legacy_file(file: &Path) -> io::Result<()> {
    let former = file.with_file_name(LEGACY_NAME);
    if former == file || file.exists() || !former.exists() {
        return Ok(());
    }
    rename(&former, file)
}

/// Removes a database with its journals, under its former name too, and every copy that was set aside.
pub(crate) fn remove(file: &Path) -> io::Result<()> {
    for database in [file.to_owned(), file.with_file_name(LEGACY_NAME)] {
        remove_file(&database)?;
        for journal in JOURNALS {
            remove_file(&with_suffix(&database, journal))?;
        }
        remove_set_aside(&database, |_| true)?;
    }
    Ok(())
}

/// Renames a broken database and its journals. Returns the sentence that says so.
pub(crate) fn set_aside(file: &Path, unix: u64, error: &dyn Display) -> io::Result<String> {
    let aside = with_suffix(file, &format!("{SET_ASIDE}{unix}"));
    rename(file, &aside)?;
    Ok(format!(
        "the statistics in {} could not be used ({error}); the file was set aside as {} and a new one begun",
        file.display(),
        aside.display()
    ))
}

/// Removes the copies that were set aside at times (Unix milliseconds) for which `test` holds.
pub(crate) fn remove_set_aside(file: &Path, test: impl Fn(u64) -> bool) -> io::Result<()> {
    let (Some(folder), Some(name)) = (
        file.parent(),
        file.file_name().and_then(|name| name.to_str()),
    ) else {
        return Ok(());
    };
    let prefix = format!("{name}{SET_ASIDE}");
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
            continue;
        };
        let digits = rest.split('-').next().unwrap_or(rest);
        if digits.parse().is_ok_and(&test) {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    for journal in JOURNALS {
        match std::fs::rename(with_suffix(from, journal), with_suffix(to, journal)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn remove_file(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
