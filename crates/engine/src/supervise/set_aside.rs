//! Sets aside files of the data folder that cannot be read, instead of overwriting them.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Renames the file to `NAME.corrupt`, replacing an earlier one. Returns the new path.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(path);
    name.push(".corrupt");
    let aside = PathBuf::from(name);
    std::fs::rename(path, &aside)?;
    Ok(aside)
}
