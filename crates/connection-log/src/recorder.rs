//! Records what the live table reports: closed connections and counters by the minute. Runs on ticks, never on a
//! connection's thread.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use compact_str::{CompactString, format_compact};
use privet_policy::{App, Host};

use crate::closed::{ClosedConnection, DroppedRows};
use crate::connection::{CloseReason, Verdict, protocol_word};
use crate::group::GroupBy;
use crate::history::History;
use crate::minutes::{CounterKind, Counters, MINUTE, Minutes, OTHER};
use crate::row::{ConnectionRow, to_tenths};
use crate::settings::{Retention, Settings};
use crate::shard::Shard;
use crate::wipe_range::WipeRange;
use crate::writer::Writer;

/// Counters kept in memory: three hours at 20 keys a minute and kind, or what waits for the disk.
const MAX_CELLS: usize = 20_000;
/// Live rows copied at a time, so that no connection waits long for a shard's lock.
const WALK: usize = 512;
/// Shorter samples would turn single packets into speeds.
const SHORTEST_SAMPLE_MS: u64 = 50;
/// Closed rows sent to the writer at a time.
const ROWS_PER_BATCH: usize = 512;

pub(crate) struct Recorder {
    pub settings: Settings,
    pub closed: History,
    pub blocked: History,
    pub minutes: Minutes,
    pub writer: Option<Writer>,
    /// The mode keeps history.
    pub history: bool,
    /// Closed rows not yet sent to the writer.
    unwritten: Vec<ClosedConnection>,
    /// Rows missing from the history, because too many closed at once or the disk did not keep up.
    pub dropped_rows: u64,
    sampled: u64,
    written_minute: u64,
    walked: Vec<Arc<ConnectionRow>>,
    collected: Vec<ClosedConnection>,
    /// Figures that the minutes do not have yet; none between two calls.
    pending: Option<Usage>,
}

/// What connections with the same keys in the same minute used.
struct Usage {
    minute: u64,
    app: Option<Arc<App>>,
    host: Host,
    route: Arc<str>,
    verdict: Verdict,
    counters: Counters,
}

impl Usage {
    fn is_of(&self, row: &ConnectionRow, verdict: Verdict, minute: u64) -> bool {
        let same_app = match (&self.app, row.app()) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        };
        same_app
            && self.minute == minute
            && self.verdict == verdict
            && self.host == row.target().host
            && Arc::ptr_eq(&self.route, row.route())
    }
}

impl Recorder {
    pub fn new(settings: Settings, writer: Option<Writer>) -> Self {
        Self {
            closed: History::new(settings.history_rows, settings.history_bytes),
            blocked: History::new(settings.history_rows, settings.history_bytes),
            minutes: Minutes::new(MAX_CELLS),
            settings,
            writer,
            history: true,
            unwritten: Vec::new(),
            dropped_rows: 0,
            sampled: 0,
            written_minute: 0,
            walked: Vec::new(),
            collected: Vec::new(),
            pending: None,
        }
    }

    /// Samples every live row: sets speeds and the time of the last byte, and counts new bytes in the minute of `unix`.
    pub fn sample(&mut self, shards: &[Arc<Shard>], now: u64, unix: u64) {
        let span = now.saturating_sub(self.sampled);
        if span < SHORTEST_SAMPLE_MS {
            return;
        }
        self.sampled = now;
        self.walk(shards, |recorder, row| {
            let moved = take_moved(row);
            set_speeds(row, moved, span);
            if moved.up | moved.down != 0 {
                row.sample.changed.store(to_tenths(now), Relaxed);
            }
            recorder.record(row, row.verdict(), moved, unix);
        });
        self.count_pending();
    }

    /// Asks connections to close that transferred nothing for `limit` milliseconds. Returns how many.
    pub fn end_idle(&mut self, shards: &[Arc<Shard>], now: u64, limit: u64) -> usize {
        let mut ended = 0;
        self.walk(shards, |_, row| {
            let changed = u64::from(row.sample.changed.load(Relaxed)) * 100;
            let is_idle = now.saturating_sub(changed) >= limit;
            if is_idle && !row.idle_exempt.load(Relaxed) && row.cancelled().is_none() {
                row.cancel(CloseReason::Idle);
                ended += 1;
            }
        });
        ended
    }

