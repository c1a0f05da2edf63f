//! A response body while it is received: one writer, and any number of readers, each at its own place.
//!
//! While the body may still be stored, all of it is kept, so that readers that come late start at the beginning and
//! a slow reader holds nobody. A body that outgrows its limit goes to disk, where there is one: the writer then waits for the
//! disk. Otherwise it is not stored any more: what is kept is then bounded, the writer waits for the fastest reader, and a
//! reader that falls too far behind is told so.
//! Only [`IncomingWriter::finish`] completes a body. Dropping the writer aborts it.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::body::{BodyReadError, MemoryBody};
use crate::budget::{Budget, allocated_shared};
use crate::incoming_reader::IncomingReader;
use crate::incoming_state::{Keep, Phase, Place, Shared, State, WINDOW, set_waker};
use crate::store::disk::spill::{Spill, SpillObserver, SpillTarget};

/// The body has no reader and is not stored: the rest need not be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads the response any more")]
pub struct Gone;

/// Why a body could not be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    #[error("the body has {received} bytes where {expected} were announced")]
    WrongLength { expected: u64, received: u64 },
    #[error("the body is longer than announced")]
    TooLong,
}

/// Creates a body that is to be received. It is kept whole in memory up to `limit` bytes and as long as `budget` lets it,
/// and goes to `target` beyond that.
pub(crate) fn incoming(
    expected: Option<u64>,
    limit: u64,
    budget: &Arc<Budget>,
    target: Option<Box<dyn SpillTarget>>,
) -> (IncomingWriter, Incoming) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State::new(limit)),
        budget: budget.clone(),
        expected,
        target,
    });
    let writer = IncomingWriter {
        shared: shared.clone(),
        open: true,
    };
    (writer, Incoming { shared })
}

/// A body that is being received, or was received while somebody held this.
#[derive(Debug, Clone)]
pub struct Incoming {
    shared: Arc<Shared>,
}

impl Incoming {
    /// Bytes of memory that it takes beside those of its blocks.
    pub(crate) const OVERHEAD: u64 = allocated_shared(size_of::<Shared>());

    /// A reader from `offset` on. An offset that is no longer kept gives a reader that fails.
    pub fn reader(&self, offset: u64) -> IncomingReader {
        let mut state = self.shared.lock();
        let place = Place {
            offset,
            overtaken: !state.is_readable(offset),
            waker: None,
        };
        let id = state.readers.insert(place);
        drop(state);
        IncomingReader::new(self.shared.clone(), id)
    }

    /// Bytes received until now.
    pub fn received(&self) -> u64 {
        self.shared.lock().received
    }

    /// The announced length, or the real one once the body is complete.
    pub fn len(&self) -> Option<u64> {
        let state = self.shared.lock();
        match state.phase {
            Phase::Complete { .. } => Some(state.received),
            _ => self.shared.expected,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    pub fn is_complete(&self) -> bool {
        matches!(self.shared.lock().phase, Phase::Complete { .. })
    }

    /// Whether both are the same body.
    pub(crate) fn is_same(&self, other: &Incoming) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether a new reader can still have all of it.
    pub fn is_whole(&self) -> bool {
        let state = self.shared.lock();
        state.is_readable(0) && !matches!(state.phase, Phase::Broken(_))
    }
}

/// Writes the body. Dropping it aborts the body for all readers.
#[derive(Debug)]
pub struct IncomingWriter {
    shared: Arc<Shared>,
    open: bool,
}

impl IncomingWriter {
    /// Waits until more of the body is wanted.
    ///
    /// # Errors
    ///
    /// [`Gone`] where it is not stored and nobody reads it.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut state = self.shared.lock();
        match state.keep {
            Keep::Whole { .. } => return Poll::Ready(Ok(())),
            Keep::OnDisk if state.waits_for_disk() => {
                set_waker(&mut state.writer, cx);
                return Poll::Pending;
            }
            Keep::OnDisk => return Poll::Ready(Ok(())),
            Keep::Needed { .. } => {}
        }
        let fastest = state.active().map(|place| place.offset).max();
        match fastest {
            None => Poll::Ready(Err(Gone)),
            Some(offset) if state.received.saturating_sub(offset) < WINDOW => Poll::Ready(Ok(())),
            Some(_) => {
                set_waker(&mut state.writer, cx);
                Poll::Pending
            }
        }
    }

    /// Bytes that are on disk, where the writer waits for more of them to be.
    pub(crate) fn waits_at(&self) -> Option<u64> {
        let state = self.shared.lock();
        let waits = matches!(state.keep, Keep::OnDisk) && state.waits_for_disk();
        waits.then(|| state.on_disk())
    }

    /// Goes on without the disk, which does not write: the body is not stored.
    pub(crate) fn leave_disk(&self) {
        let state = self.shared.lock();
        let spilling = state.spill.as_ref();
        let spill = spilling.map(|spilling| spilling.spill.clone());
        drop(state);
        self.shared.not_spilled();
        if let Some(target) = &self.shared.target {
            target.hangs();
        }
        self.abandon(spill);
    }

    /// Waits until nobody reads it.
    pub fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.readers.is_empty() {
            return Poll::Ready(());
        }
        set_waker(&mut state.writer, cx);
        Poll::Pending
    }

