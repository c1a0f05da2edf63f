//! The live table: rows that stand now. The thin first version; one shard.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use crate::{End, Opening};

/// All books of one engine. Cheap to clone.
#[derive(Clone, Default)]
pub struct Ledger {
    rows: Arc<Mutex<Vec<Arc<Row>>>>,
    next: Arc<AtomicU64>,
}

/// One row of the live table.
pub struct Row {
    pub id: u64,
    pub opening: Opening,
    up: AtomicU64,
    down: AtomicU64,
    cancelled: AtomicBool,
    ended: AtomicU8,
    waker: AtomicWaker,
}

/// The data plane's hold on its row; dropping it ends the row.
pub struct Live(Arc<Row>);

impl Ledger {
    /// Opens a row on the calling thread.
    pub fn open(&self, opening: Opening) -> Live {
        let row = Arc::new(Row {
            id: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            opening,
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            ended: AtomicU8::new(0),
            waker: AtomicWaker::new(),
        });
        if let Ok(mut rows) = self.rows.lock() {
            rows.push(row.clone());
        }
        Live(row)
    }

    /// A connection that never stood: blocked, or its dial failed.
    pub fn refused(&self, _opening: Opening, _end: End, _error: Option<String>) {}

    /// The rows that stand now.
    pub fn live(&self) -> Vec<Arc<Row>> {
        self.rows
            .lock()
            .map(|mut rows| {
                rows.retain(|row| row.ended.load(Ordering::Relaxed) == 0);
                rows.clone()
            })
            .unwrap_or_default()
    }
}

impl Row {
    /// Asks the connection to close.
    pub fn cancel(&self, _why: End) {
        self.cancelled.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub fn up_bytes(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    pub fn down_bytes(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }
}

impl Live {
    pub fn row(&self) -> &Arc<Row> {
        &self.0
    }

    pub fn up(&self, bytes: u64) {
        self.0.up.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn down(&self, bytes: u64) {
        self.0.down.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Ready once somebody wants this connection closed.
    pub fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.cancelled.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.0.waker.register(cx.waker());
        if self.0.cancelled.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Ends the row with its reason; without this call it ends as finished when dropped.
    pub fn end(self, _end: End, _error: Option<String>) {}
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.ended.store(1, Ordering::Relaxed);
    }
}
