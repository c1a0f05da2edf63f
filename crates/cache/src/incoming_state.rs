//! What is kept of a body while it is received.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use slab::Slab;

use crate::body::{BLOCK, Broken};
use crate::budget::{Budget, block};

/// How far the fastest reader may be behind a writer whose body is not stored, in bytes.
pub const WINDOW: u64 = 512 * 1024;

/// Pieces shorter than this are joined with the one before them.
const JOIN_BELOW: usize = 4096;

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
}

#[derive(Debug)]
pub(crate) enum Phase {
    Receiving,
    Complete { trailers: Bytes },
    Broken(Broken),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Keep {
    /// All of it, up to `limit` bytes.
    Whole { limit: u64 },
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

    /// Takes memory for `more` bytes, or stops keeping all of the body. It has `length` bytes with them.
    pub(crate) fn account(&mut self, length: u64, more: u64, budget: &Budget) {
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