    fn walk(&mut self, shards: &[Arc<Shard>], mut see: impl FnMut(&mut Self, &ConnectionRow)) {
        let mut some = std::mem::take(&mut self.walked);
        for shard in shards {
            let mut from = 0;
            loop {
                shard.copy_some(from, WALK, &mut some);
                let copied = some.len();
                for row in some.drain(..) {
                    see(self, &row);
                }
                if copied < WALK {
                    break;
                }
                from += copied;
            }
        }
        self.walked = some;
    }

    /// Records the connections that closed since the last call, and what the cache saved.
    pub fn collect(&mut self, shards: &[Arc<Shard>], unix: u64) {
        self.record_savings(shards, unix);
        let mut collected = std::mem::take(&mut self.collected);
        for shard in shards {
            let lost = shard.collect(&mut collected);
            self.record_dropped(lost, unix);
            for ended in collected.drain(..) {
                self.take_in(ended, unix);
            }
        }
        self.count_pending();
        self.collected = collected;
    }

    /// Whether anything is kept of a connection.
    fn records(&self) -> bool {
        self.history && self.settings.retention != Retention::None
    }

    fn take_in(&mut self, ended: ClosedConnection, unix: u64) {
        let mut moved = take_moved(&ended.row);
        moved.blocked = u64::from(ended.verdict == Verdict::Blocked);
        self.record(&ended.row, ended.verdict, moved, unix);
        if !self.records() {
            return;
        }
        log(&ended);
        if self.writer.is_some() {
            self.unwritten.push(ended.clone());
            if self.unwritten.len() >= ROWS_PER_BATCH {
                self.send_rows();
            }
        }
        if ended.verdict == Verdict::Blocked {
            self.blocked.push(ended);
        } else {
            self.closed.push(ended);
        }
    }

    /// Sends the counters to the writer once a minute.
    pub fn write_when_due(&mut self, unix: u64) {
        let minute = unix / MINUTE;
        if self.written_minute != minute {
            self.written_minute = minute;
            self.write();
        }
    }

    /// Sends everything that waits to the writer, as far as its queue has room.
    pub fn write(&mut self) {
        self.send_rows();
        let Some(writer) = &self.writer else {
            return;
        };
        if self.minutes.is_empty() {
            return;
        }
        if let Err(back) = writer.send_cells(self.minutes.take()) {
            for cell in back {
                self.minutes
                    .add(cell.minute, cell.by, &cell.key, cell.counters);
            }
        }
    }

    fn send_rows(&mut self) {
        let rows = std::mem::take(&mut self.unwritten);
        if let Some(writer) = self.writer.as_ref().filter(|_| !rows.is_empty()) {
            self.dropped_rows += writer.send_rows(rows);
        }
    }

    /// Removes what the range covers.
    pub fn wipe(&mut self, range: WipeRange) {
        self.closed.retain(|closed| !range.covers(closed.at));
        self.blocked.retain(|closed| !range.covers(closed.at));
        self.unwritten.retain(|closed| !range.covers(closed.at));
        self.minutes.remove(&range.minutes());
    }

    /// Removes history that closed before `since` (Unix milliseconds).
    pub fn forget_before(&mut self, since: u64) {
        self.closed.retain(|closed| closed.at >= since);
        self.blocked.retain(|closed| closed.at >= since);
    }

    fn record(&mut self, row: &ConnectionRow, verdict: Verdict, counters: Counters, unix: u64) {
        if counters.is_zero() || row.unrecorded || !self.records() {
            return;
        }
        let minute = unix / MINUTE;
        // Many connections in a row have the same keys: they are looked up once for all of them.
        match &mut self.pending {
            Some(usage) if usage.is_of(row, verdict, minute) => usage.counters.add(counters),
            _ => {
                self.count_pending();
                self.pending = Some(Usage {
                    minute,
                    app: row.app().cloned(),
                    host: row.target().host.clone(),
                    route: row.route().clone(),
                    verdict,
                    counters,
                });
            }
        }
    }

