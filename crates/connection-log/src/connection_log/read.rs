//! What readers ask of the connection log: pages of rows, single rows, usage, past connections.

use std::path::PathBuf;
use std::sync::Arc;

use privet_policy::{App, Listener, Protocol, Target, Why};

use super::ConnectionLog;
use crate::closed::ClosedConnection;
use crate::connection::Verdict;
use crate::database::{DatabaseError, read_ended, read_usage};
use crate::group::GroupBy;
use crate::minutes::{CacheGroup, CounterKind, MINUTE};
use crate::page::{Page, PageRequest, page};
use crate::query::Query;
use crate::recorder::Recorder;
use crate::usage::{CacheRow, UsageRow, UsageSteps};
use crate::view::{RowRef, RowState, RowView};

/// Past connections read by one replay.
pub const MAX_PAST_CONNECTIONS: usize = 100_000;

/// A past connection, with what a policy decides by.
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

#[derive(Debug, thiserror::Error)]
#[error("the statistics cannot be read: {0}")]
pub struct UsageError(String);

impl From<DatabaseError> for UsageError {
    fn from(error: DatabaseError) -> Self {
        Self(error.to_string())
    }
}

impl ConnectionLog {
    /// A page of rows.
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
        let mut recorder = self.recorder();
        recorder.collect(&self.0.shards, now);
        let history = if state == RowState::Blocked {
            &recorder.blocked
        } else {
            &recorder.closed
        };
        let entries = history
            .newest_first()
            .map(|ended| RowRef::of_ended(ended, now));
        page(entries, query, window)
    }

    /// One row, live or closed.
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
        let mut recorder = self.recorder();
        recorder.collect(&self.0.shards, now);
        let mut ended = recorder
            .closed
            .newest_first()
            .chain(recorder.blocked.newest_first());
        ended
            .find(|ended| ended.row.id == id)
            .map(|ended| RowRef::of_ended(ended, now).view())
    }

    /// Usage by program, domain, route or verdict between two times (Unix milliseconds, rounded to whole minutes; `to` is
    /// excluded), in steps of `step` milliseconds; 0 is one step over the whole range. Blocks on the disk.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn usage(
        &self,
        by: GroupBy,
        from: u64,
        to: u64,
        step: u64,
    ) -> Result<Vec<UsageRow>, UsageError> {
        self.counted(by.into(), from, to, step)
    }

    /// What the cache saved between two times, as [`ConnectionLog::usage`]. Blocks on the disk.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn cache_savings(
        &self,
        by: CacheGroup,
        from: u64,
        to: u64,
        step: u64,
    ) -> Result<Vec<CacheRow>, UsageError> {
        let rows = self.counted(by.into(), from, to, step)?;
        Ok(rows.into_iter().map(CacheRow::from).collect())
    }

    fn counted(
        &self,
        kind: CounterKind,
        from: u64,
        to: u64,
        step: u64,
    ) -> Result<Vec<UsageRow>, UsageError> {
        self.flush();
        let range = (from / MINUTE, to.div_ceil(MINUTE));
        let mut steps = UsageSteps::new(from, step);
        let file = {
            let recorder = self.recorder();
            for (minute, key, figures) in recorder.minutes.range(kind, range.0, range.1) {
                steps.add(minute, key, figures);
            }
            recorder.writer.as_ref().map(|writer| writer.file.clone())
        };
        if let Some(file) = file {
            read_usage(&file, kind, range, &mut steps)?;
        }
        Ok(steps.rows())
    }

    /// Connections that closed at `since` (Unix milliseconds) or later, oldest first; at most the newest
    /// [`MAX_PAST_CONNECTIONS`]. Blocks on the disk.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn past_connections(
        &self,
        since: u64,
    ) -> Result<impl Iterator<Item = PastConnection>, UsageError> {
        self.flush();
        let (file, mut rows) = {
            let recorder = self.recorder();
            let file: Option<PathBuf> = recorder.writer.as_ref().map(|writer| writer.file.clone());
            let rows = if file.is_some() {
                Vec::new()
            } else {
                in_memory(&recorder, since)
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
}

fn in_memory(recorder: &Recorder, since: u64) -> Vec<ClosedConnection> {
    let mut rows: Vec<ClosedConnection> = recorder
        .closed
        .oldest_first()
        .chain(recorder.blocked.oldest_first())
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
