//! What is kept beside the live table: the histories and the minutes. Written by whoever ticks, never by the data
//! plane.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use privet_policy::Host;

use crate::connection::{CloseReason, Verdict, protocol_word};
use crate::history::History;
use crate::live::{ConnectionRow, tenths};
use crate::minutes::{Figures, MINUTE, Minutes, OTHER, PRIVATE};
use crate::page::GroupBy;
use crate::settings::{Retention, Settings};
use crate::shard::{ClosedConnection, DroppedRows, Shard};
use crate::writer::Writer;

/// Minute cells kept in memory: with 20 names a minute, three hours; what waits for the disk otherwise.
const MOST_CELLS: usize = 20_000;
/// LiveConnection rows that a walk copies at a time, so that no connection waits for a long one.
const WALK: usize = 512;
/// Samples nearer than this would turn single packets into speeds.
const SHORTEST_SAMPLE_MS: u64 = 50;
/// Closed rows sent to the disk at a time.
const ROWS_PER_BATCH: usize = 512;

pub(crate) struct Recorder {
    pub settings: Settings,
    pub closed: History,
    pub blocked: History,
    pub minutes: Minutes,
    pub writer: Option<Writer>,
    /// Closed rows on their way to the disk.
    unwritten: Vec<ClosedConnection>,
    /// Rows that no history saw because too many ended at once, or the disk did not keep up.
    pub dropped_rows: u64,
    sampled: u64,
    written_minute: u64,
    walked: Vec<Arc<ConnectionRow>>,
    collected: Vec<ClosedConnection>,
}

impl Recorder {
    pub fn new(settings: Settings, writer: Option<Writer>) -> Self {
        Self {
            closed: History::new(settings.history_rows, settings.history_bytes),
            blocked: History::new(settings.history_rows, settings.history_bytes),
            minutes: Minutes::new(MOST_CELLS),
            settings,
            writer,
            unwritten: Vec::new(),
            dropped_rows: 0,
            sampled: 0,
            written_minute: 0,
            walked: Vec::new(),
            collected: Vec::new(),
        }
    }

    /// Looks at every live row: speeds, idleness, and what moved since, booked to the minute of `unix`.
    pub fn sample(&mut self, shards: &[Arc<Shard>], now: u64, unix: u64) {
        let span = now.saturating_sub(self.sampled);
        if span < SHORTEST_SAMPLE_MS {
            return;
        }
        self.sampled = now;
        self.walk(shards, |books, row| {
            let moved = take_moved(row);
            set_speeds(row, moved, span);
            if moved.up | moved.down != 0 {
                row.sample.changed.store(tenths(now), Relaxed);
            }
            books.book(row, row.verdict(), moved, unix);
        });
    }

    /// Asks rows to close on which nothing moved for `limit` milliseconds.
    pub fn end_idle(&mut self, shards: &[Arc<Shard>], now: u64, limit: u64) -> usize {
        let mut ended = 0;
        self.walk(shards, |_, row| {
            let changed = u64::from(row.sample.changed.load(Relaxed)) * 100;
            if now.saturating_sub(changed) >= limit && row.cancelled().is_none() {
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

    /// Takes in what ended since the last call.
    pub fn collect(&mut self, shards: &[Arc<Shard>], unix: u64) {
        let mut collected = std::mem::take(&mut self.collected);
        for shard in shards {
            let lost = shard.collect(&mut collected);
            self.book_lost(lost, unix);
            for ended in collected.drain(..) {
                self.take_in(ended, unix);
            }
        }
        self.collected = collected;
    }

    fn take_in(&mut self, ended: ClosedConnection, unix: u64) {
        let mut moved = take_moved(&ended.row);
        moved.blocked = u64::from(ended.verdict == Verdict::Blocked);
        self.book(&ended.row, ended.verdict, moved, unix);
        if self.settings.retention == Retention::None
            || self.settings.is_private(&ended.row.target().host)
        {
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

    /// Sends the minutes on once a minute.
    pub fn write_when_due(&mut self, unix: u64) {
        let minute = unix / MINUTE;
        if self.written_minute != minute {
            self.written_minute = minute;
            self.write();
        }
    }

    /// Sends all that waits to the disk, as far as its queue takes it.
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
                    .add(cell.minute, cell.by, &cell.key, cell.figures);
            }
        }
    }

    fn send_rows(&mut self) {
        let rows = std::mem::take(&mut self.unwritten);
        if let Some(writer) = self.writer.as_ref().filter(|_| !rows.is_empty()) {
            self.dropped_rows += writer.send_rows(rows);
        }
    }

    /// Forgets all that is remembered.
    pub fn clear(&mut self) {
        self.closed.clear();
        self.blocked.clear();
        self.minutes = Minutes::new(MOST_CELLS);
        self.unwritten.clear();
    }

    fn book(&mut self, row: &ConnectionRow, verdict: Verdict, figures: Figures, unix: u64) {
        if figures.is_zero() || self.settings.retention == Retention::None {
            return;
        }
        let minute = unix / MINUTE;
        let app = row.app().map_or("(unknown)", |app| &*app.name);
        let domain: Cow<'_, str> = match &row.target().host {
            host if self.settings.is_private(host) => PRIVATE.into(),
            Host::Name(name) => self.settings.domain(name).into(),
            Host::Ip(ip) => ip.to_string().into(),
        };
        self.minutes.add(minute, GroupBy::App, app, figures);
        self.minutes.add(minute, GroupBy::Domain, &domain, figures);
        self.minutes
            .add(minute, GroupBy::Verdict, verdict.word(), figures);
        let stood = !matches!(verdict, Verdict::Blocked | Verdict::Failed);
        let route: &str = if stood { row.route() } else { "(none)" };
        self.minutes.add(minute, GroupBy::Route, route, figures);
    }

    fn book_lost(&mut self, lost: DroppedRows, unix: u64) {
        self.dropped_rows += lost.rows;
        if self.settings.retention == Retention::None || lost == DroppedRows::default() {
            return;
        }
        let figures = Figures {
            up: lost.up,
            down: lost.down,
            connections: lost.connections,
            blocked: lost.blocked,
        };
        for (_, by) in GroupBy::ALL {
            self.minutes.add(unix / MINUTE, by, OTHER, figures);
        }
    }
}

/// What moved on a row since it was last seen; a row seen for the first time counts as a connection.
fn take_moved(row: &ConnectionRow) -> Figures {
    let (up, down) = (row.up_bytes(), row.down_bytes());
    let sample = &row.sample;
    Figures {
        up: up.saturating_sub(sample.up.swap(up, Relaxed)),
        down: down.saturating_sub(sample.down.swap(down, Relaxed)),
        connections: u64::from(!row.counted.swap(true, Relaxed)),
        blocked: 0,
    }
}

fn set_speeds(row: &ConnectionRow, moved: Figures, span_ms: u64) {
    let speed = |bytes: u64| (bytes as f32 * 1000.0 / span_ms as f32).to_bits();
    row.sample.up_speed.store(speed(moved.up), Relaxed);
    row.sample.down_speed.store(speed(moved.down), Relaxed);
}

/// A line at level debug for what ended, of the same connections as the history keeps.
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
