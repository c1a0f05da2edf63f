//! The parts of one representation that are stored or being received (RFC 9111, 3.4; RFC 9110, 15.3.7.3).
//!
//! All of them have the same strong validator, or there is one only. Readers that need several of them hold a reader of
//! each, so that a part which is being received is received to its end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::body::{BLOCK, MemoryBody};
use crate::body_reader::BodyReader;
use crate::budget::{Budget, block};
use crate::incoming::Incoming;
use crate::rules::range::ByteRange;
use crate::rules::range_set::RangeSet;
use crate::store::disk::part_file::PartFile;

/// The most parts of one representation; further ones are passed on only.
const MOST_PARTS: usize = 1024;

/// Parts of a body. Clones are the same parts.
#[derive(Debug, Clone)]
pub(crate) struct Parts(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The length of the whole, if it is known.
    complete: Option<u64>,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    range: ByteRange,
    source: Source,
}

/// Where a part is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Memory(MemoryBody),
    Disk(Arc<PartFile>),
    Incoming(Incoming),
}

impl Part {
    /// Whether a new reader can have all of it.
    fn is_usable(&self) -> bool {
        match &self.source {
            Source::Memory(_) => true,
            Source::Disk(file) => file.is_there(),
            Source::Incoming(incoming) => incoming.is_whole(),
        }
    }

    fn is_arriving(&self) -> bool {
        matches!(self.source, Source::Incoming(_))
    }

    /// Reads from `first` on, up to `last` or its own end.
    fn reader(&self, first: u64, last: u64) -> BodyReader {
        let offset = first - self.range.first;
        let len = self.range.last.min(last) - first + 1;
        match &self.source {
            Source::Memory(body) => BodyReader::memory(body.clone(), offset, len),
            Source::Disk(file) => BodyReader::disk(file.reader(offset), len),
            Source::Incoming(incoming) => BodyReader::incoming(incoming.reader(offset), len),
        }
    }
}

