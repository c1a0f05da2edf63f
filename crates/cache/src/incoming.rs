//! A response body while it is received: one writer, and any number of readers, each at its own place.
//!
//! While the body may still be stored, all of it is kept, so that readers that come late start at the beginning and
//! a slow reader holds nobody. A body that outgrows its limit is not stored any more: what is kept is then bounded, the
//! writer waits for the fastest reader, and a reader that falls too far behind is told so.
//! Only [`IncomingWriter::finish`] completes a body. Dropping the writer aborts it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::body::{Broken, MemoryBody};
use crate::budget::Budget;
use crate::incoming_state::{Keep, Phase, Place, State, WINDOW};

/// Nobody reads the body and it is not stored: there is no use in receiving the rest.
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

/// Creates a body that is to be received. It is kept whole up to `limit` bytes and as long as `budget` lets it.
pub fn incoming(
    expected: Option<u64>,
    limit: u64,
    budget: &Arc<Budget>,
) -> (IncomingWriter, Incoming) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State::new(limit)),
        budget: budget.clone(),
        expected,
    });
    let writer = IncomingWriter {
        shared: shared.clone(),
        open: true,
    };
    (writer, Incoming { shared })
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    budget: Arc<Budget>,
    /// The announced length.
    expected: Option<u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that is being received, or was received while somebody held this.
#[derive(Debug, Clone)]
pub struct Incoming {
    shared: Arc<Shared>,
}

impl Incoming {
    /// A reader from `offset` on. An offset that is no longer kept gives a reader that fails.
    pub fn reader(&self, offset: u64) -> IncomingReader {
        let mut state = self.shared.lock();
        let place = Place {
            offset,
            overtaken: offset < state.kept_from(),
            waker: None,
        };
        let id = state.readers.insert(place);
        drop(state);
        IncomingReader {
            shared: self.shared.clone(),
            id,
        }
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
        state.kept_from() == 0 && !matches!(state.phase, Phase::Broken(_))
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
        let Keep::Needed { .. } = state.keep else {
            return Poll::Ready(Ok(()));
        };
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
            self.end(Phase::Broken(Broken::Aborted));
            return Err(Incomplete::TooLong);
        }
        state.account(length, data.len() as u64, &self.shared.budget);
        state.append(data, &self.shared.budget);
        state.trim();
        let wakers = state.take_wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Completes the body. Gives it where all of it was kept.
    ///
    /// # Errors
    ///
    /// Where it is shorter than announced. It is aborted then.
    pub fn finish(mut self, trailers: &[u8]) -> Result<Option<MemoryBody>, Incomplete> {
        let mut state = self.shared.lock();
        let received = state.received;
        if !self.open {
            return Err(Incomplete::TooLong);
        }
        if let Some(expected) = self.shared.expected.filter(|len| *len != received) {
            drop(state);
            self.end(Phase::Broken(Broken::Aborted));
            return Err(Incomplete::WrongLength { expected, received });
        }
        let trailers = Bytes::copy_from_slice(trailers);
        state.seal(&self.shared.budget);
        let whole = matches!(state.keep, Keep::Whole { .. });
        let body = whole.then(|| MemoryBody::new(state.blocks.iter().cloned(), trailers.clone()));
        drop(state);
        self.end(Phase::Complete { trailers });
        Ok(body)
    }

    /// Ends the body before its end: readers get what was received, then an error.
    pub fn abort(mut self) {
        self.end(Phase::Broken(Broken::Aborted));
    }

    /// How many read it now.
    pub fn readers(&self) -> usize {
        self.shared.lock().readers.len()
    }

    /// Whether all of it is kept.
    pub fn is_kept(&self) -> bool {
        matches!(self.shared.lock().keep, Keep::Whole { .. })
    }

    fn end(&mut self, phase: Phase) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut state = self.shared.lock();
        state.phase = phase;
        state.writer = None;
        let wakers = state.take_wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for IncomingWriter {
    fn drop(&mut self) {
        self.end(Phase::Broken(Broken::Aborted));
    }
}

/// Reads a body while it is received.
#[derive(Debug)]
pub struct IncomingReader {
    shared: Arc<Shared>,
    id: usize,
}

impl IncomingReader {
    /// The next bytes, at most `most` of them; none at the end.
    ///
    /// # Errors
    ///
    /// Where the body was aborted, or where this reader was overtaken.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Bytes>, Broken>> {
        let mut state = self.shared.lock();
        let Some(place) = state.readers.get(self.id) else {
            return Poll::Ready(Err(Broken::Aborted));
        };
        if place.overtaken {
            return Poll::Ready(Err(Broken::Overtaken));
        }
        let offset = place.offset;
        if let Some(mut piece) = state.piece_at(offset) {
            piece.truncate(most);
            if let Some(place) = state.readers.get_mut(self.id) {
                place.offset = offset.saturating_add(piece.len() as u64);
                place.waker = None;
            }
            state.trim();
            let waits = matches!(state.keep, Keep::Needed { .. });
            let writer = state.writer.take_if(|_| waits);
            drop(state);
            writer.into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok(Some(piece)));
        }
        match &state.phase {
            Phase::Complete { .. } => Poll::Ready(Ok(None)),
            Phase::Broken(broken) => Poll::Ready(Err(*broken)),
            Phase::Receiving => {
                if let Some(place) = state.readers.get_mut(self.id) {
                    set_waker(&mut place.waker, cx);
                }
                Poll::Pending
            }
        }
    }

    /// The trailer fields, once the body is complete.
    pub fn trailers(&self) -> Bytes {
        match &self.shared.lock().phase {
            Phase::Complete { trailers } => trailers.clone(),
            _ => Bytes::new(),
        }
    }
}

impl Drop for IncomingReader {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.readers.contains(self.id) {
            state.readers.remove(self.id);
        }
        state.trim();
        // It may have been the fastest, or the last.
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }
}

fn set_waker(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
