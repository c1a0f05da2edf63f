//! Writes a file atomically.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Symbolic links that are followed to a file that does not exist yet; the kernel's limit is 40.
const MAX_LINKS: usize = 40;

/// Why a file was not written. The old file is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {source}", path.display())]
pub struct SaveError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Replaces the file's content by `text`: a reader sees the old or the new content, also after a power failure. A symbolic link
/// stays and its target is replaced; permissions stay; a new file is readable by its owner only (0600). Blocks on the disk.
///
/// # Errors
/// [`SaveError`]; the file is unchanged.
pub fn save(path: &Path, text: &str) -> Result<(), SaveError> {
    let target = target_of(path);
    write_beside(&target, text).map_err(|source| SaveError {
        path: target,
        source,
    })
}

/// The target of the links, whether or not it exists.
fn target_of(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(link) = fs::read_link(&target) else {
            break;
        };
        target = target.parent().unwrap_or(Path::new("")).join(link);
    }
    target
}

fn write_beside(target: &Path, text: &str) -> io::Result<()> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".privet-")
        .suffix(".new")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(target) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Makes the new directory entry durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
