//! A file of ours that cannot be read is set aside, not overwritten.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Renames it to `NAME.corrupt`, in the place of an earlier one.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(path);
    name.push(".corrupt");
    let aside = PathBuf::from(name);
    std::fs::rename(path, &aside)?;
    Ok(aside)
}
