//! What was there before us, on disk before the first change: the folder, the file, the lock.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::desktop::DesktopKind;
use super::settings::ProxySettings;

/// The journal's file in its folder.
const FILE: &str = "system-proxy.json";
const LOCK: &str = "system-proxy.lock";
/// A larger file is no journal of ours, in bytes.
const MOST: u64 = 1024 * 1024;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How far a switch got. No journal is the third state: nothing of ours is in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Writes are under way, or were when we died.
    Switching,
    /// All is written.
    On,
}

/// Everything needed to put the settings back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    pub version: u32,
    pub phase: Phase,
    #[serde(rename = "layout")]
    pub desktop: DesktopKind,
    /// Every value of the store as it was before us.
    pub before: ProxySettings,
    /// What we wrote: earlier targets that may not be overwritten yet, the one in force last.
    pub ours: Vec<BTreeMap<String, String>>,
}

impl Journal {
    pub const VERSION: u32 = 1;
}

/// The journal cannot be kept: then nothing is changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal {} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the journal {} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It was moved aside, so that the next question finds none.
    #[error(
        "the journal of the system proxy was damaged and is kept as {}: look at the desktop's proxy settings",
        aside.display()
    )]
    Damaged { aside: PathBuf },
    #[error("another Privet of this user has the system proxy{0}: turn it off there")]
    Locked(String),
}

/// The journal's place. There is one a user, whatever data folder an engine has: the settings are one a user too.
#[derive(Debug, Clone)]
pub struct JournalFile {
    folder: PathBuf,
}

/// SessionLock by the process that may write the settings.
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

    /// The user's own; `None` for a user without a home.
    pub fn of_user() -> Option<Self> {
        directories::ProjectDirs::from("", "", "privet").map(|dirs| Self::at(dirs.data_local_dir()))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// `None`: nothing of ours is in the settings.
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
            Ok(found) if found.len() > MOST => Vec::new(),
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

    /// Makes it durable: file and folder are on the disk when this returns.
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

    /// Removes it, durably.
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

    /// Takes the right to write the settings, waiting for `patience` where another has it.
    ///
    /// # Errors
    /// Another process has it, or the lock's file cannot be made.
    #[expect(
        clippy::disallowed_methods,
        reason = "a lock of a file is waited for with no deadline only, and no runtime's thread comes here"
    )]
    pub fn lock(&self, patience: Duration) -> Result<SessionLock, JournalError> {
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
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => return Err(JournalError::Locked(holder(&path))),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        // For whom it stops; nobody decides by it.
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
