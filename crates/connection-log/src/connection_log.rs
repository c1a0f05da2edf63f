//! The books of one engine, as the data plane writes them and control reads them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use privet_policy::{App, Listener, Protocol, Target, Why};

use crate::clock::Clock;
use crate::connection::{CloseReason, NewConnection, Verdict};
use crate::live::{ConnectionRow, LiveConnection};
use crate::minutes::{MINUTE, Steps, UsageRow};
use crate::page::{GroupBy, Page, PageRequest, page};
use crate::query::Query;
use crate::recorder::Recorder;
use crate::settings::{Retention, Settings};
use crate::shard::{ClosedConnection, SHARDS, Shard, of_this_thread};
use crate::store::{StoreError, read_ended, read_usage};
use crate::totals::Totals;
use crate::view::{RowRef, RowState, RowView};
use crate::writer::{Waiter, Writer};

/// Past connections that one replay reads.
pub const MAX_PAST_CONNECTIONS: usize = 100_000;

/// All books of one engine. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionLog(Arc<Inner>);

struct Inner {
    clock: Clock,
    shards: Box<[Arc<Shard>]>,
    keeps: Arc<AtomicBool>,
    books: Mutex<Recorder>,
    /// Why the database could not be opened.
    problem: Mutex<Option<String>>,
}

/// A past connection, as far as a changed policy has to know it.
#[derive(Debug, Clone)]
pub struct PastConnection {
    /// Unix milliseconds.
    pub started: u64,
    pub listener: Listener,
    pub client: std::net::SocketAddr,
    pub protocol: Protocol,
    pub user: Option<Arc<str>>,
    pub app: Option<Arc<App>>,
    pub target: Target,
    pub verdict: Verdict,
    pub route: Arc<str>,
    pub why: Why,
}

/// The statistics could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the statistics cannot be read: {0}")]
pub struct UsageError(String);

impl From<StoreError> for UsageError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl Default for ConnectionLog {
    fn default() -> Self {
        Self::start(Settings::default())
    }
}

impl ConnectionLog {
    /// Opens the books, and the database where the retention asks for one. What went wrong with it is in
    /// [`ConnectionLog::problems`]; the connection log then keeps its books in memory. Blocks while the database is read.
    pub fn start(settings: Settings) -> Self {
        Self::with_clock(settings, Clock::default())
    }

    /// The same with a clock of the caller's.
    pub fn with_clock(settings: Settings, clock: Clock) -> Self {
        let keeps = Arc::new(AtomicBool::new(settings.retention != Retention::None));
        let shards = (0..SHARDS)
            .map(|number| Arc::new(Shard::new(number, clock.clone(), keeps.clone())))
            .collect();
        let mut problem = None;
        let writer = start_writer(&settings, &mut problem);
        let mut books = Recorder::new(settings, writer);
        load(&mut books, &mut problem);
        Self(Arc::new(Inner {
            clock,
            shards,
            keeps,
            books: Mutex::new(books),
            problem: Mutex::new(problem),
        }))
    }

    /// Takes new settings. What they no longer allow to be remembered is forgotten at once, on disk too.
    /// Blocks on the disk: not for a runtime's thread.
    pub fn reconfigure(&self, settings: Settings) {
        let keeps = settings.retention != Retention::None;
        self.0.keeps.store(keeps, Ordering::Relaxed);
        if let Some(stays) = self.writer_for(&settings) {
            if let Retention::Disk(keep) = settings.retention {
                stays.keep(keep);
            }
        } else {
            self.change_writer(&settings);
        }
        let mut books = self.books();
        if !keeps {
            books.clear();
        }
        let (rows, bytes) = (settings.history_rows, settings.history_bytes);
        books.closed.resize(rows, bytes);
        books.blocked.resize(rows, bytes);
        books.settings = settings;
    }

    /// The writer's line, where it serves the new settings as well.
    fn writer_for(&self, settings: &Settings) -> Option<Waiter> {
        let books = self.books();
        let same_file = settings.file == books.settings.file;
        let on_disk = matches!(settings.retention, Retention::Disk(_));
        let writer = books.writer.as_ref().filter(|_| same_file && on_disk);
        writer.map(Writer::waiter)
    }

    /// Ends the writer that is, and empties its file where rows may no longer be on the disk; starts another where the
    /// settings ask for one. The disk is waited for without the lock: ticks go on.
    fn change_writer(&self, settings: &Settings) {
        let former = {
            let mut books = self.books();
            books.write();
            books.writer.take()
        };
        if let Some(former) = former {
            if matches!(settings.retention, Retention::Disk(_)) {
                former.waiter().flush();
            } else {
                former.waiter().wipe();
            }
        }
        let mut problem = None;
        let writer = start_writer(settings, &mut problem);
        self.books().writer = writer;
        *lock(&self.0.problem) = problem;
    }

