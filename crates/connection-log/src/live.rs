//! A connection's handle on its row of the live table.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::cached::CacheSaving;
use crate::connection::CloseReason;
use crate::requests::NewRequest;
use crate::row::{ConnectionRow, Phase};
use crate::shard::Shard;

/// The data plane's handle on an open connection. Dropping it closes the row as finished.
pub struct LiveConnection {
    row: Arc<ConnectionRow>,
    shard: Arc<Shard>,
}

impl LiveConnection {
    pub(crate) fn new(row: Arc<ConnectionRow>, shard: Arc<Shard>) -> Self {
        Self { row, shard }
    }

    pub fn row(&self) -> &Arc<ConnectionRow> {
        &self.row
    }

    /// Counts bytes from the client to the destination.
    pub fn up(&self, bytes: u64) {
        add(&self.row.up, bytes);
    }

    /// Counts bytes from the destination to the client.
    pub fn down(&self, bytes: u64) {
        add(&self.row.down, bytes);
    }

    /// Records how long opening took; `None` for a phase that did not happen on this machine.
    pub fn set_phases(
        &self,
        dns: Option<Duration>,
        connect: Option<Duration>,
        tls: Option<Duration>,
    ) {
        self.row.set_phase(Phase::Dns, dns.map(micros));
        self.row.set_phase(Phase::Connect, connect.map(micros));
        self.row.set_phase(Phase::Tls, tls.map(micros));
    }

    /// Records the time from the connection's opening to the first byte from the destination.
    pub fn first_byte(&self, after: Duration) {
        self.row.set_phase(Phase::FirstByte, Some(micros(after)));
    }

    /// Records the destination's address, where it is known (direct connections).
    pub fn set_remote(&self, remote: SocketAddr) {
        self.row.set_remote(remote.ip());
    }

    /// Another row counts the bytes of this connection, and ends it when it is idle.
    pub fn exempt_from_idle(&self) {
        self.row.idle_exempt.store(true, Ordering::Relaxed);
    }

    /// Counts one HTTP request.
    pub fn request(&self) {
        self.row.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what the cache did for a request that it was asked for.
    pub fn cache_used(&self, saving: CacheSaving) {
        self.shard.cache_used(&self.row, saving);
    }

    /// Whether [`LiveConnection::record_request`] keeps anything.
    pub fn records_requests(&self) -> bool {
        self.shard.requests.is_recording()
    }

    /// Records a request of this connection that ended.
    pub fn record_request(&self, request: &NewRequest<'_>) {
        let now = self.shard.unix_now();
        self.shard.requests.record(&self.row, now, request);
    }

    /// Ready once the connection was asked to close.
    pub fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.row.cancelled.load(Ordering::Acquire) != 0 {
            return Poll::Ready(());
        }
        self.row.waker.register(cx.waker());
        if self.row.cancelled.load(Ordering::Acquire) == 0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Closes the row. Where the connection was asked to close ([`ConnectionRow::cancel`]), that reason is recorded instead.
    pub fn close(self, reason: CloseReason, error: Option<String>) {
        self.end(reason, error);
    }

    /// As [`LiveConnection::close`], for an owner that drops it afterwards.
    pub fn end(&self, reason: CloseReason, error: Option<String>) {
        self.shard.close(&self.row, reason, error);
    }
}

impl Drop for LiveConnection {
    fn drop(&mut self) {
        self.shard.close(&self.row, CloseReason::Finished, None);
    }
}

/// Adds to a counter that only its connection writes, so that no locked instruction is needed.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