    /// Adds the counters that wait to the minutes. Call it after the last [`Self::record`].
    fn count_pending(&mut self) {
        let Some(usage) = self.pending.take() else {
            return;
        };
        let Usage {
            minute,
            verdict,
            counters,
            ..
        } = usage;
        let app = app_name(usage.app.as_ref());
        let domain = &*domain_of(&usage.host);
        self.minutes.add(minute, CounterKind::App, app, counters);
        self.minutes
            .add(minute, CounterKind::Domain, domain, counters);
        self.minutes
            .add(minute, CounterKind::Verdict, verdict.word(), counters);
        let was_open = !matches!(verdict, Verdict::Blocked | Verdict::Failed);
        let route: &str = if was_open { &usage.route } else { "(none)" };
        self.minutes
            .add(minute, CounterKind::Route, route, counters);
    }

    /// Counts what the cache saved for connections since the last call.
    fn record_savings(&mut self, shards: &[Arc<Shard>], unix: u64) {
        for shard in shards {
            for (row, sums) in shard.take_savings().into_values() {
                if !self.records() {
                    continue;
                }
                let (minute, counters) = (unix / MINUTE, Counters::from(sums));
                let (app, domain) = (app_name(row.app()), domain_of(&row.target().host));
                self.minutes
                    .add(minute, CounterKind::CacheAll, "", counters);
                self.minutes
                    .add(minute, CounterKind::CacheDomain, &domain, counters);
                self.minutes
                    .add(minute, CounterKind::CacheApp, app, counters);
            }
        }
    }

    fn record_dropped(&mut self, lost: DroppedRows, unix: u64) {
        self.dropped_rows += lost.rows;
        if !self.records() || lost == DroppedRows::default() {
            return;
        }
        let counters = Counters {
            up: lost.up,
            down: lost.down,
            connections: lost.connections,
            blocked: lost.blocked,
        };
        for (_, by) in GroupBy::ALL {
            self.minutes.add(unix / MINUTE, by.into(), OTHER, counters);
        }
    }
}

fn app_name(app: Option<&Arc<App>>) -> &str {
    app.map_or("(unknown)", |app| &*app.name)
}

fn domain_of(host: &Host) -> CompactString {
    match host {
        Host::Name(name) => name.as_str().into(),
        Host::Ip(ip) => format_compact!("{ip}"),
    }
}

/// Takes the bytes that were counted since the last sample.
fn take_moved(row: &ConnectionRow) -> Counters {
    let (up, down) = (row.up_bytes(), row.down_bytes());
    let sample = &row.sample;
    Counters {
        up: up.saturating_sub(sample.up.swap(up, Relaxed)),
        down: down.saturating_sub(sample.down.swap(down, Relaxed)),
        connections: u64::from(!row.counted.swap(true, Relaxed)),
        blocked: 0,
    }
}

fn set_speeds(row: &ConnectionRow, moved: Counters, span_ms: u64) {
    let speed = |bytes: u64| (bytes as f32 * 1000.0 / span_ms as f32).to_bits();
    row.sample.up_speed.store(speed(moved.up), Relaxed);
    row.sample.down_speed.store(speed(moved.down), Relaxed);
}

/// Logs a closed connection at level debug; only connections that the history keeps.
fn log(ended: &ClosedConnection) {
    let row = &ended.row;
    tracing::debug!(
        target: "privet::connection",
        protocol = protocol_word(row.protocol()),
        app = row.app().map(|app| &*app.name),
        route = &**row.route(),
        up = row.up_bytes(),
        down = row.down_bytes(),
        error = ended.error.as_deref(),
        "{}: {}",
        row.target(),
        ended.verdict.word(),
    );
}
