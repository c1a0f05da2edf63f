//! The folders of daemons.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that a daemon can write to after it dropped root privileges.
pub fn open_folder(prefix: &str) -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .expect("a temporary folder");
    let all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir.path(), all).expect("the folder is ours");
    dir
}

/// Writes a file there and returns its path.
pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the folder takes a file");
    path
}
