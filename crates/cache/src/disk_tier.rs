//! How a cache uses its disk: what is written, loaded, evicted and lost.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, MutexGuard, Weak};
use std::time::Duration;

use crate::cache::{Cache, lock};
use crate::entry::Entry;
use crate::key::Key;
use crate::rules::range::ByteRange;
use crate::store::disk::format::Record;
use crate::store::disk::load::Load;
use crate::store::disk::log::IndexContents;
use crate::store::disk::owner::DiskOwner;
use crate::store::disk::read_job::ReadJob;
use crate::store::disk::spill::SpillTarget;
use crate::store::disk::spill_target::DiskTarget;
use crate::store::disk::store::Disk;
use crate::store::disk::write_job::{Flushed, WriteJob};
use crate::store::index::{Removed, Shard};
use crate::store::slot::SlotId;

/// The largest object on disk is this part of all of it: one that takes the whole would only push out all others.
const LARGEST_PART: u64 = 2;

impl Cache {
    /// Puts what the index says into the cache. Gives the numbers of the objects.
    pub(crate) fn restore(&self, contents: IndexContents) -> HashSet<u64> {
        let Some(disk) = self.disk() else {
            return HashSet::new();
        };
        let mut records: Vec<Arc<Record>> = contents.records.into_values().collect();
        // The newest variant of a key is its first one.
        records.sort_unstable_by_key(|record| record.id);
        let known = records.iter().map(|record| record.id).collect();
        for record in records {
            disk.added(&record);
            self.budget().force(record.memory_bytes());
            self.shard(record.key)
                .insert_record(record.key, record, self.budget());
        }
        self.make_disk_room();
        self.make_room(0);
        known
    }

    /// Starts the disk's threads.
    pub(crate) fn start_disk(self: &Arc<Self>, known: HashSet<u64>) {
        if let Some(disk) = self.disk() {
            let cache: Weak<dyn DiskOwner> = Arc::<Cache>::downgrade(self);
            disk.start(&cache, known);
        }
    }

    /// The folder in which entries are kept; none where they are in memory only.
    pub fn folder(&self) -> Option<&Path> {
        self.disk().map(|disk| disk.folder())
    }

    /// Changes the most bytes on disk, of all caches that share it; what is too much leaves at once.
    pub fn set_disk(&self, bytes: u64) {
        if let Some(disk) = self.disk() {
            disk.pool().set_limit(bytes);
        }
    }

    /// Takes the entry that is worth least off the disk. False where none can leave.
    pub(crate) fn evict_from_disk(&self) -> bool {
        let Some(disk) = self.disk() else {
            return false;
        };
        for _ in 0..self.shards.len() {
            let Some(shard) = self.shards.get(self.next_evicting()) else {
                return false;
            };
            if let Some(evicted) = lock(shard).evict_record() {
                disk.evicted();
                self.release(evicted);
                return true;
            }
        }
        false
    }

    /// Waits until all changes are on disk, so that they hold also where the process is killed. Blocks; false where they
    /// cannot be written, or that takes longer than `at_most`.
    pub fn flush(&self, at_most: Duration) -> bool {
        let Some(disk) = self.disk() else {
            return true;
        };
        let flushed = Arc::new(Flushed::default());
        disk.push(WriteJob::Flush(flushed.clone()));
        flushed.wait(at_most)
    }

    /// Writes what waits to be written and lets go of the folder, so that another cache can have it. Blocks. Entries on
    /// disk cannot be read any more.
    pub fn close(&self) {
        if let Some(disk) = self.disk() {
            disk.join();
        }
    }

    /// Hands in a job for the disk, where there is one.
    pub(crate) fn write(&self, job: WriteJob) {
        if let Some(disk) = self.disk() {
            disk.push(job);
        }
    }

    pub(crate) fn keep_on_disk(&self, key: Key, entry: &Entry) {
        let Some(disk) = self.disk() else {
            return;
        };
        let most = disk.limit() / LARGEST_PART;
        let fits = entry.body_len().is_some_and(|len| len <= most);
        if entry.keep_on_disk() && fits && !entry.is_on_disk() {
            disk.store(key, entry);
        }
    }

