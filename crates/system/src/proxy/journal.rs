//! The settings before Privet changed them, on disk before the first change; and the lock on the settings.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::settings::DesktopKind;
use super::settings::ProxySettings;

const FILE: &str = "system-proxy.json";
const LOCK: &str = "system-proxy.lock";
/// Maximum size of a journal, in bytes.
const MAX_SIZE: u64 = 1024 * 1024;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How far a switch got. Without a journal nothing of Privet's is in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Writes are in progress, or were when the process died.
    Switching,
    /// Everything is written.
    On,
}

/// Everything needed to restore the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    pub version: u32,
    pub phase: Phase,
    #[serde(rename = "layout")]
    pub desktop: DesktopKind,
    /// Every value before the first change.
    pub before: ProxySettings,
    /// The values that Privet wrote: those of earlier targets that may not be overwritten yet, the current ones last.
    pub ours: Vec<BTreeMap<String, String>>,
}

impl Journal {
    pub const VERSION: u32 = 1;
}

/// The journal cannot be used; then no setting is changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal {} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the journal {} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It was moved aside, so that the next read finds none.
    #[error(
        "the journal of the system proxy was damaged and is kept as {}: look at the desktop's proxy settings",
        aside.display()
    )]
    Damaged { aside: PathBuf },
    #[error("another Privet of this user has the system proxy{0}: turn it off there")]
    Locked(String),
}

/// The journal's file. There is one for each user, whatever an engine's data folder, as there is one set of settings.
#[derive(Debug, Clone)]
pub struct JournalFile {
    folder: PathBuf,
}

/// The lock of the process that may write the settings.
#[derive(Debug)]
pub struct SessionLock {
    _lock: File,
}

impl JournalFile {
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The user's journal; `None` for a user without a home folder.
    pub fn of_user() -> Option<Self> {
        directories::ProjectDirs::from("", "", "privet").map(|dirs| Self::at(dirs.data_local_dir()))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Reads the journal. `None` where nothing of Privet's is in the settings.
    ///
    /// # Errors
    /// It cannot be read, or is damaged and was set aside.
    pub fn read(&self) -> Result<Option<Journal>, JournalError> {
        let path = self.path();
        let failed = |source| JournalError::Read {
            path: path.clone(),
            source,
        };
        let bytes = match fs::metadata(&path) {
            Ok(found) if found.len() > MAX_SIZE => Vec::new(),
            Ok(_) => fs::read(&path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match serde_json::from_slice::<Journal>(&bytes) {
            Ok(journal) if journal.version == Journal::VERSION => Ok(Some(journal)),
            _ => Err(JournalError::Damaged {
                aside: self.set_aside().map_err(failed)?,
            }),
        }
    }

    fn set_aside(&self) -> io::Result<PathBuf> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = now.map_or(0, |now| now.as_secs());
        let aside = self.folder.join(format!("{FILE}.damaged-{seconds}"));
        fs::rename(self.path(), &aside)?;
        Ok(aside)
    }

    /// Writes the journal durably: file and folder are on the disk when this returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, journal: &Journal) -> Result<(), JournalError> {
        let path = self.path();
        let failed = |source| JournalError::Write {
            path: path.clone(),
            source,
        };
        self.make_folder().map_err(failed)?;
        let text = serde_json::to_string(journal).map_err(|error| failed(error.into()))?;
        privet_config::save(&path, &text).map_err(|error| failed(error.source))
    }

    /// Removes the journal, durably.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self) -> Result<(), JournalError> {
        let path = self.path();
        let failed = |source| JournalError::Write {
            path: path.clone(),
            source,
        };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        #[cfg(unix)]
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(())
    }

    /// Takes the lock on the settings, waiting up to `timeout` for another process.
    ///
    /// # Errors
    /// Another process has it, or the lock file cannot be created.
    #[expect(
        clippy::disallowed_methods,
        reason = "a lock of a file is waited for with no deadline only, and no runtime's thread comes here"
    )]
    pub fn lock(&self, timeout: Duration) -> Result<SessionLock, JournalError> {
        let path = self.folder.join(LOCK);
        let failed = |source| JournalError::Write {
            path: path.clone(),
            source,
        };
        self.make_folder().map_err(failed)?;
        let mut options = fs::OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < timeout => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => return Err(JournalError::Locked(holder(&path))),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        // Shown in error messages only.
        let _ = fs::write(&path, std::process::id().to_string());
        Ok(SessionLock { _lock: file })
    }

    fn make_folder(&self) -> io::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)
    }
}

fn holder(lock: &Path) -> String {
    let pid = fs::read_to_string(lock).unwrap_or_default();
    match pid.trim().parse::<u32>() {
        Ok(pid) => format!(" (process {pid})"),
        Err(_) => String::new(),
    }
}
