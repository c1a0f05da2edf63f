//! Entries on disk: one file for each body with its head, and an index that is read once at the start.
//!
//! A few threads of its own do all that may block; the others hand in jobs through bounded queues. A disk that is full,
//! read-only or gone makes nothing fail: entries are then kept in memory only, and [`DiskStats::problem`] says so.

pub(crate) mod codec;
pub(crate) mod files;
pub(crate) mod format;
mod log;
mod queue;
mod reader;
pub(crate) mod seal;
pub(crate) mod threads;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) use files::Object;
pub(crate) use format::Record;
pub(crate) use reader::{DiskBody, DiskReader};
pub use seal::DiskKey;

use self::files::Folder;
pub(crate) use self::log::IndexContents;
use self::queue::Queue;
use self::reader::ReadSlot;
use crate::cache::{Cache, Turn};
use crate::entry::Entry;
use crate::key::{Key, KeySecret};

/// Objects that may wait to be written.
const MOST_WRITES: usize = 256;
/// Reads that may wait.
const MOST_READS: usize = 1024;
/// How long writing pauses after it failed.
const PAUSE: Duration = Duration::from_secs(30);
/// Bodies up to this length are read at once and kept in memory.
pub(crate) const READ_WHOLE: u64 = 256 * 1024;

/// Where a cache keeps entries on disk.
#[derive(Debug, Clone)]
pub struct DiskSettings {
    /// A folder of its own. It is created for its user only.
    pub folder: PathBuf,
    /// The most bytes in it.
    pub limit: u64,
    /// Encrypts all entries, and what the index says of them. Entries under another key are dropped.
    pub key: Option<DiskKey>,
}

/// The figures of a disk store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskStats {
    pub entries: u64,
    pub bytes: u64,
    pub limit: u64,
    pub written: u64,
    /// Entries that stayed in memory because too many waited to be written, or writing paused.
    pub skipped: u64,
    /// Entries and index records that were found damaged.
    pub damaged: u64,
    pub evicted: u64,
    /// What is wrong with the disk, in a sentence.
    pub problem: Option<String>,
}

/// What the threads share with the cache.
#[derive(Debug)]
pub(crate) struct Disk {
    settings: DiskSettings,
    limit: AtomicU64,
    used: AtomicU64,
    entries: AtomicU64,
    /// Bytes of memory for the records of objects.
    record_memory: AtomicU64,
    next_id: AtomicU64,
    pub(crate) counts: DiskCounts,
    folder: Mutex<Option<Arc<Folder>>>,
    problem: Mutex<Option<Problem>>,
    writes: Queue<WriteJob>,
    reads: Queue<ReadJob>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
pub(crate) struct DiskCounts {
    pub(crate) written: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) damaged: AtomicU64,
    pub(crate) evicted: AtomicU64,
}

#[derive(Debug)]
struct Problem {
    sentence: String,
    until: Instant,
}

/// What the writing thread does.
#[derive(Debug)]
pub(crate) enum WriteJob {
    Store {
        key: Key,
        entry: Entry,
    },
    /// The entry has a newer head than its file.
    Update {
        key: Key,
        record: Arc<Record>,
        entry: Entry,
    },
    /// The record has other flags.
    Change {
        key: Key,
        id: u64,
    },
    Remove {
        id: u64,
    },
    Flush(Arc<Flushed>),
}