    /// An entry that is on disk was judged anew, as [`Entry::set_judged`] has noted: its file says so too, unless too much waits
    /// to be written.
    pub fn keep_verdict(&self, entry: &Entry) {
        let Some(disk) = self.disk().filter(|_| entry.judged() != 0) else {
            return;
        };
        let shard = self.shard(entry.key());
        let slot = shard.find(entry.key(), entry);
        let record = slot.and_then(|id| shard.slot(id)?.record.clone());
        drop(shard);
        if let Some(record) = record {
            disk.update(record, entry);
        }
    }

    /// Hands in parts that are the whole, to be one object on disk.
    pub(crate) fn keep_parts_on_disk(&self, key: Key, entry: &Entry) {
        let Some(disk) = self.disk().filter(|_| entry.keep_on_disk()) else {
            return;
        };
        let most = disk.limit() / LARGEST_PART;
        if entry.body_len().is_some_and(|len| len <= most) {
            disk.store_parts(key, entry);
        }
    }

    /// Hands in one of its parts, to be in a file of its own.
    pub(crate) fn keep_part_on_disk(&self, key: Key, entry: &Entry, range: ByteRange) {
        let disk = self.disk().filter(|_| entry.keep_on_disk());
        let Some((disk, parts)) = disk.zip(entry.parts()) else {
            return;
        };
        if range.len() <= disk.most_of_parts() {
            disk.store_part(key, parts, range);
        }
    }

    /// Puts an entry whose body is on disk now in its place. `described` is the entry that its file describes.
    pub(crate) fn install_on_disk(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        id: SlotId,
        described: &Entry,
        to_disk: impl FnOnce(&Entry) -> Entry,
        record: &Arc<Record>,
    ) -> bool {
        let Some(current) = shard.slot(id).and_then(|slot| slot.entry().cloned()) else {
            return false;
        };
        let new = to_disk(&current);
        shard.set_entry(id, new.clone(), self.budget());
        let old = self.attach(&mut shard, id, record);
        drop(shard);
        self.release(Removed {
            record: old,
            ..Removed::default()
        });
        if current.serial() != described.serial() {
            let record = record.clone();
            self.write(WriteJob::Update { record, entry: new });
        }
        true
    }

    /// Where a body goes that does not fit the memory, if it may be on disk.
    pub(crate) fn spill_target(&self, keep_on_disk: bool) -> Option<Box<dyn SpillTarget>> {
        self.target(keep_on_disk, |disk| disk.limit() / LARGEST_PART)
    }

    /// The same for a part.
    pub(crate) fn part_target(&self, keep_on_disk: bool) -> Option<Box<dyn SpillTarget>> {
        self.target(keep_on_disk, Disk::most_of_parts)
    }

    fn target(
        &self,
        keep_on_disk: bool,
        most: impl FnOnce(&Disk) -> u64,
    ) -> Option<Box<dyn SpillTarget>> {
        let disk = self.disk().filter(|_| keep_on_disk)?;
        let most = most(disk).min(self.policy().max_object);
        let disk = disk.clone();
        Some(Box::new(DiskTarget { disk, most }))
    }

    /// An entry has a file now. Gives the one that it had.
    pub(crate) fn attach(
        &self,
        shard: &mut Shard,
        id: SlotId,
        record: &Arc<Record>,
    ) -> Option<Arc<Record>> {
        let marks = shard.slot(id).map(|slot| slot.invalidated || slot.pinned);
        let old = shard.set_record(id, record.clone());
        if let Some(disk) = self.disk() {
            disk.added(record);
        }
        self.budget().force(record.memory_bytes());
        if marks == Some(true) {
            self.mark(shard, id, |_| {});
        }
        old
    }

    /// The reading of a key's entries that are on disk only; none where there are none, or where too many reads wait.
    pub(crate) fn load(&self, shard: &mut Shard, key: Key) -> Option<Arc<Load>> {
        let disk = self.disk()?;
        let on_disk = shard
            .variants(key)
            .filter(|(_, slot)| slot.resident.is_none());
        let records: Vec<_> = on_disk
            .filter_map(|(_, slot)| slot.record.clone())
            .collect();
        if records.is_empty() {
            return None;
        }
        if let Some(load) = shard.loads.get(&key) {
            return Some(load.clone());
        }
        let load = Arc::new(Load::default());
        let job = ReadJob::Load {
            key,
            records,
            load: load.clone(),
        };
        disk.read(job).then(|| {
            shard.loads.insert(key, load.clone());
            load
        })
    }
}
