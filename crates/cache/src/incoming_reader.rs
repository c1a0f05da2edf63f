//! Reading a body while it is received, from memory or from disk.

use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;

use crate::body::BodyReadError;
use crate::incoming_state::{Keep, Phase, Shared, State, set_waker};
use crate::store::disk::reader::DiskReader;
use crate::store::disk::spill::Spill;

/// Reads a body while it is received.
#[derive(Debug)]
pub struct IncomingReader {
    shared: Arc<Shared>,
    id: usize,
    /// Reads what is not in memory any more.
    disk: Option<DiskReader>,
}

impl IncomingReader {
    pub(crate) fn new(shared: Arc<Shared>, id: usize) -> IncomingReader {
        IncomingReader {
            shared,
            id,
            disk: None,
        }
    }

    /// The next bytes, at most `most` of them; none at the end.
    ///
    /// # Errors
    ///
    /// Where the body was aborted, or where this reader was overtaken.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Bytes>, BodyReadError>> {
        if let Some(piece) = self.disk.as_mut().and_then(|disk| disk.next_ready(most)) {
            self.advance(self.shared.lock(), &piece);
            return Poll::Ready(Ok(Some(piece)));
        }
        let mut state = self.shared.lock();
        let Some(place) = state.readers.get(self.id) else {
            return Poll::Ready(Err(BodyReadError::Aborted));
        };
        if place.overtaken {
            return Poll::Ready(Err(BodyReadError::Overtaken));
        }
        let offset = place.offset;
        if let Some(mut piece) = state.piece_at(offset) {
            self.disk = None;
            piece.truncate(most);
            self.advance(state, &piece);
            return Poll::Ready(Ok(Some(piece)));
        }
        if offset < state.on_disk() {
            let spill = state.spill.as_ref().map(|spilling| spilling.spill.clone());
            drop(state);
            return self.poll_disk(cx, spill, offset, most);
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

    /// The next bytes where they have arrived already.
    pub(crate) fn next_ready(&mut self, most: usize) -> Option<Bytes> {
        if let Some(piece) = self.disk.as_mut().and_then(|disk| disk.next_ready(most)) {
            self.advance(self.shared.lock(), &piece);
            return Some(piece);
        }
        let state = self.shared.lock();
        let place = state.readers.get(self.id)?;
        let mut piece = match place.overtaken {
            true => None,
            false => state.piece_at(place.offset),
        }?;
        self.disk = None;
        piece.truncate(most);
        self.advance(state, &piece);
        Some(piece)
    }

    fn poll_disk(
        &mut self,
        cx: &mut Context<'_>,
        spill: Option<Arc<Spill>>,
        offset: u64,
        most: usize,
    ) -> Poll<Result<Option<Bytes>, BodyReadError>> {
        if self.disk.is_none() {
            self.disk = spill.and_then(|spill| spill.reader(offset));
        }
        let Some(disk) = &mut self.disk else {
            return Poll::Ready(Err(BodyReadError::Io));
        };
        match ready!(disk.poll_next(cx, most))? {
            Some(piece) => {
                self.advance(self.shared.lock(), &piece);
                Poll::Ready(Ok(Some(piece)))
            }
            None => Poll::Ready(Err(BodyReadError::Io)),
        }
    }

    /// Goes on behind a piece.
    fn advance(&self, mut state: MutexGuard<'_, State>, piece: &Bytes) {
        if let Some(place) = state.readers.get_mut(self.id) {
            place.offset = place.offset.saturating_add(piece.len() as u64);
            place.waker = None;
        }
        state.trim();
        let waits = matches!(state.keep, Keep::Needed { .. });
        let writer = state.writer.take_if(|_| waits);
        drop(state);
        writer.into_iter().for_each(Waker::wake);
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