    /// Opens a row on the calling thread.
    pub fn open(&self, opening: NewConnection) -> LiveConnection {
        let shard = &self.0.shards[of_this_thread()];
        LiveConnection::new(shard.open(opening), shard.clone())
    }

    /// A connection that never stood: blocked, or its dial failed.
    pub fn record_refused(&self, opening: NewConnection, end: CloseReason, error: Option<String>) {
        self.0.shards[of_this_thread()].refuse(opening, end, error);
    }

    /// The rows that stand now.
    pub fn live_rows(&self) -> Vec<Arc<ConnectionRow>> {
        let mut rows = Vec::new();
        for shard in &self.0.shards {
            shard.copy_live(&mut rows);
        }
        rows
    }

    /// Takes in what ended, measures speeds, books what moved, and hands the minutes to the disk when one is over.
    /// To be called each second, and four times a second while somebody looks at speeds.
    pub fn tick(&self, now: Instant) {
        self.0.clock.follow(SystemTime::now());
        let now = self.0.clock.of(now);
        let unix = self.0.clock.unix(now);
        let mut books = self.books();
        books.sample(&self.0.shards, now, unix);
        books.collect(&self.0.shards, unix);
        books.write_when_due(unix);
    }

    /// Asks rows to close on which no byte moved for `limit`, as far as ticks saw; to be called at least each
    /// `limit` / 8. How many were asked.
    pub fn close_idle(&self, now: Instant, limit: Duration) -> usize {
        let now = self.0.clock.of(now);
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let mut books = self.books();
        books.sample(&self.0.shards, now, self.0.clock.unix(now));
        books.end_idle(&self.0.shards, now, limit)
    }

    /// Asks one row to close; whether it stands.
    pub fn cancel(&self, id: u64, why: CloseReason) -> bool {
        let row = self.0.shards.iter().find_map(|shard| shard.find(id));
        row.map(|row| row.cancel(why)).is_some()
    }

    /// Asks all rows to close for which the test holds; how many.
    pub fn cancel_where(&self, test: impl Fn(&ConnectionRow) -> bool, why: CloseReason) -> usize {
        let mut rows = self.live_rows();
        rows.retain(|row| test(row));
        for row in &rows {
            row.cancel(why);
        }
        rows.len()
    }

    /// Asks all rows to close that match a query; how many.
    pub fn cancel_matching(&self, query: &Query, why: CloseReason) -> usize {
        let now = self.unix_now();
        self.cancel_where(
            |row| {
                query.matches(&RowRef {
                    row,
                    ended: None,
                    now,
                })
            },
            why,
        )
    }

    /// Asks every row to close; how many.
    pub fn cancel_all(&self, why: CloseReason) -> usize {
        self.cancel_where(|_| true, why)
    }

    /// A window of rows.
    pub fn page(&self, state: RowState, query: &Query, window: &PageRequest) -> Page {
        let now = self.unix_now();
        if state == RowState::Active {
            let rows = self.live_rows();
            let entries = rows.iter().map(|row| RowRef {
                row,
                ended: None,
                now,
            });
            return page(entries, query, window);
        }
        let mut books = self.books();
        books.collect(&self.0.shards, now);
        let history = if state == RowState::Blocked {
            &books.blocked
        } else {
            &books.closed
        };
        let entries = history
            .newest_first()
            .map(|ended| RowRef::of_ended(ended, now));
        page(entries, query, window)
    }

    /// One row, standing or ended.
    pub fn row(&self, id: u64) -> Option<RowView> {
        let now = self.unix_now();
        if let Some(row) = self.0.shards.iter().find_map(|shard| shard.find(id)) {
            let entry = RowRef {
                row: &row,
                ended: None,
                now,
            };
            return Some(entry.view());
        }
        let mut books = self.books();
        books.collect(&self.0.shards, now);
        let mut ended = books
            .closed
            .newest_first()
            .chain(books.blocked.newest_first());
        ended
            .find(|ended| ended.row.id == id)
            .map(|ended| RowRef::of_ended(ended, now).view())
    }

