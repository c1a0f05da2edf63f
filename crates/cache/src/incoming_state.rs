//! What is kept of a body while it is received.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;
use slab::Slab;

use crate::body::{BLOCK, BodyReadError};
use crate::budget::{Budget, block};
use crate::store::disk::spill::{Spill, SpillObserver, SpillTarget};

/// How far the fastest reader may be behind a writer whose body is not stored, in bytes.
pub const WINDOW: u64 = 512 * 1024;

/// How far the disk may be behind a writer whose body goes there, in bytes.
const BACKLOG: u64 = 1024 * 1024;

/// Pieces shorter than this are joined with the one before them.
const JOIN_BELOW: usize = 4096;

/// What the writer and the readers of a body share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) budget: Arc<Budget>,
    /// The announced length.
    pub(crate) expected: Option<u64>,
    /// Where it goes beyond the memory's share.
    pub(crate) target: Option<Box<dyn SpillTarget>>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpillObserver for Shared {
    fn spilled(&self) {
        let mut state = self.lock();
        state.trim();
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }

    fn not_spilled(&self) {
        let mut state = self.lock();
        if let Keep::OnDisk = state.keep {
            let received = state.received;
            state.keep_needed(received);
        }
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }
}

#[derive(Debug)]
pub(crate) struct State {
    /// The number of `blocks[0]`: those before it were dropped.
    pub(crate) first_block: u64,
    /// Blocks of [`BLOCK`] bytes.
    pub(crate) blocks: VecDeque<Bytes>,
    /// The block that is being filled, in pieces.
    pub(crate) parts: Vec<Bytes>,
    pub(crate) parts_len: usize,
    pub(crate) received: u64,
    pub(crate) phase: Phase,
    pub(crate) keep: Keep,
    pub(crate) readers: Slab<Place>,
    pub(crate) writer: Option<Waker>,
    /// Its beginning on disk.
    pub(crate) spill: Option<Spilling>,
}

/// A body that goes to disk, or went there until that failed.
#[derive(Debug)]
pub(crate) struct Spilling {
    pub(crate) spill: Arc<Spill>,
    /// The number of the next block that is handed in.
    pub(crate) next: u64,
}

#[derive(Debug)]
pub(crate) enum Phase {
    Receiving,
    Complete { trailers: Bytes },
    Broken(BodyReadError),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Keep {
    /// All of it, up to `limit` bytes.
    Whole { limit: u64 },
    /// All of it, on disk. In memory is what was not written yet, and what came last.
    OnDisk,
    /// What readers still need, up to `most` bytes.
    Needed { most: u64 },
}

#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) overtaken: bool,
    pub(crate) waker: Option<Waker>,
}

impl State {
    /// Nothing was received. All is kept, up to `limit` bytes.
    pub(crate) fn new(limit: u64) -> State {
        State {
            first_block: 0,
            blocks: VecDeque::new(),
            parts: Vec::new(),
            parts_len: 0,
            received: 0,
            phase: Phase::Receiving,
            keep: Keep::Whole { limit },
            readers: Slab::new(),
            writer: None,
            spill: None,
        }
    }

    pub(crate) fn kept_from(&self) -> u64 {
        self.first_block * BLOCK as u64
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = &Place> {
        self.readers
            .iter()
            .map(|(_, place)| place)
            .filter(|place| !place.overtaken)
    }

    /// Bytes that can be read from disk.
    pub(crate) fn on_disk(&self) -> u64 {
        self.spill
            .as_ref()
            .map_or(0, |spilling| spilling.spill.len())
    }

    /// Whether all from `offset` on can be read, now or once it has arrived.
    pub(crate) fn is_readable(&self, offset: u64) -> bool {
        let kept_from = self.kept_from();
        kept_from <= offset || kept_from <= self.on_disk()
    }

    /// Takes memory for `more` bytes, or keeps the body elsewhere, or not at all. It has `length` bytes with them, and
    /// `expected` were announced.
    pub(crate) fn account(
        &mut self,
        length: u64,
        more: u64,
        expected: Option<u64>,
        budget: &Budget,
        target: Option<&dyn SpillTarget>,
    ) {
        if let Keep::Whole { limit } = self.keep {
            let expected = expected.unwrap_or(length);
            let fits = length <= limit && (expected <= limit || target.is_none());
            if fits && budget.reserve(more) {
                return;
            }
            match target.and_then(|target| target.begin(expected.max(length))) {
                Some(spill) => {
                    self.keep = Keep::OnDisk;
                    self.spill = Some(Spilling { spill, next: 0 });
                }
                // It is kept until it outgrows its limit, so that others can join.
                None if length <= limit && budget.reserve(more) => return,
                None => self.keep_needed(length),
            }
        }
        if let Keep::OnDisk = self.keep
            && target.is_none_or(|target| length > target.most())
        {
            self.keep_needed(length);
        }
        budget.force(more);
    }

    /// Stops keeping all of the body, which has `length` bytes now.
    pub(crate) fn keep_needed(&mut self, length: u64) {
        let kept = length.saturating_sub(self.kept_from());
        self.keep = Keep::Needed {
            most: kept.saturating_add(WINDOW),
        };
    }

    /// The blocks that are to be handed in to the disk.
    pub(crate) fn blocks_for_disk(&mut self) -> Vec<(Arc<Spill>, Bytes)> {
        let (Keep::OnDisk, Some(spilling)) = (self.keep, &mut self.spill) else {
            return Vec::new();
        };
        let from = spilling.next.saturating_sub(self.first_block);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let blocks = self.blocks.iter().skip(from);
        let blocks: Vec<_> = blocks
            .map(|block| (spilling.spill.clone(), block.clone()))
            .collect();
        spilling.next += blocks.len() as u64;
        blocks
    }

    /// Whether the disk is so far behind that the writer has to wait.
    pub(crate) fn waits_for_disk(&self) -> bool {
        self.received.saturating_sub(self.on_disk()) > BACKLOG
    }

    pub(crate) fn append(&mut self, mut data: &[u8], budget: &Arc<Budget>) {
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
    pub(crate) fn append_part(&mut self, data: &[u8], budget: &Arc<Budget>) {
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
    pub(crate) fn seal(&mut self, budget: &Arc<Budget>) {
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
    pub(crate) fn piece_at(&self, offset: u64) -> Option<Bytes> {
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
    pub(crate) fn trim(&mut self) {
        let on_disk = self.on_disk();
        let most = match self.keep {
            Keep::Whole { .. } => return,
            Keep::OnDisk => {
                let last = self.received.saturating_sub(WINDOW);
                return self.drop_before(on_disk.min(last));
            }
            Keep::Needed { most } => most,
        };
        loop {
            let needs = |place: &Place| place.offset.max(on_disk);
            let slowest = self.active().map(needs).min();
            let slowest = slowest.unwrap_or(self.received);
            self.drop_before(slowest);
            let kept = self.received.saturating_sub(self.kept_from());
            let fastest = self.active().map(needs).max();
            if kept <= most || fastest.is_none_or(|fastest| fastest == slowest) {
                return;
            }
            for (_, place) in &mut self.readers {
                place.overtaken |= needs(place) == slowest;
            }
        }
    }

    pub(crate) fn drop_before(&mut self, offset: u64) {
        while self.kept_from().saturating_add(BLOCK as u64) <= offset {
            if self.blocks.pop_front().is_none() {
                return;
            }
            self.first_block += 1;
        }
    }

    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let readers = self.readers.iter_mut();
        readers
            .filter_map(|(_, place)| place.waker.take())
            .collect()
    }
}

pub(crate) fn set_waker(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
