//! What the writing thread does.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::format::Record;
use super::queue::lock;
use super::spill::{Spill, SpillObserver};
use crate::entry::Entry;
use crate::incoming::Incoming;
use crate::key::Key;
use crate::parts::Parts;
use crate::rules::range::ByteRange;

/// What the writing thread does.
#[derive(Debug)]
pub(crate) enum WriteJob {
    Store {
        key: Key,
        entry: Entry,
    },
    /// The entry's parts are the whole: they become one object.
    StoreParts {
        key: Key,
        entry: Entry,
    },
    /// A part that is in memory gets a file of its own.
    StorePart {
        key: Key,
        parts: Parts,
        range: ByteRange,
    },
    /// The entry has a newer head or verdict than its file.
    Update {
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
    /// Of a body that arrives.
    Spill(SpillJob),
    Flush(Arc<Flushed>),
}

/// What the writing thread does with a body that arrives. A body has few of these at a time: its writer waits.
#[derive(Debug)]
pub(crate) enum SpillJob {
    Block {
        body: Arc<dyn SpillObserver>,
        spill: Arc<Spill>,
        block: Bytes,
    },
    /// All blocks were handed in.
    Finish {
        key: Key,
        body: Incoming,
        spill: Arc<Spill>,
        trailers: Bytes,
        took: Duration,
    },
    /// The same for a body that is one of these parts.
    FinishPart {
        key: Key,
        parts: Parts,
        body: Incoming,
        spill: Arc<Spill>,
    },
    /// The body is not kept.
    Abandon { spill: Arc<Spill> },
}

/// Tells when all that was handed in before it is done.
#[derive(Debug, Default)]
pub(crate) struct Flushed {
    /// Whether it is written, once that is known.
    written: Mutex<Option<bool>>,
    changed: Condvar,
}

impl Flushed {
    pub(super) fn set(&self, written: bool) {
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