    /// Figures since the start.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for shard in &self.0.shards {
            shard.add_totals(&mut totals);
        }
        totals
    }

    /// What moved by app, domain, route or verdict, from one time to before another (Unix milliseconds, whole minutes),
    /// in steps of so many milliseconds; 0 is one step over all. Waits for the disk: not for a runtime's thread.
    pub fn usage(
        &self,
        by: GroupBy,
        from: u64,
        to: u64,
        step: u64,
    ) -> Result<Vec<UsageRow>, UsageError> {
        self.flush();
        let range = (from / MINUTE, to.div_ceil(MINUTE));
        let mut steps = Steps::new(from, step);
        let file = {
            let books = self.books();
            for (minute, key, figures) in books.minutes.range(by, range.0, range.1) {
                steps.add(minute, key, figures);
            }
            books.writer.as_ref().map(|writer| writer.file.clone())
        };
        if let Some(file) = file {
            read_usage(&file, by, range, &mut steps)?;
        }
        Ok(steps.rows())
    }

    /// Past connections since a time (Unix milliseconds), oldest first, at most [`MAX_PAST_CONNECTIONS`] of the newest.
    /// Waits for the disk: not for a runtime's thread.
    pub fn past_connections(
        &self,
        since: u64,
    ) -> Result<impl Iterator<Item = PastConnection>, UsageError> {
        self.flush();
        let (file, mut rows) = {
            let books = self.books();
            let file: Option<PathBuf> = books.writer.as_ref().map(|writer| writer.file.clone());
            let rows = if file.is_some() {
                Vec::new()
            } else {
                in_memory(&books, since)
            };
            (file, rows)
        };
        if let Some(file) = file {
            let mut texts = Vec::new();
            rows = read_ended(&file, since, MAX_PAST_CONNECTIONS)?
                .into_iter()
                .map(|stored| stored.into_ended(&mut texts))
                .collect();
        }
        Ok(rows.into_iter().map(|ended| past_connection(&ended)))
    }

    /// Deletes histories and totals, in memory and on disk; whether the disk did it in time.
    pub fn wipe(&self) -> bool {
        let disk = {
            let mut books = self.books();
            books.collect(&self.0.shards, self.unix_now());
            books.clear();
            books.writer.as_ref().map(Writer::waiter)
        };
        disk.is_none_or(|disk| disk.wipe())
    }

    /// Writes all that is known to the disk; whether the disk took it in time. At exit, and before statistics are read.
    pub fn flush(&self) -> bool {
        let disk = {
            let mut books = self.books();
            let now = self.0.clock.now();
            let unix = self.0.clock.unix(now);
            books.sample(&self.0.shards, now, unix);
            books.collect(&self.0.shards, unix);
            books.write();
            books.writer.as_ref().map(Writer::waiter)
        };
        disk.is_none_or(|disk| disk.flush())
    }

    /// What a person should know of: a database set aside, a disk that takes nothing.
    pub fn problems(&self) -> Vec<String> {
        let opening = lock(&self.0.problem).clone();
        let books = self.books();
        let writing = books.writer.as_ref().map(Writer::problems);
        opening
            .into_iter()
            .chain(writing.into_iter().flatten())
            .collect()
    }

    /// Rows that no history saw, because too many ended at once or the disk did not keep up.
    pub fn dropped_rows(&self) -> u64 {
        self.books().dropped_rows
    }

    fn unix_now(&self) -> u64 {
        self.0.clock.unix(self.0.clock.now())
    }

    fn books(&self) -> MutexGuard<'_, Recorder> {
        lock(&self.0.books)
    }
}

/// A holder that panicked left values that are still whole: go on with them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start_writer(settings: &Settings, problem: &mut Option<String>) -> Option<Writer> {
    let (Retention::Disk(keep), Some(file)) = (settings.retention, &settings.file) else {
        return None;
    };
    match Writer::start(file, keep) {
        Ok(writer) => Some(writer),
        Err(error) => {
            *problem = Some(format!(
                "statistics are kept in memory only: {} cannot be opened: {error}",
                file.display()
            ));
            None
        }
    }
}

/// Fills the histories with what earlier runs left.
fn load(books: &mut Recorder, problem: &mut Option<String>) {
    let Some(file) = books.writer.as_ref().map(|writer| writer.file.clone()) else {
        return;
    };
    match read_ended(&file, 0, books.settings.history_rows) {
        Ok(rows) => {
            let mut texts = Vec::new();
            for ended in rows.into_iter().map(|row| row.into_ended(&mut texts)) {
                if ended.verdict == Verdict::Blocked {
                    books.blocked.push(ended);
                } else {
                    books.closed.push(ended);
                }
            }
        }
        Err(error) => *problem = Some(format!("earlier connections cannot be shown: {error}")),
    }
}

fn in_memory(books: &Recorder, since: u64) -> Vec<ClosedConnection> {
    let mut rows: Vec<ClosedConnection> = books
        .closed
        .oldest_first()
        .chain(books.blocked.oldest_first())
        .filter(|ended| ended.at >= since)
        .cloned()
        .collect();
    rows.sort_by_key(|ended| ended.at);
    rows
}

fn past_connection(ended: &ClosedConnection) -> PastConnection {
    let opening = ended.row.opening();
    PastConnection {
        started: ended.row.started,
        listener: opening.listener,
        client: opening.client,
        protocol: opening.protocol,
        user: opening.user,
        app: opening.app,
        target: opening.target,
        verdict: ended.verdict,
        route: opening.route,
        why: opening.why,
    }
}