    /// Appends a copy of `data`. Blocks are the body's own: a piece of a connection's buffer would keep all of it.
    ///
    /// # Errors
    ///
    /// Where the body becomes longer than announced. It is aborted then.
    pub fn push(&mut self, data: &[u8]) -> Result<(), Incomplete> {
        if data.is_empty() || !self.open {
            return Ok(());
        }
        let mut state = self.shared.lock();
        let length = state.received.saturating_add(data.len() as u64);
        if self
            .shared
            .expected
            .is_some_and(|expected| length > expected)
        {
            drop(state);
            self.end(Phase::Broken(BodyReadError::Aborted));
            return Err(Incomplete::TooLong);
        }
        let (expected, target) = (self.shared.expected, self.shared.target.as_deref());
        let more = data.len() as u64;
        let was_on_disk = matches!(state.keep, Keep::OnDisk);
        state.account(length, more, expected, &self.shared.budget, target);
        let gave_up = was_on_disk && !matches!(state.keep, Keep::OnDisk);
        state.append(data, &self.shared.budget);
        state.trim();
        let blocks = state.blocks_for_disk();
        let wakers = state.take_wakers();
        let spill = state.spill.as_ref().filter(|_| gave_up);
        let spill = spill.map(|spilling| spilling.spill.clone());
        drop(state);
        self.abandon(spill);
        self.hand_in(blocks);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Hands blocks in to the disk.
    fn hand_in(&self, blocks: Vec<(Arc<Spill>, Bytes)>) {
        let Some(target) = &self.shared.target else {
            return;
        };
        for (spill, block) in blocks {
            if !target.block(self.shared.clone(), spill, block) {
                return self.shared.not_spilled();
            }
        }
    }

    fn abandon(&self, spill: Option<Arc<Spill>>) {
        if let (Some(target), Some(spill)) = (&self.shared.target, spill) {
            target.abandon(spill);
        }
    }

    /// Completes the body. Says where it is kept.
    ///
    /// # Errors
    ///
    /// Where it is shorter than announced. It is aborted then.
    pub(crate) fn finish(mut self, trailers: &[u8]) -> Result<Received, Incomplete> {
        let mut state = self.shared.lock();
        let received = state.received;
        if !self.open {
            return Err(Incomplete::TooLong);
        }
        if let Some(expected) = self.shared.expected.filter(|len| *len != received) {
            drop(state);
            self.end(Phase::Broken(BodyReadError::Aborted));
            return Err(Incomplete::WrongLength { expected, received });
        }
        let trailers = Bytes::copy_from_slice(trailers);
        state.seal(&self.shared.budget);
        let received = match (state.keep, &state.spill) {
            (Keep::Whole { .. }, _) => {
                let blocks = state.blocks.iter().cloned();
                Received::InMemory(MemoryBody::new(blocks, trailers.clone()))
            }
            (Keep::OnDisk, Some(spilling)) => {
                Received::OnDisk(spilling.spill.clone(), trailers.clone())
            }
            _ => Received::NotKept,
        };
        let blocks = state.blocks_for_disk();
        drop(state);
        self.hand_in(blocks);
        self.end(Phase::Complete { trailers });
        Ok(received)
    }

    /// Ends the body before its end: readers get what was received, then an error.
    pub fn abort(mut self) {
        self.end(Phase::Broken(BodyReadError::Aborted));
    }

    /// How many read it now.
    pub fn readers(&self) -> usize {
        self.shared.lock().readers.len()
    }

    /// Whether all of it is kept in memory.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.shared.lock().keep, Keep::Whole { .. })
    }

    fn end(&mut self, phase: Phase) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut state = self.shared.lock();
        let is_broken = matches!(phase, Phase::Broken(_));
        let spilling = state.spill.as_ref().filter(|_| is_broken);
        let spill = spilling.map(|spilling| spilling.spill.clone());
        state.phase = phase;
        state.writer = None;
        let wakers = state.take_wakers();
        drop(state);
        self.abandon(spill);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Where a complete body is kept.
#[derive(Debug)]
pub(crate) enum Received {
    InMemory(MemoryBody),
    /// With its trailer fields.
    OnDisk(Arc<Spill>, Bytes),
    NotKept,
}

impl Drop for IncomingWriter {
    fn drop(&mut self) {
        self.end(Phase::Broken(BodyReadError::Aborted));
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
