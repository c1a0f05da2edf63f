//! Files that are kept open for reading: a few of the store's, those that were used last.
//!
//! Who reads a file has it open until it is done, so that it can be removed meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError, Weak};

use super::queue::lock;

/// Files that are kept open, at least and at most: an eighth of those that the process may open.
const FEWEST: u64 = 4;
const MOST: u64 = if cfg!(test) { 8 } else { 512 };
const PART: u64 = 8;

/// The files of one folder.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    folder: PathBuf,
    most: usize,
    /// Those that are open, the oldest first.
    open: Mutex<VecDeque<Weak<ReadFile>>>,
}

/// A file of the folder, open or not.
#[derive(Debug)]
pub(crate) struct ReadFile {
    id: u64,
    files: Arc<OpenFiles>,
    file: Mutex<Opened>,
    /// Since it came to the end of the open ones last.
    used: AtomicBool,
}

#[derive(Debug, Default)]
struct Opened {
    kept: Option<Arc<File>>,
    /// It may be open for those who read it.
    last: Weak<File>,
}

impl OpenFiles {
    pub(super) fn new(folder: &Path) -> Arc<OpenFiles> {
        let most = (most_of_process() / PART).clamp(FEWEST, MOST);
        Arc::new(OpenFiles {
            folder: folder.to_owned(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            open: Mutex::default(),
        })
    }

    /// A file that was just opened.
    pub(super) fn add(self: &Arc<Self>, id: u64, file: File) -> Arc<ReadFile> {
        let file = Arc::new(file);
        let added = Arc::new(ReadFile {
            id,
            files: self.clone(),
            file: Mutex::new(Opened {
                last: Arc::downgrade(&file),
                kept: Some(file),
            }),
            used: AtomicBool::new(false),
        });
        self.keep(&added);
        added
    }

    /// Keeps a file open, and closes others for it: one that was used goes round once.
    fn keep(&self, file: &Arc<ReadFile>) {
        let mut closing = Vec::new();
        let mut open = lock(&self.open);
        open.push_back(Arc::downgrade(file));
        while open.len() > self.most {
            let Some(oldest) = open.pop_front() else {
                break;
            };
            let Some(oldest) = oldest.upgrade() else {
                continue;
            };
            if oldest.used.swap(false, Ordering::Relaxed) {
                open.push_back(Arc::downgrade(&oldest));
            } else {
                closing.push(oldest);
            }
        }
        drop(open);
        for file in closing {
            lock(&file.file).kept = None;
        }
    }
}

impl ReadFile {
    /// The file, opened where it is not. Blocks.
    pub(super) fn open(self: &Arc<Self>) -> io::Result<Arc<File>> {
        self.used.store(true, Ordering::Relaxed);
        let mut opened = lock(&self.file);
        if let Some(file) = opened.kept.clone().or_else(|| opened.last.upgrade()) {
            return Ok(file);
        }
        let file = Arc::new(File::open(path_of(&self.files.folder, self.id))?);
        opened.last = Arc::downgrade(&file);
        opened.kept = Some(file.clone());
        drop(opened);
        self.files.keep(self);
        Ok(file)
    }

    /// The file where it is open. Does not block.
    pub(super) fn if_open(&self) -> Option<Arc<File>> {
        self.used.store(true, Ordering::Relaxed);
        let opened = match self.file.try_lock() {
            Ok(opened) => opened,
            Err(TryLockError::Poisoned(opened)) => opened.into_inner(),
            // It is being opened.
            Err(TryLockError::WouldBlock) => return None,
        };
        opened.kept.clone().or_else(|| opened.last.upgrade())
    }
}

/// Where the folder has the file with this number.
pub(super) fn path_of(folder: &Path, id: u64) -> PathBuf {
    folder
        .join("objects")
        .join(format!("{:02x}", id & 0xff))
        .join(format!("{id:016x}"))
}

/// Files that the process may have open.
#[cfg(unix)]
fn most_of_process() -> u64 {
    use rustix::process::{Resource, getrlimit};

    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
fn most_of_process() -> u64 {
    u64::MAX
}