impl Parts {
    pub(crate) fn new(complete: Option<u64>) -> Parts {
        Parts(Arc::new(Mutex::new(State {
            complete,
            parts: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_same(&self, other: &Parts) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The length of the whole, if it is known.
    pub(crate) fn complete(&self) -> Option<u64> {
        self.lock().complete
    }

    /// Bytes of the parts that are in memory.
    pub(crate) fn stored_bytes(&self) -> u64 {
        let state = self.lock();
        let stored = state.parts.iter().map(|part| match &part.source {
            Source::Memory(body) => body.len(),
            Source::Disk(_) | Source::Incoming(_) => 0,
        });
        stored.sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().parts.is_empty()
    }

    /// Whether so many more can be added.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.lock().parts.len() + more <= MOST_PARTS
    }

    /// Adds a part that is being received. False where there are too many already.
    pub(crate) fn begin(
        &self,
        range: ByteRange,
        complete: Option<u64>,
        incoming: &Incoming,
    ) -> bool {
        let mut state = self.lock();
        state.complete = state.complete.or(complete);
        state.forget_lost();
        if state.parts.len() >= MOST_PARTS {
            return false;
        }
        let at = state
            .parts
            .partition_point(|part| part.range.first <= range.first);
        let source = Source::Incoming(incoming.clone());
        state.parts.insert(at, Part { range, source });
        true
    }

    /// A part is complete. Those that it contains are of no use any more. Gives its range, where it is still wanted.
    pub(crate) fn finish(&self, incoming: &Incoming, stored: Source) -> Option<ByteRange> {
        let mut state = self.lock();
        let at = state.position(incoming)?;
        let mut finished = state.parts.remove(at);
        finished.source = stored;
        let range = finished.range;
        let is_needed = |part: &Part| part.is_arriving() || !range.contains(part.range);
        state.parts.retain(is_needed);
        let at = state
            .parts
            .partition_point(|part| part.range.first <= range.first);
        state.parts.insert(at, finished);
        Some(range)
    }

    /// The part with this range, where it is in memory.
    pub(crate) fn in_memory(&self, range: ByteRange) -> Option<MemoryBody> {
        let state = self.lock();
        state.parts.iter().find_map(|part| match &part.source {
            Source::Memory(body) if part.range == range => Some(body.clone()),
            _ => None,
        })
    }

    /// The part with this range is in a file now. False where it is not in memory any more.
    pub(crate) fn move_to_disk(&self, range: ByteRange, file: Arc<PartFile>) -> bool {
        let mut state = self.lock();
        let is_it =
            |part: &&mut Part| part.range == range && matches!(part.source, Source::Memory(_));
        match state.parts.iter_mut().find(is_it) {
            Some(part) => part.source = Source::Disk(file),
            None => return false,
        }
        true
    }

    /// A part broke off, or is not kept any more.
    pub(crate) fn remove(&self, incoming: &Incoming) {
        let mut state = self.lock();
        if let Some(at) = state.position(incoming) {
            state.parts.remove(at);
        }
    }

    /// Whether all of the whole is stored or being received.
    pub(crate) fn covers_all(&self) -> bool {
        let state = self.lock();
        let complete = state.complete;
        complete.is_some_and(|complete| state.covered().is_complete(complete))
    }

    /// Whether the whole is stored.
    pub(crate) fn is_complete(&self) -> bool {
        let state = self.lock();
        !state.parts.iter().any(Part::is_arriving)
            && state
                .complete
                .is_some_and(|complete| state.covered().is_complete(complete))
    }

    /// What is missing of a range, from the first to the last missing byte; none where all of it is there.
    pub(crate) fn missing(&self, range: ByteRange) -> Option<ByteRange> {
        self.lock().covered().missing(range, 1).first().copied()
    }

    /// Reads `len` bytes from `offset` on; a range that is not there whole cannot be read.
    pub(crate) fn reader(&self, offset: u64, len: u64) -> BodyReader {
        let end = offset.saturating_add(len);
        let end = self.complete().map_or(end, |complete| end.min(complete));
        let range = end
            .checked_sub(1)
            .and_then(|last| ByteRange::new(offset, last));
        let readers = match range {
            Some(range) => self.readers(range),
            // Nothing is asked for.
            None => Some(Default::default()),
        };
        readers.map_or_else(BodyReader::unread, BodyReader::parts)
    }

    /// Readers of a range, one after the other; none where something is missing.
    pub(crate) fn readers(&self, range: ByteRange) -> Option<VecDeque<BodyReader>> {
        let state = self.lock();
        let mut readers = VecDeque::new();
        let mut next = range.first;
        loop {
            let there = |part: &&Part| {
                part.range.first <= next && next <= part.range.last && part.is_usable()
            };
            let found = state.parts.iter().filter(there);
            let part = found.max_by_key(|part| part.range.last)?;
            readers.push_back(part.reader(next, range.last));
            if part.range.last >= range.last {
                return Some(readers);
            }
            next = part.range.last + 1;
        }
    }

    /// At most `most` stored bytes from `offset` on; none where they are not stored. May block.
    pub(crate) fn piece_at(&self, offset: u64, most: usize, budget: &Arc<Budget>) -> Option<Bytes> {
        let state = self.lock();
        let mut parts = state.parts.iter();
        let found = parts.find(|part| {
            let has = part.range.first <= offset && offset <= part.range.last;
            has && part.is_usable() && !part.is_arriving()
        })?;
        let (mut within, source) = (offset - found.range.first, found.source.clone());
        // A disk is not waited for under the lock.
        drop(state);
        match source {
            Source::Memory(body) => body.take_piece(&mut within, most),
            Source::Disk(file) => file.piece_at(within, most, budget),
            Source::Incoming(_) => None,
        }
    }

    /// The whole as one body; none where a part is missing.
    pub(crate) fn joined(&self, budget: &Arc<Budget>) -> Option<MemoryBody> {
        let state = self.lock();
        let complete = state.complete?;
        let mut joined = Vec::with_capacity(usize::try_from(complete).ok()?);
        while (joined.len() as u64) < complete {
            let next = joined.len() as u64;
            let stored = state.parts.iter().filter_map(|part| match &part.source {
                Source::Memory(body) => Some((part.range, body)),
                Source::Disk(_) | Source::Incoming(_) => None,
            });
            let mut there = stored.filter(|(range, _)| range.first <= next && next <= range.last);
            let (range, body) = there.next()?;
            let mut skip = usize::try_from(next - range.first).ok()?;
            for block in body.blocks() {
                let piece = block.get(skip..).unwrap_or_default();
                skip = skip.saturating_sub(block.len());
                joined.extend_from_slice(piece);
            }
        }
        let blocks: Vec<Bytes> = joined
            .chunks(BLOCK)
            .map(|chunk| {
                budget.force(chunk.len() as u64);
                block(chunk.into(), budget)
            })
            .collect();
        Some(MemoryBody::new(blocks.into_iter(), Bytes::new()))
    }
}

impl State {
    fn position(&self, incoming: &Incoming) -> Option<usize> {
        self.parts.iter().position(
            |part| matches!(&part.source, Source::Incoming(found) if found.is_same(incoming)),
        )
    }

    /// Parts whose files were removed are of no use.
    fn forget_lost(&mut self) {
        let is_lost = |part: &Part| matches!(&part.source, Source::Disk(file) if !file.is_there());
        self.parts.retain(|part| !is_lost(part));
    }

    fn covered(&self) -> RangeSet {
        let mut set = RangeSet::new();
        for part in self.parts.iter().filter(|part| part.is_usable()) {
            set.insert(part.range);
        }
        set
    }
}
