//! The thread that writes the database. Its queue is bounded: a full or slow disk costs history, never a connection.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use privet_config::unix_time::unix_ms;

use crate::closed::ClosedConnection;
use crate::database::{Database, DatabaseError};
use crate::minutes::MinuteUsage;
use crate::wipe_range::WipeRange;

/// Commands that wait for the disk: at 512 rows each, a burst of 16,000 connections.
const QUEUE: usize = 32;
/// Counters kept while the disk refuses them.
const MAX_UNSAVED_CELLS: usize = 20_000;
/// How often old rows are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How long callers wait for the disk.
const DISK_TIMEOUT: Duration = Duration::from_secs(5);

enum Command {
    Rows(Vec<ClosedConnection>),
    Cells(Vec<MinuteUsage>),
    Keep(Duration),
    Wipe(WipeRange, SyncSender<()>),
    Flush(SyncSender<()>),
}

/// The recorder's handle on the writer. Dropping it lets the thread write what it has and end.
pub(crate) struct Writer {
    queue: SyncSender<Command>,
    pub file: PathBuf,
    problem: Arc<Mutex<Problems>>,
    thread: Option<JoinHandle<()>>,
}

/// Problems of the database to show.
#[derive(Debug, Default)]
struct Problems {
    /// A file was set aside; stays until the end.
    set_aside: Option<String>,
    /// A write failed; cleared by the next write that succeeds.
    disk: Option<String>,
}

impl Writer {
    /// Opens the database on the calling thread, deletes rows that are too old, and starts the writer.
    pub fn start(file: &Path, keep: Duration) -> Result<Self, DatabaseError> {
        let now = unix_ms(SystemTime::now());
        let (mut store, notice) = Database::open(file, now)?;
        store.forget_old(now, keep)?;
        let problem = Arc::new(Mutex::new(Problems {
            set_aside: notice,
            disk: None,
        }));
        let (queue, messages) = sync_channel(QUEUE);
        let thread = WriterThread {
            store,
            keep,
            unsaved: Vec::new(),
            forgotten: Some(Instant::now()),
            problem: problem.clone(),
        };
        let running = thread::Builder::new()
            .name("connection-log".to_owned())
            .spawn(move || thread.run(&messages))?;
        Ok(Self {
            queue,
            file: file.to_owned(),
            problem,
            thread: Some(running),
        })
    }