/// What the reading threads do.
#[derive(Debug)]
pub(crate) enum ReadJob {
    Load {
        key: Key,
        records: Vec<Arc<Record>>,
        load: Arc<Load>,
    },
    Blocks {
        object: Arc<Object>,
        first: u64,
        count: u64,
        slot: Arc<ReadSlot>,
    },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// Opens the folder and reads its index. A folder that cannot be used gives an empty store that says so.
    pub(crate) fn open(settings: DiskSettings) -> (Arc<Disk>, IndexContents) {
        let opened = Folder::open(&settings.folder, settings.key.clone())
            .and_then(|folder| Ok((log::read_index(&folder)?, folder)));
        let disk = |folder: Option<Folder>, next_id| {
            Arc::new(Disk {
                limit: AtomicU64::new(settings.limit),
                settings,
                used: AtomicU64::new(0),
                entries: AtomicU64::new(0),
                record_memory: AtomicU64::new(0),
                next_id: AtomicU64::new(next_id),
                counts: DiskCounts::default(),
                folder: Mutex::new(folder.map(Arc::new)),
                problem: Mutex::new(None),
                writes: Queue::new(MOST_WRITES),
                reads: Queue::new(MOST_READS),
                threads: Mutex::new(Vec::new()),
            })
        };
        match opened {
            Ok((contents, folder)) => {
                let disk = disk(Some(folder), contents.next_id);
                disk.counts
                    .damaged
                    .fetch_add(contents.damaged, Ordering::Relaxed);
                (disk, contents)
            }
            Err(error) => {
                let disk = disk(None, 0);
                disk.failed("use", &error);
                (disk, IndexContents::default())
            }
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.settings.folder
    }

    pub(crate) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Whether it holds too much: bytes on disk, or records in `memory` bytes of memory.
    pub(crate) fn is_full(&self, memory: u64) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit.load(Ordering::Relaxed)
            || self.record_memory.load(Ordering::Relaxed) > memory
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// A record came into the index.
    pub(crate) fn added(&self, record: &Record) {
        self.used.fetch_add(record.disk_bytes(), Ordering::Relaxed);
        self.record_memory
            .fetch_add(record.memory_bytes(), Ordering::Relaxed);
        self.entries.fetch_add(1, Ordering::Relaxed);
    }

    /// A record left the index.
    pub(crate) fn removed(&self, record: &Record) {
        self.used.fetch_sub(record.disk_bytes(), Ordering::Relaxed);
        self.record_memory
            .fetch_sub(record.memory_bytes(), Ordering::Relaxed);
        self.entries.fetch_sub(1, Ordering::Relaxed);
    }

    /// Hands in an entry to be written.
    pub(crate) fn store(&self, key: Key, entry: &Entry) {
        let entry = entry.clone();
        if !self.writes.offer(WriteJob::Store { key, entry }) {
            self.counts.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands in a job that must not be lost.
    pub(crate) fn push(&self, job: WriteJob) {
        // Each object is removed once, and changed as often as somebody asks for it.
        self.writes.push(job);
    }

    /// Hands in a read. False where too many wait.
    pub(crate) fn read(&self, job: ReadJob) -> bool {
        self.reads.offer(job)
    }

    /// Starts its threads. `known` are the objects of the index; others of the same age are removed.
    pub(crate) fn start(self: &Arc<Self>, cache: &Weak<Cache>, known: HashSet<u64>) {
        match threads::start(self, cache, known) {
            Ok(threads) => lock(&self.threads).extend(threads),
            Err(error) => self.failed("use", &error),
        }
    }

    /// An object was evicted.
    pub(crate) fn evicted(&self) {
        self.counts.evicted.fetch_add(1, Ordering::Relaxed);
    }

    /// No more jobs come.
    pub(crate) fn close(&self) {
        self.writes.close();
        self.reads.close();
    }

    /// Waits until what was handed in is done, and lets go of the folder.
    pub(crate) fn join(&self) {
        self.close();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // One that panicked has ended as well.
            let _ = thread.join();
        }
        *lock(&self.folder) = None;
    }

    /// Notes a failure: writing pauses for a while.
    fn failed(&self, what: &str, error: &io::Error) {
        let folder = self.settings.folder.display();
        *lock(&self.problem) = Some(Problem {
            sentence: format!("The cache cannot {what} {folder}: {error}. It goes on in memory."),
            until: Instant::now() + PAUSE,
        });
    }

    fn is_paused(&self) -> bool {
        lock(&self.problem)
            .as_ref()
            .is_some_and(|problem| Instant::now() < problem.until)
    }

    fn works(&self) {
        *lock(&self.problem) = None;
    }

    pub(crate) fn stats(&self) -> DiskStats {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DiskStats {
            entries: count(&self.entries),
            bytes: count(&self.used),
            limit: count(&self.limit),
            written: count(&self.counts.written),
            skipped: count(&self.counts.skipped),
            damaged: count(&self.counts.damaged),
            evicted: count(&self.counts.evicted),
            problem: lock(&self.problem)
                .as_ref()
                .map(|problem| problem.sentence.clone()),
        }
    }
}

/// Tells when all that was handed in before it is done.
#[derive(Debug, Default)]
pub(crate) struct Flushed {
    /// Whether it is written, once that is known.
    written: Mutex<Option<bool>>,
    changed: Condvar,
}

impl Flushed {
    fn set(&self, written: bool) {
        *lock(&self.written) = Some(written);
        self.changed.notify_all();
    }

    /// Waits, and says whether it is written.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let written = lock(&self.written);
        let waited = self
            .changed
            .wait_timeout_while(written, at_most, |written| written.is_none());
        waited.is_ok_and(|(written, _)| *written == Some(true))
    }
}

/// The reading of a key's entries from disk, for which look-ups wait.
#[derive(Debug, Default)]
pub(crate) struct Load {
    state: Mutex<LoadState>,
}

#[derive(Debug, Default)]
struct LoadState {
    done: bool,
    wakers: Vec<Waker>,
}

impl Load {
    pub(crate) fn finish(&self) {
        let mut state = lock(&self.state);
        state.done = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.done {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Waits until a key's entries have been read from disk.
#[derive(Debug)]
pub struct Loading {
    load: Arc<Load>,
    turn: Option<Turn>,
}

impl Loading {
    pub(crate) fn new(load: Arc<Load>, turn: Turn) -> Loading {
        Loading {
            load,
            turn: Some(turn),
        }
    }

    /// Gives the turn with which to look up again.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        match self.load.poll(cx) {
            Poll::Ready(()) => Poll::Ready(self.give_up()),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The turn with which to look up again without what is on disk, because it takes too long.
    pub fn give_up(&mut self) -> Turn {
        Turn::Loaded(Box::new(self.turn.take().unwrap_or_default()))
    }
}

/// The secret of a disk store's keys: it has to be the same for as long as the entries live, so it lies beside them.
///
/// # Errors
///
/// Where the folder cannot be used; a cache in memory can have any secret.
pub fn key_secret(folder: &Path) -> io::Result<KeySecret> {
    files::create_folder(folder)?;
    let path = folder.join("secret");
    if let Ok(found) = std::fs::read(&path)
        && let Ok(secret) = <[u8; 16]>::try_from(found)
    {
        return Ok(KeySecret(secret));
    }
    let secret = seal::random::<16>()?;
    let new = folder.join("secret.new");
    let mut file = files::create_options().truncate(true).open(&new)?;
    file.write_all(&secret)?;
    file.sync_data()?;
    std::fs::rename(&new, &path)?;
    Ok(KeySecret(secret))
}
