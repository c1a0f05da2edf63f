//! A response body while it is received: one writer, and any number of readers, each at its own place.
//!
//! While the body may still be stored, all of it is kept, so that readers that come late start at the beginning and
//! a slow reader holds nobody. A body that outgrows its limit is not stored any more: what is kept is then bounded, the
//! writer waits for the fastest reader, and a reader that falls too far behind is told so.
//! Only [`IncomingWriter::finish`] completes a body. Dropping the writer aborts it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slab::Slab;

use crate::body::{BLOCK, Broken, MemoryBody};
use crate::budget::{Budget, block};

/// How far the fastest reader may be behind a writer whose body is not stored, in bytes.
pub const WINDOW: u64 = 512 * 1024;

/// Pieces shorter than this are joined with the one before them.
const JOIN_BELOW: usize = 4096;

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
        state: Mutex::new(State {
            first_block: 0,
            blocks: VecDeque::new(),
            parts: Vec::new(),
            parts_len: 0,
            received: 0,
            phase: Phase::Receiving,
            keep: Keep::Whole { limit },
            readers: Slab::new(),
            writer: None,
        }),
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

#[derive(Debug)]
struct State {
    /// The number of `blocks[0]`: those before it were dropped.
    first_block: u64,
    /// Blocks of [`BLOCK`] bytes.
    blocks: VecDeque<Bytes>,
    /// The block that is being filled, in pieces.
    parts: Vec<Bytes>,
    parts_len: usize,
    received: u64,
    phase: Phase,
    keep: Keep,
    readers: Slab<Place>,
    writer: Option<Waker>,
}

#[derive(Debug)]
enum Phase {
    Receiving,
    Complete { trailers: Bytes },
    Broken(Broken),
}

#[derive(Debug, Clone, Copy)]
enum Keep {
    /// All of it, up to `limit` bytes.
    Whole { limit: u64 },
    /// What readers still need, up to `most` bytes.
    Needed { most: u64 },
}

#[derive(Debug)]
struct Place {
    offset: u64,
    overtaken: bool,
    waker: Option<Waker>,
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

impl State {
    fn kept_from(&self) -> u64 {
        self.first_block * BLOCK as u64
    }

    fn active(&self) -> impl Iterator<Item = &Place> {
        self.readers
            .iter()
            .map(|(_, place)| place)
            .filter(|place| !place.overtaken)
    }

    /// Takes memory for `more` bytes, or stops keeping all of the body. It has `length` bytes with them.
    fn account(&mut self, length: u64, more: u64, budget: &Budget) {
        if let Keep::Whole { limit } = self.keep {
            if length <= limit && budget.reserve(more) {
                return;
            }
            let kept = length.saturating_sub(self.kept_from());
            self.keep = Keep::Needed {
                most: kept.saturating_add(WINDOW),
            };
        }
        budget.force(more);
    }

    fn append(&mut self, mut data: &[u8], budget: &Arc<Budget>) {
        while !data.is_empty() {
            let room = BLOCK.saturating_sub(self.parts_len).min(data.len());
            let (now, later) = data.split_at(room);
            self.append_part(now, budget);
            self.received += now.len() as u64;
            data = later;
            if self.parts_len == BLOCK {
                self.seal(budget);
            }
        }
    }

    /// Appends to the block that is being filled. Readers count bytes, so that pieces can be joined under them.
    fn append_part(&mut self, data: &[u8], budget: &Arc<Budget>) {
        self.parts_len += data.len();
        let part: Box<[u8]> = match self.parts.last() {
            Some(last) if last.len() < JOIN_BELOW => {
                budget.force(last.len() as u64);
                let joined = [last, data].concat();
                self.parts.pop();
                joined.into()
            }
            _ => data.into(),
        };
        self.parts.push(block(part, budget));
    }

    /// Makes one allocation of the block that is being filled.
    fn seal(&mut self, budget: &Arc<Budget>) {
        let parts = std::mem::take(&mut self.parts);
        let len = std::mem::take(&mut self.parts_len);
        match parts.as_slice() {
            [] => {}
            [one] => self.blocks.push_back(one.clone()),
            several => {
                budget.force(len as u64);
                self.blocks
                    .push_back(block(several.concat().into(), budget));
            }
        }
    }

    /// What is kept at `offset`, up to the end of its piece.
    fn piece_at(&self, offset: u64) -> Option<Bytes> {
        let block = (offset / BLOCK as u64).checked_sub(self.first_block)?;
        let mut within = usize::try_from(offset % BLOCK as u64).ok()?;
        if let Some(block) = self.blocks.get(usize::try_from(block).ok()?) {
            return (within < block.len()).then(|| block.slice(within..));
        }
        if block != self.blocks.len() as u64 {
            return None;
        }
        for part in &self.parts {
            if within < part.len() {
                return Some(part.slice(within..));
            }
            within -= part.len();
        }
        None
    }

    /// Drops what no reader needs, and overtakes the slowest readers where they keep too much.
    fn trim(&mut self) {
        let Keep::Needed { most } = self.keep else {
            return;
        };
        loop {
            let slowest = self.active().map(|place| place.offset).min();
            let slowest = slowest.unwrap_or(self.received);
            self.drop_before(slowest);
            let kept = self.received.saturating_sub(self.kept_from());
            let fastest = self.active().map(|place| place.offset).max();
            if kept <= most || fastest.is_none_or(|fastest| fastest == slowest) {
                return;
            }
            for (_, place) in &mut self.readers {
                place.overtaken |= place.offset == slowest;
            }
        }
    }

    fn drop_before(&mut self, offset: u64) {
        while self.kept_from().saturating_add(BLOCK as u64) <= offset {
            if self.blocks.pop_front().is_none() {
                return;
            }
            self.first_block += 1;
        }
    }

    fn take_wakers(&mut self) -> Vec<Waker> {
        let readers = self.readers.iter_mut();
        readers
            .filter_map(|(_, place)| place.waker.take())
            .collect()
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
