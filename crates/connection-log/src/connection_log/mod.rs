//! The connection log of one engine: written by the data plane, read by the control API.

mod cancel;
pub mod read;
mod requests;
mod settings_change;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::clock::Clock;
use crate::connection::{CloseReason, NewConnection};
use crate::live::LiveConnection;
use crate::recorder::Recorder;
use crate::requests::RequestRing;
use crate::row::ConnectionRow;
use crate::settings::{Retention, Settings};
use crate::shard::Shard;
use crate::shard_number::{SHARDS, of_this_thread};
use crate::storage::{load, start_writer};
use crate::totals::Totals;
use crate::wipe_range::WipeRange;
use crate::writer::Writer;

/// Live table, history and usage of one engine. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionLog(Arc<Inner>);

struct Inner {
    clock: Clock,
    shards: Box<[Arc<Shard>]>,
    recording: Arc<AtomicBool>,
    recorder: Mutex<Recorder>,
    /// Why the database could not be opened.
    problem: Mutex<Option<String>>,
}

impl Default for ConnectionLog {
    fn default() -> Self {
        Self::start(Settings::default())
    }
}

impl ConnectionLog {
    /// Opens the log, and the database where the retention asks for one. Where the database cannot be opened, the log is
    /// kept in memory and [`ConnectionLog::problems`] says why. Blocks while the database is read.
    pub fn start(settings: Settings) -> Self {
        Self::with_clock(settings, Clock::default())
    }

    /// As [`ConnectionLog::start`], with the caller's clock.
    pub fn with_clock(settings: Settings, clock: Clock) -> Self {
        let recording = Arc::new(AtomicBool::new(settings.retention != Retention::None));
        let shards = (0..SHARDS)
            .map(|number| Arc::new(Shard::new(number, clock.clone(), recording.clone())))
            .collect();
        let mut problem = None;
        let writer = start_writer(&settings, &mut problem);
        let mut recorder = Recorder::new(settings, writer);
        load(&mut recorder, &mut problem);
        Self(Arc::new(Inner {
            clock,
            shards,
            recording,
            recorder: Mutex::new(recorder),
            problem: Mutex::new(problem),
        }))
    }

    /// Opens a row in the calling thread's shard.
    pub fn open(&self, opening: NewConnection) -> LiveConnection {
        let shard = &self.0.shards[of_this_thread()];
        LiveConnection::new(shard.open(opening), shard.clone())
    }

    pub(crate) fn request_rings(&self) -> impl Iterator<Item = &RequestRing> {
        self.0.shards.iter().map(|shard| &shard.requests)
    }

    /// Records a connection that was never opened: it was blocked, or its dial failed. Its row, where connections are
    /// recorded at all.
    pub fn record_refused(
        &self,
        opening: NewConnection,
        end: CloseReason,
        error: Option<String>,
    ) -> Option<Arc<ConnectionRow>> {
        self.0.shards[of_this_thread()].refuse(opening, end, error)
    }

    /// The open connections.
    pub fn live_rows(&self) -> Vec<Arc<ConnectionRow>> {
        let mut rows = Vec::new();
        for shard in &self.0.shards {
            shard.copy_live(&mut rows);
        }
        rows
    }

    /// Adopts the wall clock where it was set or the machine slept. Every tick does this too.
    pub fn follow_wall_clock(&self) {
        self.0.clock.follow(SystemTime::now());
    }

    /// Collects closed rows, samples speeds, counts transferred bytes, and sends each finished minute to the disk.
    /// Call it once a second while connections are open, and four times a second while speeds are displayed.
    pub fn tick(&self, now: Instant) {
        self.follow_wall_clock();
        let now = self.0.clock.of(now);
        let unix = self.0.clock.unix(now);
        let mut recorder = self.recorder();
        recorder.sample(&self.0.shards, now, unix);
        recorder.collect(&self.0.shards, unix);
        recorder.write_when_due(unix);
    }

    /// Closes connections that transferred nothing for `limit`. Returns how many.
    pub fn close_idle(&self, now: Instant, limit: Duration) -> usize {
        let now = self.0.clock.of(now);
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let mut recorder = self.recorder();
        recorder.sample(&self.0.shards, now, self.0.clock.unix(now));
        recorder.end_idle(&self.0.shards, now, limit)
    }

    /// Counters since the start.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for shard in &self.0.shards {
            shard.add_totals(&mut totals);
        }
        totals
    }

    /// Deletes history and usage in a range, in memory and on disk, files that were set aside included. Open connections and
    /// totals since the start stay. `false` where the disk refused or did not answer in time. Blocks on the disk.
    pub fn wipe(&self, range: WipeRange) -> bool {
        for ring in self.request_rings() {
            ring.wipe(range);
        }
        let disk = {
            let mut recorder = self.recorder();
            recorder.collect(&self.0.shards, self.unix_now());
            recorder.wipe(range);
            recorder.writer.as_ref().map(Writer::handle)
        };
        disk.is_none_or(|disk| disk.wipe(range))
    }

    /// Writes everything to the disk, at exit and before usage is read. `false` where the disk did not answer in time.
    pub fn flush(&self) -> bool {
        let disk = {
            let mut recorder = self.recorder();
            let now = self.0.clock.now();
            let unix = self.0.clock.unix(now);
            recorder.sample(&self.0.shards, now, unix);
            recorder.collect(&self.0.shards, unix);
            recorder.write();
            recorder.writer.as_ref().map(Writer::handle)
        };
        disk.is_none_or(|disk| disk.flush())
    }

    /// Problems to show: a database that was set aside, a disk that refuses writes.
    pub fn problems(&self) -> Vec<String> {
        let opening = lock(&self.0.problem).clone();
        let recorder = self.recorder();
        let writing = recorder.writer.as_ref().map(Writer::problems);
        opening
            .into_iter()
            .chain(writing.into_iter().flatten())
            .collect()
    }

    /// Rows missing from the history, because too many closed at once or the disk did not keep up.
    pub fn dropped_rows(&self) -> u64 {
        self.recorder().dropped_rows
    }

    fn unix_now(&self) -> u64 {
        self.0.clock.unix(self.0.clock.now())
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        lock(&self.0.recorder)
    }
}

/// Ignores poisoning: the values are consistent after a panic of a holder.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
