//! The state of a disk store: its folder, its limits, what waits to be done.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::files::Folder;
use super::format::Record;
use super::log::{self, IndexContents};
use super::part_file::PartFiles;
use super::queue::{Queue, lock};
use super::read_job::ReadJob;
use super::seal::DiskKey;
use super::spill::Spill;
use super::write_job::WriteJob;
use crate::budget::{Budget, Pool};
use crate::entry::Entry;
use crate::key::Key;
use crate::parts::Parts;
use crate::rules::range::ByteRange;

/// Objects that may wait to be written.
const MOST_WRITES: usize = 256;
/// Reads that may wait.
const MOST_READS: usize = 1024;
/// How long writing pauses after it failed. Tests count what happens during a pause, however long they take.
const PAUSE: Duration = Duration::from_secs(if cfg!(test) { 3600 } else { 30 });

/// Parts of bodies may take this part of the disk.
const PARTS_PART: u64 = 4;

/// Where a cache keeps entries on disk.
#[derive(Debug, Clone)]
pub struct DiskSettings {
    /// A folder of its own. It is created for its user only.
    pub folder: PathBuf,
    /// The most bytes in it, where it shares them with no other cache.
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
    pub(super) settings: DiskSettings,
    /// Bytes of objects, and of bodies that arrive.
    budget: Budget,
    pub(super) entries: AtomicU64,
    /// Bytes of memory for the records of objects.
    record_memory: AtomicU64,
    pub(super) next_id: AtomicU64,
    pub(crate) counts: DiskCounts,
    pub(super) folder: Mutex<Option<Arc<Folder>>>,
    problem: Mutex<Option<Problem>>,
    pub(super) part_files: PartFiles,
    pub(super) writes: Queue<WriteJob>,
    pub(super) reads: Arc<Queue<ReadJob>>,
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
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

impl Drop for Disk {
    fn drop(&mut self) {
        // Others may have it.
        self.budget.release(self.budget.used());
    }
}

impl Disk {
    /// Opens the folder and reads its index. A folder that cannot be used gives an empty store that says so.
    pub(crate) fn open(settings: DiskSettings, pool: &Arc<Pool>) -> (Arc<Disk>, IndexContents) {
        let opened = Folder::open(&settings.folder, settings.key.clone())
            .and_then(|folder| Ok((log::read_index(&folder)?, folder)));
        let disk = |folder: Option<Folder>, next_id| {
            Arc::new(Disk {
                settings,
                budget: Budget::new(pool),
                entries: AtomicU64::new(0),
                record_memory: AtomicU64::new(0),
                next_id: AtomicU64::new(next_id),
                counts: DiskCounts::default(),
                folder: Mutex::new(folder.map(Arc::new)),
                problem: Mutex::new(None),
                part_files: PartFiles::default(),
                writes: Queue::new(MOST_WRITES),
                reads: Arc::new(Queue::new(MOST_READS)),
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

    /// What it shares with others.
    pub(crate) fn pool(&self) -> &Arc<Pool> {
        self.budget.pool()
    }

    /// Bytes on disk.
    pub(crate) fn used(&self) -> u64 {
        self.budget.used()
    }

    /// Whether its records take more than so many bytes of memory.
    pub(crate) fn has_many_records(&self, memory: u64) -> bool {
        self.record_memory.load(Ordering::Relaxed) > memory
    }

    pub(super) fn is_over_limit(&self) -> bool {
        !self.pool().has_room(0)
    }

    /// Bytes of a body that arrives are going to be written.
    pub(super) fn count_spilled(&self, spill: &Spill, bytes: u64) {
        spill.counted.fetch_add(bytes, Ordering::Relaxed);
        self.budget.force(bytes);
    }

    /// The body has arrived, or is not kept.
    pub(super) fn uncount_spilled(&self, spill: &Spill) {
        let bytes = spill.counted.swap(0, Ordering::Relaxed);
        self.budget.release(bytes);
    }

    pub(crate) fn limit(&self) -> u64 {
        self.budget.limit()
    }

    /// The most bytes of parts in files.
    pub(crate) fn most_of_parts(&self) -> u64 {
        self.limit() / PARTS_PART
    }

    /// A record came into the index.
    pub(crate) fn added(&self, record: &Record) {
        self.budget.force(record.disk_bytes());
        self.record_memory
            .fetch_add(record.memory_bytes(), Ordering::Relaxed);
        self.entries.fetch_add(1, Ordering::Relaxed);
    }

    /// A record left the index.
    pub(crate) fn removed(&self, record: &Record) {
        self.budget.release(record.disk_bytes());
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

    /// Hands in an entry whose file is to say more. Nothing is wrong where it does not.
    pub(crate) fn update(&self, record: Arc<Record>, entry: &Entry) {
        let entry = entry.clone();
        if !self.writes.offer(WriteJob::Update { record, entry }) {
            self.counts.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands in parts that are the whole.
    pub(crate) fn store_parts(&self, key: Key, entry: &Entry) {
        let entry = entry.clone();
        if !self.writes.offer(WriteJob::StoreParts { key, entry }) {
            self.counts.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands in a part of a body, to be in a file of its own.
    pub(crate) fn store_part(&self, key: Key, parts: &Parts, range: ByteRange) {
        let parts = parts.clone();
        if !self.writes.offer(WriteJob::StorePart { key, parts, range }) {
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
    pub(super) fn failed(&self, what: &str, error: &io::Error) {
        let folder = self.settings.folder.display();
        *lock(&self.problem) = Some(Problem {
            sentence: format!("The cache cannot {what} {folder}: {error}. It goes on in memory."),
            until: Instant::now() + PAUSE,
        });
    }

    pub(super) fn is_paused(&self) -> bool {
        lock(&self.problem)
            .as_ref()
            .is_some_and(|problem| Instant::now() < problem.until)
    }

    pub(super) fn works(&self) {
        *lock(&self.problem) = None;
    }

    pub(crate) fn stats(&self) -> DiskStats {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DiskStats {
            entries: count(&self.entries),
            bytes: self.used(),
            limit: self.limit(),
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
