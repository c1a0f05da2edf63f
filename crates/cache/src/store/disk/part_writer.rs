//! What the writing thread does with parts of bodies.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::blocks::Blocks;
use super::part_file::PartFile;
use super::reader::DiskBody;
use super::spill::Spill;
use super::spill_target::DiskTarget;
use super::writer::{Writer, record_of};
use crate::body::BLOCK;
use crate::entry::Entry;
use crate::incoming::Incoming;
use crate::key::Key;
use crate::parts::{Parts, Source};
use crate::rules::range::ByteRange;

impl Writer {
    fn new_spill(&self) -> Arc<Spill> {
        let id = self.disk.next_id.fetch_add(1, Ordering::Relaxed);
        Arc::new(Spill::new(id, self.disk.reads.clone()))
    }

    /// A part's file is written.
    fn part_file(&self, spill: &Arc<Spill>, blocks: Arc<Blocks>) -> Arc<PartFile> {
        let disk = &self.disk;
        let body = DiskBody::new(blocks.clone(), None, disk.reads.clone(), Bytes::new());
        let most = disk.most_of_parts();
        let target = Box::new(DiskTarget {
            disk: disk.clone(),
            most,
        });
        let files = &disk.part_files;
        files.add(spill.clone(), blocks, body, target, most)
    }

    /// Writes parts that are the whole as one object.
    pub(super) fn store_parts(&mut self, key: Key, entry: &Entry) -> io::Result<()> {
        let (Some(parts), Some(cache)) = (entry.parts(), self.cache.upgrade()) else {
            return Ok(());
        };
        let mut description = entry.description(parts.complete().unwrap_or(0));
        description.head.status = 200;
        let spill = self.new_spill();
        let written = self.write_parts(&spill, parts, description.body_len);
        let finished = match written {
            Ok(true) => spill.finish(&description).map(Some),
            other => other.map(|_| None),
        };
        self.disk.uncount_spilled(&spill);
        let (blocks, tail_at, len) = match finished {
            Ok(Some(finished)) => finished,
            other => {
                self.abandon(&spill);
                return other.map(|_| ());
            }
        };
        let record = Arc::new(record_of(&description, spill.id, tail_at, len));
        let reads = self.disk.reads.clone();
        let on_disk = DiskBody::new(blocks, Some(record.clone()), reads, Bytes::new());
        if !cache.install_parts(key, entry, on_disk, &record) {
            self.abandon(&spill);
            return Ok(());
        }
        self.written(record)
    }

    /// False where there is no room, or something is missing.
    fn write_parts(&mut self, spill: &Spill, parts: &Parts, len: u64) -> io::Result<bool> {
        let Some(budget) = self.cache.upgrade().map(|cache| cache.budget().clone()) else {
            return Ok(false);
        };
        let mut block = Vec::with_capacity(BLOCK);
        let mut at = 0;
        while at < len {
            let Some(piece) = parts.piece_at(at, BLOCK - block.len(), &budget) else {
                return Ok(false);
            };
            at += piece.len() as u64;
            block.extend_from_slice(&piece);
            if block.len() == BLOCK || at == len {
                if !self.write_block(spill, &block)? {
                    return Ok(false);
                }
                block.clear();
            }
        }
        Ok(true)
    }

    /// Writes a part that is in memory to a file of its own.
    pub(super) fn store_part(
        &mut self,
        key: Key,
        parts: &Parts,
        range: ByteRange,
    ) -> io::Result<()> {
        let Some(body) = parts.in_memory(range) else {
            return Ok(());
        };
        let spill = self.new_spill();
        let mut written = Ok(true);
        for block in body.blocks() {
            written = self.write_block(&spill, block);
            if !matches!(written, Ok(true)) {
                break;
            }
        }
        let blocks = spill.close().filter(|_| matches!(written, Ok(true)));
        let Some(blocks) = blocks else {
            self.abandon(&spill);
            return written.map(|_| ());
        };
        let file = self.part_file(&spill, blocks);
        if parts.move_to_disk(range, file)
            && let Some(cache) = self.cache.upgrade()
        {
            cache.part_moved(key, parts);
        }
        Ok(())
    }

    /// Makes a body that has arrived a part in a file.
    pub(super) fn finish_part(
        &mut self,
        key: Key,
        parts: &Parts,
        body: &Incoming,
        spill: &Arc<Spill>,
    ) {
        let Some(cache) = self.cache.upgrade() else {
            return self.abandon(spill);
        };
        let Some(blocks) = spill.close() else {
            self.abandon(spill);
            return cache.part_not_arrived(key, parts, body);
        };
        let file = self.part_file(spill, blocks);
        if parts.finish(body, Source::Disk(file)).is_some() {
            cache.part_arrived(key, parts);
        }
    }
}