    /// Ends the writer and waits until it has closed the database. Every handle must be gone.
    pub fn close(self) {
        let Self { queue, thread, .. } = self;
        drop(queue);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Sends rows. Returns how many were dropped because the queue is full.
    pub fn send_rows(&self, rows: Vec<ClosedConnection>) -> u64 {
        match self.queue.try_send(Command::Rows(rows)) {
            Err(
                TrySendError::Full(Command::Rows(rows))
                | TrySendError::Disconnected(Command::Rows(rows)),
            ) => rows.len() as u64,
            _ => 0,
        }
    }

    /// Sends counters, or gives them back where the queue is full.
    pub fn send_cells(&self, cells: Vec<MinuteUsage>) -> Result<(), Vec<MinuteUsage>> {
        match self.queue.try_send(Command::Cells(cells)) {
            Err(
                TrySendError::Full(Command::Cells(cells))
                | TrySendError::Disconnected(Command::Cells(cells)),
            ) => Err(cells),
            _ => Ok(()),
        }
    }

    /// A handle for callers that wait for the disk. Use it without holding a lock.
    pub fn handle(&self) -> WriterHandle {
        WriterHandle(self.queue.clone())
    }

    pub fn problems(&self) -> Vec<String> {
        let problems = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        [&problems.set_aside, &problems.disk]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}

/// Sends commands and waits for the disk, up to [`DISK_TIMEOUT`].
pub(crate) struct WriterHandle(SyncSender<Command>);

impl WriterHandle {
    /// Waits until everything sent so far is on the disk. `false` where that took too long.
    pub fn flush(self) -> bool {
        ask(&self.0, Command::Flush)
    }

    /// Deletes what the range covers on the disk. `false` where that failed or took too long.
    pub fn wipe(self, range: WipeRange) -> bool {
        ask(&self.0, |done| Command::Wipe(range, done))
    }

    /// Changes the retention.
    pub fn keep(self, keep: Duration) {
        send_in_time(&self.0, Command::Keep(keep));
    }
}

fn ask(queue: &SyncSender<Command>, message: impl FnOnce(SyncSender<()>) -> Command) -> bool {
    let (done, answer) = sync_channel(1);
    send_in_time(queue, message(done)) && answer.recv_timeout(DISK_TIMEOUT).is_ok()
}

/// Waits for room in the queue; the standard library's channel has no such call.
fn send_in_time(queue: &SyncSender<Command>, mut message: Command) -> bool {
    let until = Instant::now() + DISK_TIMEOUT;
    loop {
        match queue.try_send(message) {
            Ok(()) => return true,
            Err(TrySendError::Full(back)) if Instant::now() < until => {
                message = back;
                thread::park_timeout(Duration::from_millis(5));
            }
            Err(_) => return false,
        }
    }
}

struct WriterThread {
    store: Database,
    keep: Duration,
    /// Counters that the disk refused.
    unsaved: Vec<MinuteUsage>,
    forgotten: Option<Instant>,
    problem: Arc<Mutex<Problems>>,
}

impl WriterThread {
    fn run(mut self, messages: &Receiver<Command>) {
        loop {
            self.forget_old_when_due();
            match messages.recv_timeout(FORGET_EVERY) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.write(&[], Vec::new());
    }

    fn take(&mut self, message: Command) {
        match message {
            Command::Rows(rows) => self.write(&rows, Vec::new()),
            Command::Cells(cells) => self.write(&[], cells),
            Command::Keep(keep) => {
                self.keep = keep;
                self.forgotten = None;
            }
            Command::Flush(done) => {
                self.write(&[], Vec::new());
                let _ = done.try_send(());
            }
            Command::Wipe(range, done) => {
                let minutes = range.minutes();
                self.unsaved.retain(|cell| !minutes.contains(&cell.minute));
                let wiped = self.store.wipe(range);
                if wiped.is_ok() {
                    let _ = done.try_send(());
                }
                self.note(wiped.map(|()| None));
            }
        }
    }

    fn write(&mut self, rows: &[ClosedConnection], cells: Vec<MinuteUsage>) {
        self.unsaved.extend(cells);
        if rows.is_empty() && self.unsaved.is_empty() {
            return;
        }
        let written = self
            .store
            .write(rows, &self.unsaved, unix_ms(SystemTime::now()));
        if written.is_ok() {
            self.unsaved = Vec::new();
        } else {
            let excess = self.unsaved.len().saturating_sub(MAX_UNSAVED_CELLS);
            self.unsaved.drain(..excess);
        }
        self.note(written);
    }

    fn forget_old_when_due(&mut self) {
        if self
            .forgotten
            .is_some_and(|last| last.elapsed() < FORGET_EVERY)
        {
            return;
        }
        self.forgotten = Some(Instant::now());
        let done = self.store.forget_old(unix_ms(SystemTime::now()), self.keep);
        if let Err(error) = done {
            self.note(Err(error));
        }
    }

    fn note(&self, outcome: Result<Option<String>, DatabaseError>) {
        let mut problems = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(notice) => {
                problems.disk = None;
                problems.set_aside = notice.or(problems.set_aside.take());
            }
            Err(error) => {
                problems.disk = Some(format!(
                    "statistics are not being written to disk: {error}; free space or check the folder's permissions"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minutes::CounterKind;
    use crate::minutes::Counters;

    fn cells(range: std::ops::Range<u64>) -> Vec<MinuteUsage> {
        range
            .map(|minute| MinuteUsage {
                minute: u64::from(u32::MAX) + minute,
                by: CounterKind::Domain,
                key: format!("{minute}.test").into(),
                counters: Counters {
                    connections: 1,
                    ..Counters::default()
                },
            })
            .collect()
    }

    fn thread(folder: &tempfile::TempDir) -> WriterThread {
        let (store, notice) =
            Database::open(&folder.path().join("connections.db"), 0).expect("a database");
        assert_eq!(notice, None);
        WriterThread {
            store,
            keep: Duration::MAX,
            unsaved: Vec::new(),
            forgotten: None,
            problem: Arc::default(),
        }
    }

    fn disk_problem(thread: &WriterThread) -> Option<String> {
        let problems = thread.problem.lock().expect("no panic");
        problems.disk.clone()
    }

    #[test]
    fn a_full_disk_is_reported_and_refused_counters_are_written_later() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut thread = thread(&folder);
        thread.store.limit_pages(8);
        thread.write(&[], cells(0..5_000));
        let problem = disk_problem(&thread).expect("the disk is full");
        assert!(problem.contains("full"), "{problem}");
        assert_eq!(thread.unsaved.len(), 5_000);
        thread.store.limit_pages(1_000_000);
        thread.write(&[], cells(5_000..5_001));
        assert_eq!(disk_problem(&thread), None);
        assert!(thread.unsaved.is_empty());
        assert_eq!(thread.store.count_minutes(), 5_001);
    }

    #[test]
    fn counters_that_wait_for_a_full_disk_are_bounded_and_the_newest_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut thread = thread(&folder);
        thread.store.limit_pages(8);
        for turn in 0..5 {
            thread.write(&[], cells(turn * 6_000..(turn + 1) * 6_000));
        }
        assert_eq!(thread.unsaved.len(), MAX_UNSAVED_CELLS);
        let newest = thread.unsaved.last().map(|cell| cell.key.clone());
        assert_eq!(newest.as_deref(), Some("29999.test"));
    }

    #[test]
    fn a_full_queue_returns_counters_and_counts_dropped_rows() {
        let (queue, _unread) = sync_channel(1);
        let writer = Writer {
            queue,
            file: PathBuf::new(),
            problem: Arc::default(),
            thread: None,
        };
        assert!(writer.send_cells(cells(0..1)).is_ok());
        assert_eq!(
            writer.send_cells(cells(0..3)).map_err(|back| back.len()),
            Err(3)
        );
    }
}
