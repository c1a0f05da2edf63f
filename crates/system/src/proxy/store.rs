//! The interface of a desktop's proxy settings.

use super::settings::{Change, DesktopKind, ProxySettings};
use crate::command::{CommandError, ParentPipe};

/// A desktop's proxy settings: read as a whole, written key by key. Every method blocks.
pub trait ProxyStore: Send {
    /// What the keys mean.
    fn desktop(&self) -> DesktopKind;

    /// Every value, exactly as it is stored.
    ///
    /// # Errors
    /// The desktop does not answer.
    fn read(&self) -> Result<ProxySettings, StoreError>;

    /// Writes in the given order; the changes before a failure are written. Read again to see whether the desktop kept them.
    ///
    /// # Errors
    /// The desktop refuses or does not answer.
    fn write(&self, changes: &[Change], parent_pipe: &ParentPipe) -> Result<(), StoreError>;

    /// Changes whenever the settings may have changed, at the cost of one `stat`; `None` where there is no file to look at.
    fn file_version(&self) -> Option<FileVersion> {
        None
    }
}

/// The state of the file in which a desktop keeps its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    modified: std::time::SystemTime,
    length: u64,
    inode: u64,
}

impl FileVersion {
    /// `None` where there is no such file.
    pub fn of(path: &std::path::Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self {
            modified: found.modified().ok()?,
            length: found.len(),
            inode,
        })
    }
}

/// A desktop's settings cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("{file}: {cause}")]
    File { file: String, cause: String },
    #[error("{0} is locked by the administrator")]
    Locked(String),
}
